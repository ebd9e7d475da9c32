"""Unmodified boto3 against a real server: the whole life of a model, and who is kept out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, WaiterError
from jupyter_process import TOKEN, JupyterProcess, environment
from training_code import FAILING, INFERENCE, SCRIPT, source_archive, training_request

from jupyter_ml.client_http import HttpClient

FAST = {"Delay": 1, "MaxAttempts": 120}

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def connect(jupyter: JupyterProcess, keys: dict[str, str]) -> Connect:
    """Return a maker of boto3 clients of the server."""

    def make(service: str, **other: str) -> Any:
        known = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "region_name": keys["Region"],
        }
        return boto3.Session(**{**known, **other}).client(
            service,
            endpoint_url=f"{jupyter.url}jupyter-ml/aws",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make


@pytest.fixture(scope="session")
def bucket(jupyter: JupyterProcess) -> str:
    """Return the workspace's default bucket, with data and source archives in it."""
    name = "sagemaker-us-east-1-000000000000"
    root = jupyter.home / "workspace" / "buckets" / name
    source_archive(root / "code" / "sourcedir.tar.gz", train=SCRIPT, inference=INFERENCE)
    source_archive(root / "code" / "failing.tar.gz", train=FAILING)
    (root / "data").mkdir()
    (root / "data" / "points.csv").write_text("1\n2\n3\n")
    return name


@pytest.fixture(scope="session")
def trained(connect: Connect, bucket: str) -> dict[str, Any]:
    """Return the description of a training job that boto3 created and waited for."""
    sagemaker = connect("sagemaker")
    source = f"s3://{bucket}/code/sourcedir.tar.gz"
    created = sagemaker.create_training_job(
        **training_request("wire-1", bucket, source, "train.py")
    )
    assert created["TrainingJobArn"].endswith(":training-job/wire-1")
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="wire-1", WaiterConfig=FAST)
    described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName="wire-1")
    return described


def test_boto3_trains_and_waits(trained: dict[str, Any], bucket: str) -> None:
    assert trained["TrainingJobStatus"] == "Completed"
    assert trained["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{bucket}/output/wire-1")
    assert trained["TrainingEndTime"] >= trained["TrainingStartTime"] >= trained["CreationTime"]
    metrics = {each["MetricName"]: each["Value"] for each in trained["FinalMetricDataList"]}
    assert metrics == {"train:points": 3.0}


def test_a_failed_job_ends_the_waiter_and_says_why(connect: Connect, bucket: str) -> None:
    sagemaker = connect("sagemaker")
    source = f"s3://{bucket}/code/failing.tar.gz"
    sagemaker.create_training_job(**training_request("wire-fails", bucket, source, "train.py"))
    with pytest.raises(WaiterError):
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName="wire-fails", WaiterConfig=FAST
        )
    described = sagemaker.describe_training_job(TrainingJobName="wire-fails")
    assert described["TrainingJobStatus"] == "Failed"
    assert "this script always fails" in described["FailureReason"]


def test_paginators_walk_page_after_page(connect: Connect) -> None:
    sagemaker = connect("sagemaker")
    names = [f"wire-page-{i}" for i in range(5)]
    for name in names:
        sagemaker.create_experiment(ExperimentName=name)
    pages = list(
        sagemaker.get_paginator("list_experiments").paginate(PaginationConfig={"PageSize": 2})
    )
    assert len(pages) >= 3
    listed = {each["ExperimentName"] for page in pages for each in page["ExperimentSummaries"]}
    assert listed >= set(names)


def test_training_jobs_are_listed_with_filters(trained: dict[str, Any], connect: Connect) -> None:
    pages = connect("sagemaker").get_paginator("list_training_jobs")
    found = [
        job["TrainingJobName"]
        for page in pages.paginate(NameContains="wire-1", StatusEquals="Completed")
        for job in page["TrainingJobSummaries"]
    ]
    assert found == [trained["TrainingJobName"]]


def test_boto3_deploys_invokes_and_deletes(
    trained: dict[str, Any], connect: Connect, jupyter: JupyterProcess
) -> None:
    sagemaker, runtime = connect("sagemaker"), connect("sagemaker-runtime")
    sagemaker.create_model(
        ModelName="wire",
        ExecutionRoleArn=trained["RoleArn"],
        PrimaryContainer={
            "Image": "jupyter-ml/python",
            "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": json.loads(
                    trained["HyperParameters"]["sagemaker_submit_directory"]
                ),
            },
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="wire",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": "wire",
                "InstanceType": "ml.local",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="wire", EndpointConfigName="wire")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="wire", WaiterConfig=FAST)
    answer = runtime.invoke_endpoint(
        EndpointName="wire", Body=b"[1, 2, 4]", ContentType="application/json"
    )
    assert json.loads(answer["Body"].read()) == [2.5, 5.0, 10.0]
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    with pytest.raises(runtime.exceptions.ModelError) as failed:
        runtime.invoke_endpoint(EndpointName="wire", Body=b"{", ContentType="application/json")
    assert failed.value.response["OriginalStatusCode"] >= 400
    invocation = {"EndpointName": "wire", "Body": "[2]", "ContentType": "application/json"}
    through_jupyter = HttpClient(jupyter.url, TOKEN).call("InvokeEndpoint", invocation)
    assert through_jupyter["Body"] == b"[5.0]"
    assert through_jupyter["InvokedProductionVariant"] == "AllTraffic"
    sagemaker.delete_endpoint(EndpointName="wire")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="wire", WaiterConfig=FAST)
    sagemaker.delete_endpoint_config(EndpointConfigName="wire")
    sagemaker.delete_model(ModelName="wire")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.describe_model(ModelName="wire")


def test_modelled_errors_are_raised_as_their_classes(connect: Connect) -> None:
    sagemaker = connect("sagemaker")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_experiment(ExperimentName="wire-nothing")
    sagemaker.create_trial_component(TrialComponentName="wire-taken")
    with pytest.raises(ClientError, match="already existing"):
        sagemaker.create_trial_component(TrialComponentName="wire-taken")


def test_every_violation_is_named_in_awss_words(connect: Connect) -> None:
    with pytest.raises(ClientError) as refused:
        connect("sagemaker").create_experiment(ExperimentName="bad name!")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert "experimentName" in str(refused.value)


def test_an_operation_that_is_not_there_yet_says_so(connect: Connect) -> None:
    with pytest.raises(ClientError) as refused:
        connect("sagemaker").list_clusters()
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "ListClusters" in str(refused.value)


def test_metrics_are_written_through_their_own_service(connect: Connect) -> None:
    sagemaker, metrics = connect("sagemaker"), connect("sagemaker-metrics")
    sagemaker.create_trial_component(TrialComponentName="wire-metrics")
    answer = metrics.batch_put_metrics(
        TrialComponentName="wire-metrics",
        MetricData=[
            {"MetricName": "auc", "Timestamp": 1_700_000_000 + i, "Step": i, "Value": i / 4}
            for i in range(4)
        ],
    )
    assert not answer.get("Errors")
    described = sagemaker.describe_trial_component(TrialComponentName="wire-metrics")
    assert described["Metrics"][0]["Last"] == 0.75


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime"])
@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "UnrecognizedClientException"),
        ({"aws_session_token": "stale"}, "UnrecognizedClientException"),
        ({"region_name": "eu-west-1"}, "InvalidSignatureException"),
    ],
)
def test_other_credentials_are_refused(
    connect: Connect, service: str, other: dict[str, str], code: str
) -> None:
    client = connect(service, **other)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "sagemaker": ("list_models", {}),
        "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "wire", "Body": b""}),
    }
    method, request = calls[service]
    with pytest.raises(ClientError) as refused:
        getattr(client, method)(**request)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_body_changed_on_the_way_is_refused(
    jupyter: JupyterProcess, keys: dict[str, str]
) -> None:
    url = f"{jupyter.url}jupyter-ml/aws/"
    request = AWSRequest("POST", url, {"X-Amz-Target": "SageMaker.ListModels"}, data=b"{}")
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"])
    SigV4Auth(credentials, "sagemaker", keys["Region"]).add_auth(request)
    headers = dict(request.headers.items())

    def status(body: bytes) -> int:
        try:
            with urlopen(Request(url, body, headers)) as answer:
                return int(answer.status)
        except HTTPError as refusal:
            with refusal:
                return refusal.code

    assert status(b"{}") == 200
    assert status(b'{"MaxResults": 1}') == 403


def test_a_body_beyond_the_limit_is_refused_unread(jupyter: JupyterProcess) -> None:
    request = Request(
        f"{jupyter.url}jupyter-ml/aws/", b"{}", {"Content-Length": str(26 * 1024 * 1024)}
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    with refused.value:
        assert refused.value.code == 413
        assert json.loads(refused.value.read())["__type"] == "RequestEntityTooLarge"


def test_the_variables_of_jupyter_ml_env_are_all_that_boto3_needs(
    jupyter: JupyterProcess,
) -> None:
    script = "import boto3; print(boto3.client('sagemaker').list_models()['Models'])"
    line = f'eval "$({sys.executable} -m jupyter_ml.cli env)" && {sys.executable} -c "{script}"'
    outcome = subprocess.run(
        ["/bin/sh", "-c", line],
        env={**environment(jupyter.home), "AWS_SESSION_TOKEN": "stale"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.stderr == ""
    assert outcome.stdout.strip().startswith("[")


def test_secrets_do_not_reach_the_log(jupyter: JupyterProcess, keys: dict[str, str]) -> None:
    assert keys["SecretAccessKey"] not in jupyter.log
