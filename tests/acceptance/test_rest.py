"""Real-time inference with nothing but curl and boto3: answers, and the two limits."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from desk import Desk
from jupyter_process import TOKEN, JupyterProcess, session_of, start

from jupyter_ml.client_http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., tuple[int, str]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("curl"), reason="needs curl"),
]

LARGEST = 6_291_456


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server with two endpoints of 60 s and one of 2 s."""
    server = start(tmp_path_factory.mktemp("rest"))
    desk = Desk(HttpClient(server.url, TOKEN), server.home)
    desk.deploy("doubling")
    desk.deploy("beside")
    desk.deploy("hasty", SAGEMAKER_MODEL_SERVER_TIMEOUT="2")
    yield server
    desk.close()
    server.stop()


def curl(url: str, authorization: str, body: Path | str) -> tuple[int, str]:
    """Return status and body of a POST by curl."""
    data = f"@{body}" if isinstance(body, Path) else body
    command = [
        "curl", "-sS", "--max-time", "120", "-w", "\n%{http_code}", "--data-binary", data,
        "-H", f"Authorization: {authorization}", "-H", "Content-Type: application/json", url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.fixture(params=["direct", "through Jupyter"])
def ask(request: pytest.FixtureRequest, server: JupyterProcess) -> Ask:
    """Ask an endpoint by curl, at its own address or through the server."""

    def through(name: str, body: Path | str) -> tuple[int, str]:
        if request.param == "direct":
            card = Desk(HttpClient(server.url, TOKEN), server.home).card(name)
            return curl(card["Url"], f"Bearer {Path(card['TokenFile']).read_text()}", body)
        url = f"{server.url}jupyter-ml/endpoints/{name}/invocations"
        return curl(url, f"token {TOKEN}", body)

    return through


@pytest.fixture(scope="module")
def runtime(server: JupyterProcess) -> Any:
    """boto3's client of the data plane."""
    return session_of(server.url).client(
        "sagemaker-runtime",
        endpoint_url=f"{server.url}jupyter-ml/aws",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )


def array_of(size: int) -> bytes:
    """Return JSON of exactly so many bytes: an array of numbers."""
    numbers = b"[" + b"1," * ((size - 3) // 2) + b"1"
    return numbers + b" " * (size - len(numbers) - 1) + b"]"


def test_curl_gets_a_prediction(ask: Ask) -> None:
    assert ask("doubling", "[1, 2.5]") == (200, "[2, 5.0]")


def test_curl_without_a_token_gets_none(server: JupyterProcess) -> None:
    card = Desk(HttpClient(server.url, TOKEN), server.home).card("doubling")
    assert curl(card["Url"], "Bearer wrong", "[1]")[0] == 401
    status, _ = curl(f"{server.url}jupyter-ml/endpoints/doubling/invocations", "token wrong", "[1]")
    assert status == 403


def test_six_mebibytes_are_accepted_and_one_byte_more_is_refused(ask: Ask, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(array_of(LARGEST))
    assert body.stat().st_size == LARGEST
    status, text = ask("doubling", body)
    assert (status, json.loads(text) > 1_000_000) == (200, True)
    body.write_bytes(array_of(LARGEST + 1))
    status, text = ask("doubling", body)
    assert status in {400, 413}
    assert "asynchronous" in text
    assert "6,291,456" in text


def test_boto3_has_the_same_limit(runtime: Any) -> None:
    invoke = {"EndpointName": "doubling", "ContentType": "application/json"}
    answer = runtime.invoke_endpoint(**invoke, Body=array_of(LARGEST))
    assert json.loads(answer["Body"].read()) > 1_000_000
    with pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(**invoke, Body=array_of(LARGEST + 1))
    assert refused.value.response["Error"]["Code"] in {"ValidationError", "ValidationException"}
    assert "asynchronous" in refused.value.response["Error"]["Message"]


def test_an_invocation_beyond_its_time_is_ended_with_a_hint(ask: Ask) -> None:
    assert ask("hasty", '{"sleep": 1}') == (200, "1")
    status, text = ask("hasty", '{"sleep": 5}')
    assert status in {424, 504}
    assert "2 s" in text
    assert ask("hasty", "[1]") == (200, "[2]")


def test_boto3_gets_a_model_error_when_the_time_is_over(runtime: Any) -> None:
    with pytest.raises(runtime.exceptions.ModelError) as failed:
        runtime.invoke_endpoint(
            EndpointName="hasty", ContentType="application/json", Body=b'{"sleep": 5}'
        )
    assert failed.value.response["OriginalStatusCode"] == 504
    assert "2 s" in str(failed.value)


def test_fifty_seven_seconds_are_allowed_and_sixty_two_are_not(runtime: Any) -> None:
    def ask(endpoint: str, seconds: int) -> bytes:
        body = json.dumps({"sleep": seconds}).encode()
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=body
        )
        return answer["Body"].read()

    # At the same time, and so of two endpoints: a model answers one request after the other.
    with ThreadPoolExecutor() as pool:
        allowed, refused = pool.submit(ask, "doubling", 57), pool.submit(ask, "beside", 62)
        assert allowed.result() == b"57"
        with pytest.raises(runtime.exceptions.ModelError, match="60 s"):
            refused.result()
