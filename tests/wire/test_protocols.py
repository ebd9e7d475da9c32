"""The wire protocols: botocore's serialisers and parsers are the oracle, no server involved."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from loopback import OWNER, client
from signing import KEY, SECRET, signed

from jupyter_ml.aws.gateway import Gateway
from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.contract.errors import ModelError, ResourceInUse, ValidationException
from jupyter_ml.core.store.failures import StoreFullError


class Recorder:
    """Answers every call with the same response and keeps the requests."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.response = response
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((name, request))
        return self.response


def refuse(error: Exception) -> Any:
    """Return a `call` that always raises."""

    def call(name: str, request: dict[str, Any]) -> dict[str, Any]:
        del name, request
        raise error

    return call


def test_a_json_operation_arrives_and_its_times_come_back_as_datetimes() -> None:
    recorder = Recorder({"ModelName": "m", "CreationTime": 1_700_000_000.5})
    answer = client("sagemaker", recorder).describe_model(ModelName="m")
    assert recorder.calls == [("DescribeModel", {"ModelName": "m"})]
    assert answer["CreationTime"].timestamp() == 1_700_000_000.5
    assert answer["ResponseMetadata"]["RequestId"]


def test_an_operation_without_input_arrives() -> None:
    recorder = Recorder({})
    client("sagemaker", recorder).get_sagemaker_servicecatalog_portfolio_status()
    assert recorder.calls == [("GetSagemakerServicecatalogPortfolioStatus", {})]


def test_an_invocation_arrives_with_its_headers_and_body() -> None:
    recorder = Recorder(
        {"Body": b"\x00\xff", "ContentType": "text/csv", "InvokedProductionVariant": "all"}
    )
    answer = client("sagemaker-runtime", recorder).invoke_endpoint(
        EndpointName="cancer", Body=b"\xfe1,2", ContentType="text/csv", Accept="text/csv"
    )
    assert recorder.calls == [
        (
            "InvokeEndpoint",
            {
                "EndpointName": "cancer",
                "Body": b"\xfe1,2",
                "ContentType": "text/csv",
                "Accept": "text/csv",
            },
        )
    ]
    assert answer["Body"].read() == b"\x00\xff"
    assert answer["ContentType"] == "text/csv"
    assert answer["InvokedProductionVariant"] == "all"


def test_metrics_arrive_as_a_json_body() -> None:
    recorder = Recorder({"Errors": []})
    client("sagemaker-metrics", recorder).batch_put_metrics(
        TrialComponentName="run-1",
        MetricData=[{"MetricName": "auc", "Timestamp": 1_700_000_000, "Step": 1, "Value": 0.5}],
    )
    name, request = recorder.calls[0]
    assert name == "BatchPutMetrics"
    assert request["MetricData"][0]["Value"] == 0.5
    assert request["MetricData"][0]["Timestamp"] == 1_700_000_000


def test_a_modelled_error_is_raised_as_its_class() -> None:
    sagemaker = client("sagemaker", refuse(ResourceInUse("The name 'm' is taken.")))
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="'m' is taken"):
        sagemaker.delete_model(ModelName="m")


def test_a_validation_error_of_the_runtime_has_the_name_that_its_model_gives_it() -> None:
    runtime = client("sagemaker-runtime", refuse(ValidationException("Endpoint x not found.")))
    with pytest.raises(runtime.exceptions.ValidationError, match="x not found"):
        runtime.invoke_endpoint(EndpointName="x", Body=b"")


def test_a_model_error_carries_what_the_model_answered() -> None:
    error = ModelError("It failed.", original_status=400, original_message="no column 'a'")
    runtime = client("sagemaker-runtime", refuse(error))
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="x", Body=b"")
    assert caught.value.response["OriginalStatusCode"] == 400
    assert caught.value.response["OriginalMessage"] == "no column 'a'"


@pytest.mark.parametrize("service", ["sagemaker", "logs"])
@pytest.mark.parametrize(
    "error",
    [StoreFullError("The disk is full: 7 bytes are free."), OSError(errno.ENOSPC, "none left")],
)
def test_a_full_disk_is_said_and_not_asked_again(service: str, error: Exception) -> None:
    asked = []

    def fail(name: str, request: dict[str, Any]) -> dict[str, Any]:
        del request
        asked.append(name)
        raise error

    ask = client(service, fail)
    with pytest.raises(ClientError) as caught:
        ask.list_models() if service == "sagemaker" else ask.describe_log_groups()
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InsufficientStorage"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 507
    assert "free" in answer["Error"]["Message"].lower()
    assert len(asked) == 1


def test_a_bug_is_answered_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    sagemaker = client("sagemaker", refuse(RuntimeError("secret detail")))
    with pytest.raises(ClientError) as caught:
        sagemaker.list_models()
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "secret detail" not in str(caught.value)
    assert "secret detail" in caplog.text


def nothing(name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Stand for a workspace that is asked nothing."""
    raise AssertionError(name, request)


def test_the_caller_is_the_owner_in_a_role_that_a_role_session_can_have() -> None:
    identity = client("sts", nothing).get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/jupyter-ml/ann-lee"
    assert identity["UserId"].endswith(":ann-lee")


def test_services_without_regions_are_answered_whichever_region_they_are_signed_for() -> None:
    keys = KeyPair(KEY, SECRET)
    gateway = Gateway(nothing, keys, "eu-central-1", OWNER)
    for region, status in {"us-east-1": 200, "eu-central-1": 200, "eu-west-1": 403}.items():
        body = b"Action=GetCallerIdentity&Version=2011-06-15"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = signed(service="sts", region=region, body=body, headers=headers)
        assert gateway.handle(request, "/").status == status


def test_a_role_is_described_and_trusts_sagemaker() -> None:
    role = client("iam", nothing).get_role(RoleName="jupyter-ml")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/jupyter-ml"
    assert role["CreateDate"].timestamp() == OWNER.since
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_everything_is_allowed_for_each_action_on_each_resource_page_by_page() -> None:
    iam = client("iam", nothing)
    actions = [f"sagemaker:Do{number}" for number in range(12)]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn="arn:aws:iam::000000000000:role/jupyter-ml",
        ActionNames=actions,
        ResourceArns=["arn:aws:s3:::a", "arn:aws:s3:::b"],
        PaginationConfig={"PageSize": 7},
    )
    results = [each for page in pages for each in page["EvaluationResults"]]
    assert {each["EvalDecision"] for each in results} == {"allowed"}
    assert [each["EvalActionName"] for each in results[::2]] == actions
    assert {each["EvalResourceName"] for each in results} == {"arn:aws:s3:::a", "arn:aws:s3:::b"}


def test_a_policy_that_nobody_would_evaluate_is_refused() -> None:
    with pytest.raises(ClientError, match="PolicyInputList") as refused:
        client("iam", nothing).simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::000000000000:role/jupyter-ml",
            ActionNames=["s3:GetObject"],
            PolicyInputList=["{}"],
        )
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("service", "method", "request_"),
    [
        ("sts", "get_session_token", {}),
        ("iam", "list_users", {}),
        ("logs", "list_tags_for_resource", {"resourceArn": "arn:aws:logs:us-east-1:0:x"}),
        ("ecr", "describe_repositories", {}),
        ("ec2", "describe_instances", {}),
        ("lambda", "list_functions", {}),
        ("cloudwatch", "list_metrics", {}),
        ("route53", "list_hosted_zones", {}),
        ("sqs", "list_queues", {}),
        ("sns", "list_topics", {}),
        ("dynamodb", "list_tables", {}),
        ("bedrock-runtime", "converse", {"modelId": "m"}),
        (
            "sagemaker-featurestore-runtime",
            "get_record",
            {"FeatureGroupName": "a", "RecordIdentifierValueAsString": "1"},
        ),
    ],
)
def test_what_is_not_here_says_so_in_the_protocol_of_its_client(
    service: str, method: str, request_: dict[str, Any]
) -> None:
    made = client(service, nothing)
    with pytest.raises(ClientError) as refused:
        getattr(made, method)(**request_)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
    named = made.meta.service_model.signing_name
    assert named in refused.value.response["Error"]["Message"]


def test_an_operation_that_a_service_lacks_here_is_named() -> None:
    with pytest.raises(ClientError, match="GetSessionToken of sts") as refused:
        client("sts", nothing).get_session_token()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize("service", ["sts", "iam", "logs", "ecr"])
def test_a_wrong_secret_is_refused_by_every_service(service: str) -> None:
    made = client(service, nothing)
    made._request_signer._credentials.secret_key = "wrong"
    methods = {"sts": "get_caller_identity", "iam": "list_users", "logs": "describe_log_groups"}
    with pytest.raises(ClientError) as refused:
        getattr(made, methods.get(service, "describe_repositories"))()
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_a_signature_for_one_service_opens_no_other() -> None:
    gateway = Gateway(Recorder({}), KeyPair(KEY, SECRET), "us-east-1", OWNER)
    headers = {"X-Amz-Target": "SageMaker.ListModels"}
    answer = gateway.handle(signed(service="ecr", body=b"{}", headers=headers), "/")
    assert answer.status == 501
    assert b"ListModels was asked of the AWS service 'ecr'" in answer.body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"Action=Nothing", "UnknownOperationException"),
        (b"no form", "ValidationException"),
        (b"\xff=1", "ValidationException"),
        (b"Action=GetRole&RoleName=a&RoleName.member.1=b", "ValidationException"),
        (b"Action=GetRole", "ValidationError"),
        (b"Action=GetRole&RoleName=a&Unknown=1", "ValidationError"),
    ],
)
def test_a_form_that_is_wrong_is_refused(body: bytes, code: str) -> None:
    gateway = Gateway(nothing, KeyPair(KEY, SECRET), "us-east-1", OWNER)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = gateway.handle(signed(service="iam", body=body, headers=headers), "/")
    assert f"<Code>{code}</Code>".encode() in answer.body


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("SageMaker.ListModels", b"{", "ValidationException"),
        ("SageMaker.ListModels", b"[]", "ValidationException"),
        ("SageMaker.NoSuchThing", b"{}", "UnknownOperationException"),
        ("SageMaker.InvokeEndpoint", b"{}", "UnknownOperationException"),
        ("SageMaker.WatchTrainingJobs", b"{}", "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", b"{}", "UnknownOperationException"),
    ],
)
def test_what_is_not_a_sagemaker_request_is_refused(target: str, body: bytes, code: str) -> None:
    gateway = Gateway(Recorder({}), KeyPair(KEY, SECRET), "us-east-1", OWNER)
    answer = gateway.handle(signed(body=body, headers={"X-Amz-Target": target}), "/")
    assert json.loads(answer.body)["__type"] == code
    assert answer.headers["x-amzn-ErrorType"] == code
