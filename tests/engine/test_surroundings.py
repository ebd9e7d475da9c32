"""Work gets what its submitter had, whoever starts it; what runs in between keeps none of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jupyter_ml.composition import attend, background_command, compose
from jupyter_ml.core.attempts import Attempts
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.environment import MARKER, background
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.runtime import Runtime

ADA = Principal("ada", "test")
TELL = "import json, os; json.dump(dict(os.environ), open('told', 'w'))"
SECRET = {
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "JUPYTERHUB_API_TOKEN": "hunter2",
    "JUPYTER_ML_SECRET_ACCESS_KEY": "hunter2",
    "REPORT": "https://blob.example/x?sig=hunter2hunter2hunter2hunter2hunter2hunter2&se=1",
    "COLOUR": "hunter2",
}


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return compose(fresh_settings(tmp_path))


def submit(runtime: Runtime, name: str, **work: Any) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", name, request={})
        ctx.submit(row, Work((sys.executable, "-S", "-c", TELL), **work))


def attempts(runtime: Runtime, name: str) -> list[Attempt]:
    with Context(runtime, ADA).reading() as ctx:
        return ctx.attempts(ctx.get("Experiment", name))


def start_elsewhere(runtime: Runtime, **environment: str) -> None:
    """Have a process start what waits that has another environment than the submitter."""
    command = background_command(runtime.workspace.settings, "tick")
    given = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    subprocess.run(command, env={**given, **environment}, check=True, timeout=60)


def told(runtime: Runtime, name: str) -> dict[str, str]:
    with Context(runtime, ADA).reading() as ctx:
        directory = ctx.ref(attempts(runtime, name)[-1]).directory
    path = directory / "members" / "0" / "told"
    eventually(lambda: not attempts(runtime, name)[-1].is_live, 30)
    found: dict[str, str] = json.loads(path.read_text())
    return found


def test_work_gets_the_variables_of_its_submitter_whoever_starts_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "blue")
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    submit(runtime, "a", env={"SHAPE": "round"})
    monkeypatch.setenv("COLOUR", "red")
    start_elsewhere(runtime, COLOUR="green", SHAPE="square", LEFTOVER="of another")
    seen = told(runtime, "a")
    assert (seen["COLOUR"], seen["SHAPE"], seen["HOME"]) == ("blue", "round", os.environ["HOME"])
    assert not {"LEFTOVER", "GITHUB_TOKEN"} & seen.keys()
    # What has ended needs it no more.
    assert attempts(runtime, "a")[-1].work["inherited"] is None


def test_a_variable_that_is_no_text_keeps_nothing_from_being_submitted(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "bl\udcffue")
    submit(runtime, "a")
    attend(runtime)
    assert "COLOUR" not in told(runtime, "a")


def test_work_that_an_older_version_submitted_gets_what_its_starter_has(runtime: Runtime) -> None:
    submit(runtime, "a")
    with Context(runtime, ADA).writing() as ctx:
        (attempt,) = ctx.live_attempts()
        work = {name: value for name, value in attempt.work.items() if name != "inherited"}
        Attempts(ctx.connection).change(attempt, work=work)
    start_elsewhere(runtime, COLOUR="green")
    assert told(runtime, "a")["COLOUR"] == "green"


@pytest.fixture
def timekeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """A timekeeper that was started where there are secrets."""
    for name, value in SECRET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(MARKER, "of a job")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    runtime = compose(fresh_settings(tmp_path, timekeeper=True))
    with Context(runtime, ADA).writing() as ctx:
        ctx.set_timer("far away", "", ctx.now() + 3600)
    attend(runtime)
    process = eventually(lambda: find(tmp_path), 30)
    yield process
    process.kill()
    process.wait(30)


def find(folder: Path) -> psutil.Process | None:
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "timekeeper" in command and str(folder) in command[-1]:
            return process
    return None


def test_a_timekeeper_keeps_nothing_of_who_started_it(timekeeper: psutil.Process) -> None:
    seen = timekeeper.environ()
    assert "hunter2" not in json.dumps(seen)
    assert seen[MARKER] == ""
    assert (seen["PATH"], seen["VIRTUAL_ENV"]) == (os.environ["PATH"], "/somewhere")


def test_what_runs_in_the_background_has_what_any_program_needs() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "JUPYTER_ML_MACHINE": "{}",
        "PGSSLMODE": "require",
        "PGPASSWORD": "hunter2",
        "KRB5CCNAME": "FILE:/tmp/krb5cc_1",
        "PYTHONPATH": "/x",
        "CUDA_VISIBLE_DEVICES": "1",
        "JUPYTER_ML_TOKEN": "hunter2",
        "JUPYTER_ML_ATTEMPT_DIR": "/attempt",
        "EDITOR": "vi",
    }
    dropped = {"PGPASSWORD", "JUPYTER_ML_TOKEN", "JUPYTER_ML_ATTEMPT_DIR", "EDITOR"}
    kept = {name: value for name, value in given.items() if name not in dropped}
    assert background(given) == {**kept, MARKER: ""}
