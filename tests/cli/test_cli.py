"""``jupyter ml`` as a process: what it prints, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.cli import FAILED, MISUSED, main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the user's own workspace and servers."""
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("JUPYTER_ML_WARM_MEMORY_MB", "0")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("JUPYTER_ML_URL", raising=False)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter_ml.cli", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )


def test_status_of_a_new_workspace_says_that_nothing_runs(tmp_path: Path) -> None:
    outcome = run("status")
    assert outcome.returncode == 0, outcome.stderr
    assert str(tmp_path / "workspace") in outcome.stdout
    assert "nothing running" in outcome.stdout


def test_an_unknown_verb_ends_with_2_and_a_suggestion() -> None:
    outcome = run("stats")
    assert outcome.returncode == MISUSED
    assert outcome.stdout == ""
    assert outcome.stderr == "jupyter ml: There is no verb 'stats'. Did you mean status?\n"


def test_help_and_version_end_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert main(["logs", "--help"]) == 0
    assert main(["--version"]) == 0
    printed = capsys.readouterr().out
    assert "usage: jupyter ml VERB" in printed
    assert "usage: jupyter ml logs" in printed


@pytest.mark.parametrize("what", ["jobs", "endpoints", "models", "runs"])
def test_empty_lists_say_so(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    assert capsys.readouterr().out.startswith(f"No {what}.")


@pytest.mark.parametrize("verb", ["show", "logs", "stop", "delete"])
def test_a_name_that_nothing_has_is_said(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "nobody"]) == MISUSED
    assert "'nobody'" in capsys.readouterr().err


def test_the_disk_is_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert main(["du"]) == 0
    printed = capsys.readouterr().out
    assert "jupyter_ml.db" in printed
    assert "stay free" in printed


def test_collecting_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--dry-run"]) == 0
    assert capsys.readouterr().out == "Nothing to remove.\n"


def test_a_tick_says_what_is_under_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tick"]) == 0
    assert capsys.readouterr().out == "0 running · 0 queued\n"


def test_env_without_a_server_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env"]) == MISUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Start one with `jupyter lab`" in captured.err


def test_a_setting_that_cannot_be_used_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_ML_FREE_FLOOR_MB", "much")
    assert main(["status"]) == FAILED
    assert "JUPYTER_ML_FREE_FLOOR_MB='much'" in capsys.readouterr().err


def test_a_shared_workspace_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_ML_URL", "http://127.0.0.1:9/")
    assert main(["status"]) == FAILED
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err
