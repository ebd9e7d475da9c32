"""The HTTP client against a real server: the same answers and errors as the local one."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_process import TOKEN, environment, start
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_code import source_archive

import jupyter_ml as ml
from jupyter_ml.client import connect, paginate
from jupyter_ml.client_http import HttpClient
from jupyter_ml.contract.errors import (
    MLError,
    NotImplementedException,
    ResourceNotFound,
    ServiceError,
    ServiceUnavailable,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationException,
)
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually
from jupyter_ml.toolkit.exports import to_tensorboard

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_process import JupyterProcess


@pytest.fixture(scope="session")
def client(jupyter: JupyterProcess) -> HttpClient:
    """Return a client of the shared server."""
    return HttpClient(jupyter.url, TOKEN)


def test_a_call_answers_what_the_server_knows(client: HttpClient, jupyter: JupyterProcess) -> None:
    assert client.call("GetWorkspace")["Workspace"] == str(jupyter.home / "workspace")


def test_lists_are_walked_page_after_page(client: HttpClient) -> None:
    names = {f"http-{i}" for i in range(3)}
    for name in names:
        client.call("CreateExperiment", {"ExperimentName": name})
    pages = paginate(client, "ListExperiments", {"MaxResults": 1}, "ExperimentSummaries")
    assert names <= {each["ExperimentName"] for each in pages}


@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("DescribeExperiment", {"ExperimentName": "nothing"}, ResourceNotFound),
        ("CreateExperiment", {"ExperimentName": "!"}, ValidationException),
        ("ListClusters", {}, NotImplementedException),
        ("ListNothings", {}, UnknownOperationException),
        ("InvokeEndpoint", {"EndpointName": "nothing", "Body": b"1"}, ServiceError),
        ("InvokeEndpoint", {"EndpointName": "x", "Bdy": b""}, ValidationException),
    ],
)
def test_errors_are_raised_as_the_classes_that_the_server_raised(
    client: HttpClient, operation: str, request_: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.call(operation, request_)


def test_a_wrong_token_is_said_to_be_wrong(jupyter: JupyterProcess) -> None:
    with pytest.raises(UnrecognizedClientException, match="no valid token"):
        HttpClient(jupyter.url, "wrong").call("GetWorkspace")


def test_a_server_without_the_extension_is_said_to_be_one(tmp_path: Path) -> None:
    server = start(tmp_path, extension=False)
    try:
        with pytest.raises(ServiceError, match="jupyter_ml installed"):
            HttpClient(server.url, TOKEN).call("GetWorkspace")
    finally:
        server.stop()
    with pytest.raises(ServiceUnavailable, match="Is it running"):
        HttpClient(server.url, TOKEN).call("GetWorkspace")


@pytest.mark.parametrize(
    "url", ["localhost:8888", "ftp://localhost/", "http:///x", "http://h/?a=1"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationException, match="is not the address of a server"):
        HttpClient(url, "")


def test_a_topic_is_followed(client: HttpClient) -> None:
    updates: list[dict[str, Any]] = []
    subscription = client.subscribe("WatchEndpoints", {}, updates.append)
    try:
        first = eventually(lambda: updates and updates[0])
    finally:
        subscription.close()
    assert first["Reset"] is True


def test_the_environment_names_the_server(
    jupyter: JupyterProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_ML_URL", jupyter.url)
    monkeypatch.setenv("JUPYTER_ML_TOKEN", TOKEN)
    assert isinstance(connect(), HttpClient)
    assert connect().call("GetWorkspace")["Workspace"] == str(jupyter.home / "workspace")


def test_the_command_line_works_through_the_server(jupyter: JupyterProcess, tmp_path: Path) -> None:
    variables = environment(tmp_path, JUPYTER_ML_URL=jupyter.url, JUPYTER_ML_TOKEN=TOKEN)
    outcome = subprocess.run(
        [sys.executable, "-m", "jupyter_ml.cli", "status"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert str(jupyter.home / "workspace") in outcome.stdout
    assert not (tmp_path / "workspace").exists()


def test_env_asks_which_of_several_servers_is_meant(
    jupyter: JupyterProcess, tmp_path: Path
) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    known = next((jupyter.home / "runtime").glob("jpserver-*.json")).read_text()
    other = jupyter.url.replace("localhost", "127.0.0.1")
    (runtime / "jpserver-1.json").write_text(known)
    (runtime / "jpserver-2.json").write_text(known.replace(jupyter.url, other))

    def env(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jupyter_ml.cli", "env", *words],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    refused = env()
    assert refused.returncode == 2
    assert jupyter.url in refused.stderr
    assert other in refused.stderr
    assert f"{other}jupyter-ml/aws" in env("--server", other.rstrip("/")).stdout


def test_the_server_says_when_it_starts_and_stops_cleanly(tmp_path: Path) -> None:
    server = start(tmp_path)
    HttpClient(server.url, TOKEN).call("GetWorkspace")
    server.stop()
    assert server.process.returncode == 0
    assert "jupyter_ml works in" in server.log
    assert "Traceback" not in server.log
    assert "never awaited" not in server.log
    assert "was destroyed" not in server.log


def test_the_toolkit_works_with_the_workspace_behind_a_server(
    jupyter: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_ML_URL", jupyter.url)
    monkeypatch.setenv("JUPYTER_ML_TOKEN", TOKEN)
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "own"))
    source = source_archive(tmp_path / "sourcedir.tar.gz", train="print('hello from afar')")
    request = {
        "TrainingJobName": "shared",
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"file://{source}",
        },
    }
    connect().call("CreateTrainingJob", request)
    job = ml.job("shared").wait()
    assert job.status == "Completed"
    assert "hello from afar" in str(job.logs())
    assert "shared" in str(ml.jobs())
    assert str(jupyter.home / "workspace") in str(ml.status())
    script = tmp_path / "train.py"
    script.write_text("print(1)")
    with pytest.raises(MLError, match="behind a server"):
        ml.train(script, name="here")
    assert not (tmp_path / "own").exists()


def test_a_run_of_a_shared_workspace_is_exported_with_its_gaps(
    client: HttpClient, jupyter: JupyterProcess, tmp_path: Path
) -> None:
    client.call("CreateTrialComponent", {"TrialComponentName": "gaps-1"})
    writer = Writer(Workspace(Settings(jupyter.home / "workspace")).run_dir("gaps-1"))
    for value in (1.0, math.nan, 0.5):
        writer.log("loss", value)
    writer.close()
    events = EventAccumulator(str(to_tensorboard(client, "gaps-1", tmp_path))).Reload()
    values = [event.value for event in events.Scalars("loss")]
    assert values == [1.0, pytest.approx(math.nan, nan_ok=True), 0.5]
