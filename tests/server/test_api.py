"""The operations over HTTP: answers, errors and what the routes cost before they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from jupyter_server.extension.manager import ExtensionPackage
from tornado.httpclient import HTTPClientError

import jupyter_ml
from jupyter_ml.server.encoding import encode


async def call(jp_fetch: Any, operation: str, request: Any = None) -> dict[str, Any]:
    """Return the answer to an operation."""
    body = json.dumps({} if request is None else request)
    response = await jp_fetch("jupyter-ml", "api", operation, method="POST", body=body)
    answer: dict[str, Any] = json.loads(response.body)
    return answer


async def refused(jp_fetch: Any, operation: str, body: str = "{}") -> tuple[int, dict[str, Any]]:
    """Return the status and the body of a refusal."""
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("jupyter-ml", "api", operation, method="POST", body=body)
    return caught.value.code, json.loads(caught.value.response.body)


async def test_an_operation_answers_with_json(jp_fetch: Any, workspace: Any) -> None:
    answer = await call(jp_fetch, "GetWorkspace")
    assert answer["Workspace"] == str(workspace)
    assert answer["Region"] == "eu-test-1"


async def test_what_was_created_is_described(jp_fetch: Any) -> None:
    created = await call(jp_fetch, "CreateExperiment", {"ExperimentName": "first"})
    described = await call(jp_fetch, "DescribeExperiment", {"ExperimentName": "first"})
    assert described["ExperimentArn"] == created["ExperimentArn"]
    assert described["ExperimentArn"].startswith("arn:aws:sagemaker:eu-test-1:")
    assert isinstance(described["CreationTime"], float)


@pytest.mark.parametrize(
    ("operation", "body", "status", "code", "hint"),
    [
        ("CreateExperiment", "{}", 400, "ValidationException", "experimentName"),
        ("CreateExperiment", "{", 400, "ValidationException", "not JSON"),
        ("CreateExperiment", "[]", 400, "ValidationException", "not list"),
        ("DescribeExperiment", '{"ExperimentName": "x"}', 400, "ResourceNotFound", "x"),
        ("ListClusters", "{}", 501, "NotImplementedException", "ListClusters"),
        ("ListExperimentz", "{}", 404, "UnknownOperationException", "ListExperiments"),
        ("InvokeEndpoint", "{}", 400, "ValidationException", "endpoints/NAME/invocations"),
    ],
)
async def test_errors_carry_code_status_and_what_to_do(
    jp_fetch: Any, operation: str, body: str, status: int, code: str, hint: str
) -> None:
    answered, content = await refused(jp_fetch, operation, body)
    assert (answered, content["__type"]) == (status, code)
    assert hint in content["message"]


async def test_an_endpoint_that_is_not_there_is_named(jp_fetch: Any) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("jupyter-ml", "endpoints", "nobody", "invocations", method="POST", body="1")
    content = json.loads(caught.value.response.body)
    assert content["__type"] == "ValidationException"
    assert "nobody" in content["message"]


async def test_an_invocation_beyond_the_limit_is_refused(jp_fetch: Any) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(
            "jupyter-ml",
            "endpoints",
            "x",
            "invocations",
            method="POST",
            body=b"x" * (25 << 20) + b"x",
        )
    assert caught.value.code == 413


async def test_the_credentials_are_not_to_be_stored(jp_fetch: Any, workspace: Any) -> None:
    response = await jp_fetch("jupyter-ml", "credentials")
    answer = json.loads(response.body)
    stored = json.loads((workspace / "keys" / "gateway.json").read_text())
    assert answer["AccessKeyId"] == stored["access_key_id"]
    assert response.headers["Cache-Control"] == "no-store"


def test_numbers_that_json_lacks_become_null() -> None:
    assert json.loads(encode({"a": [1.5, float("nan"), float("inf")]})) == {"a": [1.5, None, None]}


def test_loading_the_extension_reads_neither_models_nor_the_store() -> None:
    script = (
        "import sys, jupyter_server.extension.application, jupyter_ml\n"
        "jupyter_ml._jupyter_server_extension_points()\n"
        "heavy = {'botocore', 'boto3', 'sqlalchemy', 'pandas', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"


def test_the_extension_is_reported_as_healthy() -> None:
    package = ExtensionPackage(name="jupyter_ml", enabled=True)
    assert package.validate()
    assert package.version == jupyter_ml.__version__
