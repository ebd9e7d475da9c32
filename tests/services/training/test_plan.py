from __future__ import annotations

from typing import Any

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.services.training.plan import ChannelPlan, TrainingPlan

SCRIPT = {
    "sagemaker_program": '"train.py"',
    "sagemaker_submit_directory": "s3://bucket/sourcedir.tar.gz",
}


def _channel(name: str = "train", **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def _plan(**request: Any) -> TrainingPlan:
    return TrainingPlan.from_request(
        {"TrainingJobName": "job", "HyperParameters": SCRIPT, **request}
    )


def test_a_script_needs_only_its_name_and_source() -> None:
    plan = _plan()
    assert (plan.program, plan.source_uri) == ("train.py", "s3://bucket/sourcedir.tar.gz")
    assert (plan.instance_type, plan.instance_count) == ("ml.local", 1)
    assert (plan.max_runtime_s, plan.retries) == (86_400, 0)
    assert plan.algorithm is None


def test_an_estimator_of_the_sdk_is_understood() -> None:
    plan = _plan(
        AlgorithmSpecification={
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/"
            "sagemaker-scikit-learn:1.2-1-cpu-py3",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        },
        InputDataConfig=[_channel(ContentType="text/csv", CompressionType="None")],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out/", "KmsKeyId": ""},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RetryStrategy={"MaximumRetryAttempts": 2},
        Environment={"A": "1", "JUPYTER_ML_PYTHON": "/usr/bin/python3"},
    )
    assert plan.channels == (ChannelPlan("train", "s3://bucket/data/", content_type="text/csv"),)
    assert plan.metric_definitions == (("loss", "loss=(.*)"),)
    assert (plan.instance_type, plan.instance_count) == ("ml.m5.large", 2)
    assert (plan.max_runtime_s, plan.retries) == (600, 2)
    assert plan.environment == {"A": "1"}
    assert plan.interpreter == "/usr/bin/python3"
    assert plan.output_uri == "s3://bucket/out/"


@pytest.mark.parametrize(
    "specification",
    [{"TrainingImage": "host/sagemaker-xgboost:1.7-1"}, {"AlgorithmName": "xgboost"}],
)
def test_a_built_in_algorithm_is_known_by_image_and_name(specification: dict[str, str]) -> None:
    plan = _plan(
        AlgorithmSpecification=specification,
        HyperParameters={"num_round": "5"},
        InputDataConfig=[_channel()],
    )
    assert plan.algorithm is not None
    assert plan.algorithm.name == "xgboost"
    assert plan.program is None


def test_a_script_in_an_algorithms_image_is_run_as_a_script() -> None:
    plan = _plan(AlgorithmSpecification={"TrainingImage": "host/sagemaker-xgboost:1.7-1"})
    assert plan.algorithm is None
    assert plan.program == "train.py"


def test_metrics_that_an_algorithm_logs_itself_are_not_read_twice() -> None:
    plan = _plan(
        AlgorithmSpecification={
            "AlgorithmName": "xgboost",
            "MetricDefinitions": [
                {"Name": "validation:auc", "Regex": "x"},
                {"Name": "rows", "Regex": "([0-9]+) rows"},
            ],
        },
        HyperParameters={"num_round": "5"},
        InputDataConfig=[_channel()],
    )
    assert plan.metric_definitions == (("rows", "([0-9]+) rows"),)


def _xgboost(**more: Any) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {"AlgorithmName": "xgboost"},
        "HyperParameters": {"num_round": "5"},
        "InputDataConfig": [_channel()],
        **more,
    }


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"HyperParameters": {}}, "containers are not run here"),
        ({"HyperParameters": {"sagemaker_program": "a.py"}}, "sagemaker_submit_directory is"),
        ({"AlgorithmSpecification": {"TrainingImage": "my/own:1"}}, "is not an image that runs"),
        (
            {"AlgorithmSpecification": {"TrainingImage": "xgboost", "AlgorithmName": "xgboost"}},
            "give one of them",
        ),
        ({"AlgorithmSpecification": {"AlgorithmName": "xgbost"}}, "Did you mean 'xgboost'"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}, None),
        ({"InputDataConfig": [_channel(InputMode="Pipe")]}, "InputMode 'Pipe'"),
        ({"InputDataConfig": [_channel(CompressionType="Gzip")]}, "CompressionType 'Gzip'"),
        ({"InputDataConfig": [_channel(), _channel()]}, "more than one channel 'train'"),
        ({"OutputDataConfig": {"CompressionType": "NONE"}}, "packed as model.tar.gz"),
        (
            {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "a", "Regex": "("}]}},
            "of metric 'a' is invalid",
        ),
        (_xgboost(HyperParameters={"eta": "7"}), "eta='7' is not a number"),
        (_xgboost(InputDataConfig=[]), "needs a channel 'train'"),
        (_xgboost(ResourceConfig={"InstanceCount": 2}), "InstanceCount 2 is too many"),
    ],
)
def test_what_cannot_be_done_is_refused(request_: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert _plan(**request_).channels == ()
        return
    with pytest.raises(ValidationException, match=message):
        _plan(**request_)


def test_an_augmented_manifest_is_refused() -> None:
    channel = _channel()
    channel["DataSource"]["S3DataSource"]["S3DataType"] = "AugmentedManifestFile"
    with pytest.raises(ValidationException, match="use 'S3Prefix' or 'ManifestFile'"):
        _plan(InputDataConfig=[channel])
