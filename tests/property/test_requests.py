"""Requests drawn from the shapes: whatever comes, the answer is one or an error of the contract."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hostile
import postgresql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_ml.contract import drawing, model
from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import InternalFailure, ServiceError, ValidationException
from jupyter_ml.contract.validator import validate_shape
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.services import registry
from jupyter_ml.testing import ManualClock, ScriptedEngine, fresh_settings
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATIONS = sorted(registry().operations)
drawn = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """One workspace for all examples: they meet what others left.

    Its engine is the real one, which nothing is submitted to, because nobody ticks.
    """
    root = Path(tempfile.mkdtemp())
    database = postgresql.server().new_database() if request.param == "postgresql" else None
    workspace = Workspace(fresh_settings(root, database=database))
    runtime = Runtime(workspace, registry(), LocalEngine(workspace.root), clock=ManualClock())
    archive = workspace.artifacts.put_bytes(_empty_archive(), workspace.artifacts.uri("a.tar.gz"))
    for operation, first in _first_requests(archive):
        Context(runtime, Principal("ada", "test")).call(operation, first)
    yield runtime
    workspace.store.close()
    shutil.rmtree(root)


def answer(runtime: Runtime, operation: str, request: dict[str, Any]) -> None:
    """Call an operation; its answer satisfies its shape, its refusal is no bug."""
    try:
        answered = Context(runtime, Principal("ada", "test")).call(operation, request)
    except InternalFailure:
        raise
    except ServiceError:
        return
    output = model.operation(operation).output
    if output is None:
        assert answered == {}
    else:
        validate_shape(output, answered)


@pytest.mark.parametrize("operation", OPERATIONS)
@drawn
@given(data=st.data())
def test_a_request_that_satisfies_the_contract_is_answered_or_refused(
    runtime: Runtime, operation: str, data: st.DataObject
) -> None:
    answer(runtime, operation, data.draw(named(operation)))


@pytest.mark.parametrize("operation", OPERATIONS)
@drawn
@given(data=st.data())
def test_a_request_that_may_break_the_contract_is_answered_or_refused(
    runtime: Runtime, operation: str, data: st.DataObject
) -> None:
    answer(runtime, operation, data.draw(drawing.broken_requests(operation)))


@pytest.mark.parametrize("operation", OPERATIONS)
@drawn
@given(data=st.data())
def test_a_hostile_request_is_answered_or_refused(
    runtime: Runtime, operation: str, data: st.DataObject
) -> None:
    try:
        request = json_object(data.draw(hostile.bodies(operation)))
    except ValidationException:
        return
    answer(runtime, operation, request)


def test_what_was_drawn_left_a_workspace_that_ticks(runtime: Runtime) -> None:
    tick(replace(runtime, engine=ScriptedEngine()))
    answer(runtime, "ListTrialComponents", {})


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w:gz").close()
    return buffer.getvalue()


def _first_requests(archive: str) -> list[tuple[str, dict[str, Any]]]:
    """Return requests that make one of each kind, all named "a"."""
    script = {"sagemaker_program": "train.py", "sagemaker_submit_directory": archive}
    variant = {"VariantName": "a", "ModelName": "a", "InitialInstanceCount": 1}
    return [
        ("CreateExperiment", {"ExperimentName": "a"}),
        ("CreateTrial", {"TrialName": "a", "ExperimentName": "a"}),
        ("CreateTrialComponent", {"TrialComponentName": "a"}),
        ("CreateTrainingJob", {"TrainingJobName": "a", "HyperParameters": script}),
        ("CreateModel", {"ModelName": "a", "PrimaryContainer": {"ModelDataUrl": archive}}),
        ("CreateEndpointConfig", {"EndpointConfigName": "a", "ProductionVariants": [variant]}),
        ("CreateEndpoint", {"EndpointName": "a", "EndpointConfigName": "a"}),
    ]


def named(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return requests that often name what exists."""
    shape = model.operation(operation).input
    members = shape.members if shape is not None else {}
    names = [name for name in members if name.endswith("Name") and members[name].type == "string"]
    return st.tuples(drawing.requests(operation), st.booleans()).map(
        lambda pair: {**pair[0], **dict.fromkeys(names if pair[1] else (), "a")}
    )
