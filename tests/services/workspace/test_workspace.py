"""The workspace: its logs, its disk and what it says of itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.composition import attend, background_command
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.context import Context
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.runtime import Runtime

DAY_S = 86_400


@pytest.fixture
def client(tmp_path: Path) -> LocalClient:
    return LocalClient(fresh_settings(tmp_path), "test")


@pytest.fixture
def runtime(client: LocalClient) -> Runtime:
    return client.runtime


@pytest.fixture
def run(runtime: Runtime) -> Callable[..., None]:
    """Run a program as the work of an experiment, which stands for anything that has work."""

    def run(name: str, code: str, *, wait: bool = True) -> None:
        with Context(runtime, Principal("ada", "test")).writing() as ctx:
            row = ctx.find("Experiment", name) or ctx.add("Experiment", name, request={})
            ctx.submit(row, Work(argv=(sys.executable, "-S", "-c", code)))
        attend(runtime)
        if wait:
            eventually(lambda: attend(runtime) or not live(runtime))

    return run


def live(runtime: Runtime) -> list[Any]:
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        return ctx.live_attempts()


def log(client: LocalClient, **request: Any) -> dict[str, Any]:
    return client.call("WatchLog", {"ResourceType": "TrainingJob", "ResourceName": "a", **request})


@pytest.fixture
def job(client: LocalClient, tmp_path: Path) -> Callable[[str], None]:
    """Run a program as a training job named "a"."""

    def job(code: str) -> None:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "train.py").write_text(code)
        artifacts = client.runtime.workspace.artifacts
        tar = artifacts.tar(source, artifacts.uri("a", "source", "sourcedir.tar.gz"))
        client.call(
            "CreateTrainingJob",
            {
                "TrainingJobName": "a",
                "AlgorithmSpecification": {
                    "TrainingImage": "jupyter-ml/python",
                    "TrainingInputMode": "File",
                },
                "HyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": tar,
                },
            },
        )

    return job


def test_a_log_is_followed_to_its_end_without_gap_or_repetition(
    client: LocalClient, job: Callable[[str], None]
) -> None:
    job("import time\nfor i in range(20): print('ä' * 333, i, flush=True); time.sleep(0.02)")
    text, request = "", {"MaxBytes": 1024}
    while True:
        piece = log(client, **request)
        text = piece["Text"] if piece["Reset"] else text + piece["Text"]
        request["Cursor"] = piece["Cursor"]
        if piece["Ended"]:
            break
        client.attend()
    assert text == "".join(f"{'ä' * 333} {number}\n" for number in range(20))


def test_the_first_answer_of_a_log_is_a_reset_with_the_first_line(
    client: LocalClient, job: Callable[[str], None]
) -> None:
    job("print('one')\nprint('two')")
    eventually(lambda: client.attend() and log(client)["Ended"])
    piece = log(client)
    assert (piece["Reset"], piece["FirstLine"], piece["Text"]) == (True, 1, "one\ntwo\n")
    assert log(client, Cursor=piece["Cursor"])["Text"] == ""


def test_a_cursor_of_something_else_is_refused(
    client: LocalClient, job: Callable[[str], None]
) -> None:
    job("pass")
    with pytest.raises(ValidationException, match="Cursor 'nonsense'"):
        log(client, Cursor="nonsense")


def test_the_workspace_tells_what_it_is_and_what_runs(
    client: LocalClient, run: Callable[..., None]
) -> None:
    run("a", "import time; time.sleep(300)", wait=False)
    told = client.call("GetWorkspace")
    assert told["Workspace"] == str(client.settings.workspace)
    assert told["Cpus"] == len(os.sched_getaffinity(0))
    assert (told["Running"], told["Queued"], told["Endpoints"]) == (1, 0, 0)
    with Context(client.runtime, Principal("ada", "test")).writing() as ctx:
        ctx.delete(ctx.get("Experiment", "a"))
    eventually(lambda: client.attend() and not live(client.runtime))


def test_the_disk_is_accounted_for_by_what_takes_it(client: LocalClient) -> None:
    artifacts = client.runtime.workspace.artifacts
    artifacts.put_bytes(b"x" * 10_000_000, artifacts.uri("big"))
    aside = client.settings.workspace / "lost" / "20260102T030405Z"
    aside.mkdir(parents=True)
    (aside / "jupyter_ml.db").write_bytes(b"x" * 9_000_000)
    usage = client.call("GetDiskUsage")
    assert (usage["Items"][1]["Kind"], usage["Items"][1]["Name"]) == ("Lost", aside.name)
    assert usage["Items"][0]["Kind"] == "Bucket"
    assert usage["Items"][0]["Bytes"] == 10_000_000
    assert usage["TotalBytes"] >= 10_000_000
    assert usage["FreeBytes"] == pytest.approx(
        shutil.disk_usage(client.settings.workspace).free, rel=0.01
    )


def aged(path: Path, days: float) -> Path:
    for item in (path, *path.rglob("*")):
        then = item.stat().st_mtime - days * DAY_S
        os.utime(item, (then, then))
    return path


def test_garbage_is_named_first_and_only_then_removed(
    client: LocalClient, run: Callable[..., None]
) -> None:
    run("old", "pass")
    run("young", "pass")
    workspace = client.runtime.workspace
    old = aged(workspace.work_dir("Experiment", "old", 1), 40)
    named = client.call("CollectGarbage", {"DryRun": True})
    assert [item["Path"] for item in named["Removed"]] == [str(old)]
    assert "40 days ago" in named["Removed"][0]["Reason"]
    assert old.exists()
    removed = client.call("CollectGarbage", {"DryRun": False})
    assert removed == named
    assert not old.exists()
    assert workspace.work_dir("Experiment", "young", 1).exists()


def test_the_folder_of_running_work_is_never_garbage(
    client: LocalClient, run: Callable[..., None]
) -> None:
    run("a", "import time; time.sleep(300)", wait=False)
    aged(client.runtime.workspace.work_dir("Experiment", "a", 1), 400)
    assert client.call("CollectGarbage", {"DryRun": True})["Removed"] == []
    with Context(client.runtime, Principal("ada", "test")).writing() as ctx:
        ctx.delete(ctx.get("Experiment", "a"))
    eventually(lambda: client.attend() and not live(client.runtime))
    removed = client.call("CollectGarbage", {"DryRun": False})["Removed"]
    assert [item["Reason"] for item in removed] == ["What it belonged to was deleted."]


def test_a_half_written_object_of_a_dead_writer_is_garbage(client: LocalClient) -> None:
    artifacts = client.runtime.workspace.artifacts
    whole = artifacts.resolve(artifacts.put_bytes(b"x", artifacts.uri("whole")))
    part = whole.with_name(".half.0.part")
    part.write_bytes(b"y" * 10)
    assert client.call("CollectGarbage", {"DryRun": False})["Removed"] == []
    aged(part, 1)
    removed = client.call("CollectGarbage", {"DryRun": False})
    assert removed["Bytes"] == 10
    assert whole.exists()
    assert not part.exists()


def test_an_upload_that_was_given_up_is_garbage_once_it_is_old(client: LocalClient) -> None:
    uploads = client.runtime.workspace.root / "buckets" / ".s3" / "mine" / "uploads"
    for name in ("young", "old"):
        (uploads / name).mkdir(parents=True)
        (uploads / name / "00001.part").write_bytes(b"y" * 10)
    aged(uploads / "old", 40)
    (removed,) = client.call("CollectGarbage", {"DryRun": False})["Removed"]
    assert (removed["Kind"], removed["Name"]) == ("Upload", "old")
    assert [path.name for path in uploads.iterdir()] == ["young"]


def test_the_retention_is_kept_without_anybody_asking(
    client: LocalClient, run: Callable[..., None]
) -> None:
    def is_free() -> bool:
        with try_lock(client.runtime.workspace.lock("retention")) as held:
            return held

    def end_of_a_supervisor() -> None:
        command = background_command(client.settings, "tick")
        assert subprocess.run(command, check=False, timeout=60).returncode == 0

    run("old", "pass")
    run("young", "pass")
    workspace = client.runtime.workspace
    stamp = workspace.lock("retention").with_suffix("")
    end_of_a_supervisor()
    eventually(stamp.exists, 30)
    eventually(is_free)
    old, young = (workspace.work_dir("Experiment", name, 1) for name in ("old", "young"))
    aged(old, 40)
    end_of_a_supervisor()
    assert old.exists(), "it was looked after less than a day ago"
    aged(stamp, 2)
    end_of_a_supervisor()
    assert not old.exists()
    assert young.exists()


def test_what_was_removed_is_in_the_event_log(
    client: LocalClient, run: Callable[..., None]
) -> None:
    run("old", "pass")
    aged(client.runtime.workspace.work_dir("Experiment", "old", 1), 40)
    client.call("CollectGarbage", {"DryRun": False})
    with Context(client.runtime, Principal("ada", "test")).reading() as ctx:
        events = ctx.events_since(0, "CollectGarbage")
    # The end of the job may have had it done once more.
    assert "tester" in {event.principal for event in events}
