"""Requests drawn from the shapes against a real server, over every road that leads into it.

Whatever is sent, the answer is a result or a refusal that says why, never a failure of ours and
never silence; and what is left is a workspace whose event log is whole and that goes on working.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import hostile
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jupyter_process import TOKEN, JupyterProcess, keys_of, start

from jupyter_ml.client_http import HttpClient
from jupyter_ml.contract import model
from jupyter_ml.services import data_plane, registry
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
CONTROL = sorted(registry().operations)
OPERATIONS = sorted({*CONTROL, *data_plane()})
SAGEMAKER = [name for name in CONTROL if model.service_of(name) == "sagemaker"]
REST = ("InvokeEndpoint", "BatchPutMetrics")
PATIENCE_S = 60
drawn = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Target:
    """The server and what one needs to get in."""

    server: JupyterProcess
    keys: Json

    @cached_property
    def connection(self) -> http.client.HTTPConnection:
        """A connection that is kept."""
        parts = urlsplit(self.server.url)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)

    def send(
        self, path: str, body: bytes, headers: dict[str, str], method: str = "POST"
    ) -> tuple[int, bytes]:
        """Send a body below the base URL; return status and content of the answer."""
        where = urlsplit(self.server.url).path + path
        self.connection.request(method, where, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def signed(
        self, path: str, body: bytes, method: str = "POST", **headers: str
    ) -> tuple[int, bytes]:
        """Send a body to the gateway, signed."""
        url = f"{self.server.url}jupyter-ml/aws{path}"
        request = AWSRequest(method, url, headers=headers, data=body)
        credentials = Credentials(self.keys["AccessKeyId"], self.keys["SecretAccessKey"])
        SigV4Auth(credentials, "sagemaker", self.keys["Region"]).add_auth(request)
        return self.send(f"jupyter-ml/aws{path}", body, dict(request.headers.items()), method)

    def boto3(self, service: str) -> Any:
        """Return a client that checks nothing by itself."""
        return boto3.client(
            service,
            endpoint_url=f"{self.server.url}jupyter-ml/aws",
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            region_name=self.keys["Region"],
            config=Config(
                parameter_validation=False,
                retries={"total_max_attempts": 1},
                read_timeout=PATIENCE_S,
            ),
        )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server for all requests: they meet what others left."""
    server = start(tmp_path_factory.mktemp("hostile"))
    client = HttpClient(server.url, TOKEN)
    client.call("CreateExperiment", {"ExperimentName": "a"})
    client.call("CreateTrial", {"TrialName": "a", "ExperimentName": "a"})
    client.call("CreateTrialComponent", {"TrialComponentName": "a"})
    target = Target(server, keys_of(server.url))
    yield target
    target.connection.close()
    for endpoint in client.call("ListEndpoints", {"MaxResults": 100})["Endpoints"]:
        client.call("DeleteEndpoint", {"EndpointName": endpoint["EndpointName"]})
    server.stop()


def check(status: int, content: bytes) -> None:
    """Fail unless an answer is a result, or a refusal with a sentence."""
    if 200 <= status < 300:
        return
    assert 400 <= status < 500 or status in {501, 503}, (status, content[:2000])
    refusal = json.loads(content)
    assert refusal["__type"] != "InternalFailure"
    assert refusal["message"]


@pytest.mark.parametrize("operation", OPERATIONS)
@drawn
@given(data=st.data())
def test_the_api_answers_or_refuses(target: Target, operation: str, data: st.DataObject) -> None:
    body = data.draw(hostile.bodies(operation))
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    check(*target.send(f"jupyter-ml/api/{operation}", body, headers))


@pytest.mark.parametrize("operation", SAGEMAKER)
@drawn
@given(data=st.data())
def test_the_gateway_answers_or_refuses(
    target: Target, operation: str, data: st.DataObject
) -> None:
    body = data.draw(hostile.bodies(operation))
    check(*target.signed("/", body, **{"X-Amz-Target": f"SageMaker.{operation}"}))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/endpoints/a/invocations"),
        ("POST", "/endpoints/%00%ff/invocations"),
        ("PUT", "/BatchPutMetrics"),
        ("POST", "/%00/x"),
        ("DELETE", "/"),
    ],
)
@drawn
@given(data=st.data())
def test_the_data_plane_answers_or_refuses(
    target: Target, method: str, path: str, data: st.DataObject
) -> None:
    check(*target.signed(path, data.draw(hostile.bodies("BatchPutMetrics")), method))


@pytest.mark.parametrize("operation", [*SAGEMAKER, *REST])
@drawn
@given(data=st.data())
def test_boto3_reads_every_answer(target: Target, operation: str, data: st.DataObject) -> None:
    service = model.service_of(operation)
    client = target.boto3(service)
    method = client.meta.method_to_api_mapping
    (name,) = (python for python, wire in method.items() if wire == operation)
    request = data.draw(hostile.requests(operation))
    if operation == "InvokeEndpoint":  # no header holds these, and HTTP itself refuses them
        request = {
            name: value
            for name, value in request.items()
            if not isinstance(value, str) or (value.isascii() and value.isprintable())
        }
    try:
        getattr(client, name)(**request)
    except ClientError as refused:
        answer = refused.response
        assert answer["Error"]["Message"]
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        assert 400 <= status < 500 or status in {501, 503}, answer
    except (AttributeError, LookupError, TypeError, ValueError):
        return  # botocore itself cannot send such a request without checking it first


def test_what_was_drawn_left_a_workspace_that_works(target: Target) -> None:
    client = HttpClient(target.server.url, TOKEN)
    verified = client.call("VerifyEventLog", {})
    assert verified["Valid"], verified
    assert client.call("GetWorkspace", {})["Version"]
    assert client.call("DescribeExperiment", {"ExperimentName": "a"})
    client.call("CreateExperiment", {"ExperimentName": "still-works"})
    found = {"Filters": [{"Name": "ExperimentName", "Value": "still-works"}]}
    answer = client.call("Search", {"Resource": "Experiment", "SearchExpression": found})
    assert len(answer["Results"]) == 1
    eventually(lambda: client.call("GetWorkspace", {})["Queued"] == 0, timeout_s=60)
    assert "Traceback" not in target.server.log
