"""The wire protocols: botocore's serialisers and parsers are the oracle, no server involved."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from signing import KEY, SECRET, signed

from jupyter_ml.aws.gateway import Gateway
from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.aws.sigv4 import SignedRequest
from jupyter_ml.contract.errors import ModelError, ResourceInUse, ValidationException

KEYS = KeyPair("JUPYTERMLTESTKEY0001", "secret")
PREFIX = "/base/jupyter-ml/aws"


class Raw(io.BytesIO):
    """A body as botocore expects it from urllib3."""

    def stream(self, amount: int = 1024, *, decode_content: bool = True) -> Any:
        del decode_content
        while chunk := self.read(amount):
            yield chunk


class Loopback:
    """Sends a prepared request of boto3 into a gateway without a network."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        signed = SignedRequest(
            request.method,
            parts.path,
            parts.query,
            {"host": parts.netloc, **headers},
            body if isinstance(body, bytes) else body.read(),
        )
        answer = self.gateway.handle(signed, parts.path.removeprefix(PREFIX) or "/")
        return AWSResponse(request.url, answer.status, answer.headers, Raw(answer.body))


def client(service: str, call: Any) -> Any:
    """Return a boto3 client whose requests are answered by `call`."""
    made = boto3.Session().client(
        service,
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:9{PREFIX}",
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert isinstance(made._endpoint.http_session, URLLib3Session)
    made._endpoint.http_session = Loopback(Gateway(call, KEYS, "us-east-1"))
    return made


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


def test_a_bug_is_answered_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    sagemaker = client("sagemaker", refuse(RuntimeError("secret detail")))
    with pytest.raises(ClientError) as caught:
        sagemaker.list_models()
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "secret detail" not in str(caught.value)
    assert "secret detail" in caplog.text


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
    gateway = Gateway(Recorder({}), KeyPair(KEY, SECRET), "us-east-1")
    answer = gateway.handle(signed(body=body, headers={"X-Amz-Target": target}), "/")
    assert json.loads(answer.body)["__type"] == code
    assert answer.headers["x-amzn-ErrorType"] == code
