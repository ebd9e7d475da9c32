"""The service models, as they are loaded from botocore and from our own file."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import botocore.model
import pytest

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import UnknownOperationException

OWN = model.document("jupyter-ml")


def test_loading_reads_nothing_at_import_and_never_imports_botocore() -> None:
    """Surfaces import the contract at start; botocore alone would take longer than they may."""
    code = (
        "import sys; from jupyter_ml.contract import model, validator\n"
        "assert not model._document.cache_info().currsize\n"
        "validator.validate('DescribeTrainingJob', {'TrainingJobName': 'a'})\n"
        "assert 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("CreateTrainingJob", "sagemaker"),
        ("InvokeEndpoint", "sagemaker-runtime"),
        ("BatchPutMetrics", "sagemaker-metrics"),
        ("CompareRuns", "jupyter-ml"),
    ],
)
def test_an_operation_is_found_in_the_model_that_declares_it(name: str, service: str) -> None:
    """Names are unique across the four models."""
    assert model.service_of(name) == service
    assert model.operation(name).name == name


def test_no_operation_of_ours_hides_one_of_sagemaker() -> None:
    """A newer botocore that takes one of our names is noticed here."""
    theirs = {
        name for service in model.SERVICES[:-1] for name in model.document(service)["operations"]
    }
    assert not theirs & set(OWN["operations"])


def test_an_unknown_operation_is_refused_with_the_nearest_names() -> None:
    """Upper and lower case do not matter for what is near."""
    with pytest.raises(UnknownOperationException, match=r"'createtrainigjob'.*CreateTrainingJob"):
        model.operation("createtrainigjob")


def test_threads_that_load_at_once_get_the_same_shapes() -> None:
    """Shapes are keys of caches."""
    with ThreadPoolExecutor(8) as pool:
        shapes = set(pool.map(lambda _: model.shape("CreateTransformJobRequest"), range(64)))
    assert len(shapes) == 1


def test_a_shape_may_contain_itself() -> None:
    """Members are resolved when asked for."""
    shape = model.shape("DescribeTrainingJobResponse")
    assert shape.members["AlgorithmSpecification"].members["TrainingImage"].type == "string"


def test_the_idempotency_token_of_a_request_is_known() -> None:
    """Core repeats the first answer for it."""
    shape = model.operation("CreatePipeline").input
    assert shape is not None
    assert shape.idempotency_token == "ClientRequestToken"


def test_our_own_model_is_in_botocore_s_grammar() -> None:
    """Merged with SageMaker's shapes, botocore reads it like one of its own."""
    shapes = {**model.document("sagemaker")["shapes"], **OWN["shapes"]}
    read = botocore.model.ServiceModel({**OWN, "shapes": shapes}, "jupyter-ml")
    for name in read.operation_names:
        operation = read.operation_model(name)
        assert operation.input_shape.members is not None
        assert operation.output_shape.members is not None


def test_our_own_shapes_take_no_name_of_sagemaker_s() -> None:
    """They refer to SageMaker's by name, so a shared name would be ambiguous."""
    assert not set(OWN["shapes"]) & set(model.document("sagemaker")["shapes"])


@pytest.mark.parametrize("name", sorted(OWN["operations"]))
def test_every_part_of_our_own_operations_is_documented(name: str) -> None:
    """The reference pages are made from the model."""
    operation = model.operation(name)
    assert operation.documentation
    for side in (operation.input, operation.output):
        assert side is not None
        for shape in _own_structures(side):
            assert shape.documentation
            assert all(shape.member_documentation(member) for member in shape.members)


def test_every_shape_of_ours_is_used() -> None:
    """What no operation leads to is dead."""
    used = set()
    for name in OWN["operations"]:
        operation = model.operation(name)
        for side in (operation.input, operation.output):
            assert side is not None
            used |= {shape.name for shape in _reachable(side) if shape.service == "jupyter-ml"}
    assert used == set(OWN["shapes"])


def _own_structures(shape: model.Shape) -> list[model.Shape]:
    found = _reachable(shape)
    return [one for one in found if one.type == "structure" and one.service == "jupyter-ml"]


def _reachable(shape: model.Shape) -> set[model.Shape]:
    found: set[model.Shape] = set()
    todo = [shape]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found.add(one)
        todo += one.members.values()
        if one.type in {"list", "map"}:
            todo.append(one.element)
    return found
