"""The event log: who did what, when, from where, with what answer; and that nobody changed it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk, events
from jupyter_process import TOKEN, environment, session_of, start

from jupyter_ml.client import connect
from jupyter_ml.client_http import HttpClient
from jupyter_ml.core.events.chain import verify
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def broken(workspace: Path) -> int | None:
    """Return the first event whose hash is not what it must be."""
    with Workspace.open(Settings(workspace=workspace)).store.read() as connection:
        return next((flaw.seq for flaw in verify(connection).flaws), None)


def test_a_change_from_every_surface_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = time.time()
    server = start(tmp_path)
    workspace = tmp_path / "workspace"
    try:
        http = HttpClient(server.url, TOKEN)
        http.call("CreateExperiment", {"ExperimentName": "by-http"})
        sagemaker = session_of(server.url).client(
            "sagemaker", endpoint_url=f"{server.url}jupyter-ml/aws"
        )
        sagemaker.create_experiment(ExperimentName="by-boto3")
        monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(workspace))
        monkeypatch.setenv("JUPYTER_ML_FREE_FLOOR_MB", "1")
        toolkit = connect(source="toolkit")
        toolkit.call("CreateExperiment", {"ExperimentName": "by-toolkit"})
        (tmp_path / "hello.py").write_text("print('hello')\n")
        subprocess.run(
            [sys.executable, "-m", "jupyter_ml.cli", "train", "--name", "by-cli", "hello.py"],
            env=environment(tmp_path),
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=120,
        )
        Desk(toolkit, tmp_path).ended("by-cli-1")
        http.call("DeleteExperiment", {"ExperimentName": "by-http"})
        looked_up = http.call(
            "LookupEvents",
            {"LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": "by-boto3"}]},
        )["Events"]
        verified = http.call("VerifyEventLog", {})
    finally:
        server.stop()

    calls = [event for event in events(workspace) if event["type"] == "AwsApiCall"]
    found = {(event["name"], event["key"]): event for event in calls}
    for name, key, source in (
        ("CreateExperiment", "by-http", "server"),
        ("CreateExperiment", "by-boto3", "aws"),
        ("CreateExperiment", "by-toolkit", "toolkit"),
        ("CreateTrainingJob", "by-cli-1", "cli"),
        ("DeleteExperiment", "by-http", "server"),
    ):
        event: dict[str, Any] = found[name, key]
        assert event["source"] == source
        assert event["principal"]
        assert begin <= event["time"] <= time.time()
        assert key in event["request"].values()
        assert event["response"][next(iter(event["response"]))].startswith("arn:aws:sagemaker:")
    assert broken(workspace) is None
    assert [event["EventName"] for event in looked_up] == ["CreateExperiment"]
    assert json.loads(looked_up[0]["CloudTrailEvent"])["userAgent"] == "aws"
    assert verified["Valid"]
    assert verified["EventCount"] >= 6


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET principal = 'somebody' WHERE seq = 2",
        "UPDATE events SET request = replace(request, 'second', 'other') WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
    ],
)
def test_a_changed_record_is_found(desk: Desk, change: str) -> None:
    for name in ("first", "second", "third", "fourth"):
        desk.client.call("CreateExperiment", {"ExperimentName": name})
    workspace = desk.client.runtime.workspace.root
    assert broken(workspace) is None
    connection = sqlite3.connect(workspace / "jupyter_ml.db")
    with connection:
        connection.execute(change)
    connection.close()
    assert broken(workspace) in {2, 3}
