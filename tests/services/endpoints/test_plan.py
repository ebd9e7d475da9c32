"""What requests mean: plans and the classification of members, without any process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_ml.contract.errors import NotImplementedException, ValidationException
from jupyter_ml.contract.members import audit_members
from jupyter_ml.engine.instance_types import InstanceType
from jupyter_ml.services.endpoints.members import MEMBERS
from jupyter_ml.services.endpoints.plan import ModelPlan, ServingPlan, VariantPlan

DATA = "s3://bucket/model.tar.gz"
INJECT = Path("/workspace/inject")


def model(environment: dict[str, str] | None = None, **container: Any) -> ModelPlan:
    """Return the plan of a model with this container."""
    container = {"ModelDataUrl": DATA, "Environment": environment or {}, **container}
    return ModelPlan.from_request({"ModelName": "m", "PrimaryContainer": container})


def variant(**members: Any) -> VariantPlan:
    """Return the plan of a configuration with this variant."""
    members = {"VariantName": "v", "ModelName": "m", **members}
    return VariantPlan.from_request({"ProductionVariants": [members]})


def serving(plan: ModelPlan, **members: Any) -> ServingPlan:
    """Return how a model is served on two CPUs for each instance."""
    return ServingPlan(
        endpoint="e",
        model=plan,
        variant=variant(**members),
        size=InstanceType("ml.m5.large", 2, 8192, 0),
        data=Path("/data/model.tar.gz"),
        source=None,
    )


@pytest.mark.parametrize("operation", MEMBERS)
def test_every_member_is_classified(operation: str) -> None:
    assert audit_members(operation, MEMBERS[operation]) == []


def test_the_environment_says_how_the_script_is_served() -> None:
    plan = model(
        {
            "SAGEMAKER_PROGRAM": "serve.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/sourcedir.tar.gz",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "30",
            "JUPYTER_ML_PYTHON": "/env/bin/python",
        }
    )
    assert (plan.program, plan.workers, plan.timeout_s) == ("serve.py", 3, 30)
    assert plan.locations == [DATA, "s3://bucket/sourcedir.tar.gz"]
    assert plan.interpreter == "/env/bin/python"


def test_an_interpreter_is_named_only_where_the_model_names_one() -> None:
    for environment in ({}, {"JUPYTER_ML_PYTHON": "/env/bin/python"}):
        told = json.loads(serving(model(environment)).work("t", INJECT).files["serve.json"])
        assert told["interpreter"] == environment.get("JUPYTER_ML_PYTHON")


def test_a_model_is_compiled_unless_its_environment_says_off() -> None:
    for environment, compiles in (({}, True), ({"JUPYTER_ML_COMPILE": "off"}, False)):
        told = json.loads(serving(model(environment)).work("t", INJECT).files["serve.json"])
        assert told["compiles"] is compiles
    with pytest.raises(ValidationException, match="JUPYTER_ML_COMPILE is 'no'"):
        model({"JUPYTER_ML_COMPILE": "no"})


def test_the_code_folder_of_the_archive_is_no_location_of_its_own() -> None:
    assert model({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}).locations == [DATA]


@pytest.mark.parametrize(
    ("environment", "value"),
    [("SAGEMAKER_MODEL_SERVER_WORKERS", "two"), ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "0")],
)
def test_a_number_that_is_none_is_refused_with_its_value(environment: str, value: str) -> None:
    with pytest.raises(ValidationException, match=f"{environment} is '{value}'"):
        model({environment: value})


@pytest.mark.parametrize(
    "image",
    [
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
        "jupyter-ml/python",
    ],
)
def test_framework_images_stand_for_this_server(image: str) -> None:
    assert model(Image=image).image == image


@pytest.mark.parametrize(
    "container", [{"Image": "me/my-server:1"}, {"Mode": "MultiModel"}], ids=lambda c: next(iter(c))
)
def test_what_cannot_be_served_is_refused(container: dict[str, str]) -> None:
    with pytest.raises(NotImplementedException):
        model(**container)


def test_a_model_without_files_is_refused() -> None:
    with pytest.raises(ValidationException, match="neither ModelDataUrl nor ModelDataSource"):
        ModelPlan.from_request({"ModelName": "m", "PrimaryContainer": {}})


def test_two_variants_are_refused_with_their_number() -> None:
    variants = [{"VariantName": name, "ModelName": "m"} for name in "ab"]
    with pytest.raises(NotImplementedException, match="2 production variants"):
        VariantPlan.from_request({"ProductionVariants": variants})


def test_instances_multiply_workers_and_limits() -> None:
    plan = serving(
        model({"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}),
        InitialInstanceCount=3,
        InstanceType="ml.m5.large",
    )
    work = plan.work("secret", INJECT)
    serve = json.loads(work.files["serve.json"])
    assert (work.cpus, work.memory_mb, serve["workers"]) == (6, 24576, 6)
    assert (work.restart, work.listen, serve["token"]) == ("always", True, "secret")
    assert work.grace_s > serve["timeout_s"]
    assert "secret" not in json.dumps([*work.argv, *work.env.values()])


def test_a_model_in_the_serving_process_may_start_in_a_fork() -> None:
    def is_forked(environment: dict[str, str]) -> bool:
        return serving(model(environment)).work("t", INJECT).warm

    assert is_forked({})
    assert is_forked({"SAGEMAKER_PROGRAM": "serve.py", "JUPYTER_ML_PYTHON": sys.executable})
    assert not is_forked({"JUPYTER_ML_PYTHON": "/env/bin/python"})
    assert not is_forked({"SAGEMAKER_MODEL_SERVER_WORKERS": "2"})
    assert not is_forked({"OMP_NUM_THREADS": "1"})


def test_python_finds_this_package_and_what_the_model_names() -> None:
    work = serving(model({"PYTHONPATH": "/mine"})).work("t", INJECT)
    assert work.env["PYTHONPATH"] == f"{INJECT}:/mine"
