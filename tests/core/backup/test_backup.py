"""Backups and restorations: whole, from and into each kind of store, and never over anything."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import ResourceInUse, ValidationException
from jupyter_ml.core.backup.restore import RestoreError
from jupyter_ml.core.context import Context
from jupyter_ml.core.store.failures import StoreError, StoreLostError
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings
from tests.core.backup.conftest import ADA, back_up, broken, contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.settings import Settings


def test_what_was_backed_up_is_restored_as_it_was(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    before = contents(client.runtime.workspace.store)
    told = back_up(client, tmp_path / "backup", Files=True)
    assert (told["Resources"], told["Files"], told["FileBytes"]) == (2, 1, 5)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    second = LocalClient(elsewhere)
    assert second.restore(tmp_path / "backup").ended == []
    store = second.runtime.workspace.store
    assert contents(store) == before
    assert store.identity() != client.runtime.workspace.store.identity()
    artifacts = second.runtime.workspace.artifacts
    assert artifacts.resolve(artifacts.uri("models", "one.bin")).read_bytes() == b"model"
    # It goes on from there: with the next event, and no number that was given before.
    with Context(second.runtime, ADA).reading() as ctx:
        highest = max(row.id for row in ctx.rows("Experiment"))
    second.call("CreateExperiment", {"ExperimentName": "next"})
    with Context(second.runtime, ADA).reading() as ctx:
        assert ctx.get("Experiment", "next").id > highest
    assert broken(second) is None
    store.close()


@pytest.mark.parametrize("way", ["into postgresql", "into sqlite"])
def test_a_store_moves_from_one_kind_into_the_other(
    tmp_path: Path, new_postgresql: Callable[[], str], way: str
) -> None:
    kinds = [None, new_postgresql()] if way == "into postgresql" else [new_postgresql(), None]
    first, second = (
        LocalClient(fresh_settings(tmp_path / str(number), database=kind))
        for number, kind in enumerate(kinds)
    )
    with Context(first.runtime, ADA).writing() as ctx:
        value = {"Loss": float("inf"), "Note": "nul\0 and é", "Big": 2**70}
        ctx.add("Experiment", "e", request={}, observed=value)
        ctx.emit("Something", ctx.get("Experiment", "e"), {"Value": 0.1 + 0.2})
    before = contents(first.runtime.workspace.store)
    back_up(first, tmp_path / "backup")
    second.restore(tmp_path / "backup")
    after = contents(second.runtime.workspace.store)
    assert after["rows"] == before["rows"]
    assert after["events"] == before["events"]
    assert broken(second) is None
    for each in (first, second):
        each.runtime.workspace.store.close()


def test_a_backup_is_one_snapshot_while_others_write(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            client.call("CreateExperiment", {"ExperimentName": f"busy-{number}"})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = back_up(client, tmp_path / "backup")
    finally:
        stop.set()
        writer.join(30)
    second = LocalClient(elsewhere)
    second.restore(tmp_path / "backup")
    rows, events = (contents(second.runtime.workspace.store)[name] for name in ("rows", "events"))
    assert (len(rows), len(events)) == (told["Resources"], told["Events"])
    # Each resource with the event of its creation, and the reverse.
    created = [event for event in events if event[4] == "CreateExperiment"]
    assert len(created) == len(rows) + 1
    second.runtime.workspace.store.close()


def test_work_that_was_under_way_is_over_and_says_so(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import time; time.sleep(300)")
    artifacts = client.runtime.workspace.artifacts
    request = {
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": artifacts.tar(source, artifacts.uri("source.tar.gz")),
        },
    }
    client.call("CreateTrainingJob", {"TrainingJobName": "running", **request})
    with Context(client.runtime, ADA).writing() as ctx:
        ctx.submit(ctx.add("Experiment", "waiting", request={}), Work(argv=("/bin/true",)))
    back_up(client, tmp_path / "backup")
    client.call("StopTrainingJob", {"TrainingJobName": "running"})
    second = LocalClient(elsewhere)
    assert sorted(second.restore(tmp_path / "backup").ended) == ["running", "waiting"]
    job = second.call("DescribeTrainingJob", {"TrainingJobName": "running"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "when the backup was made" in job["FailureReason"]
    run = second.call("DescribeTrialComponent", {"TrialComponentName": "running-aws-training-job"})
    assert run["Status"]["PrimaryStatus"] == "Failed"
    with Context(second.runtime, ADA).reading() as ctx:
        assert ctx.live_attempts() == []
    assert broken(second) is None
    eventually(lambda: client.attend() and not _live(client))
    second.runtime.workspace.store.close()


def _live(client: LocalClient) -> list[Any]:
    with Context(client.runtime, ADA).reading() as ctx:
        return ctx.live_attempts()


def test_no_file_is_written_over_and_none_where_it_cannot_be(
    client: LocalClient, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("precious")
    with pytest.raises(ResourceInUse, match="not written over"):
        back_up(client, taken)
    assert taken.read_text() == "precious"
    with pytest.raises(ValidationException, match="in a folder that exists"):
        back_up(client, tmp_path / "nowhere" / "backup")
    with pytest.raises(RestoreError, match="There is no backup"):
        LocalClient(fresh_settings(tmp_path / "third")).restore(tmp_path / "missing")


def test_a_workspace_that_is_used_is_not_restored_into(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(client, tmp_path / "backup")
    with pytest.raises(RestoreError, match="is not empty"):
        client.restore(tmp_path / "backup")
    if elsewhere.database is not None:
        other = fresh_settings(tmp_path / "other", database=client.settings.database)
        with pytest.raises(RestoreError, match="has been used"):
            LocalClient(other).restore(tmp_path / "backup")
        # It was not taken for one that is restored.
        with pytest.raises(StoreError, match="another workspace folder"):
            Workspace(other).store  # noqa: B018
    assert broken(client) is None


def test_arns_of_another_account_are_not_mixed_in(client: LocalClient, tmp_path: Path) -> None:
    back_up(client, tmp_path / "backup")
    other = LocalClient(fresh_settings(tmp_path / "third", account_id="123456789012"))
    with pytest.raises(RestoreError, match="JUPYTER_ML_ACCOUNT_ID=000000000000"):
        other.restore(tmp_path / "backup")
    assert not (other.settings.workspace / "jupyter_ml.db").exists()


def test_a_store_that_was_lost_is_restored_beside_the_files_that_are_there(tmp_path: Path) -> None:
    client = LocalClient(fresh_settings(tmp_path))
    client.call("CreateExperiment", {"ExperimentName": "e"})
    artifacts = client.runtime.workspace.artifacts
    back_up(client, tmp_path / "backup", Files=True)
    artifacts.put_bytes(b"since", artifacts.uri("since the backup"))
    client.runtime.workspace.store.close()
    for path in client.settings.workspace.glob("jupyter_ml.db*"):
        path.unlink()
    again = LocalClient(fresh_settings(tmp_path, user="again"))
    with pytest.raises(StoreLostError, match="1 object"):
        again.call("ListExperiments")
    with pytest.raises(RestoreError, match="--keep-files"):
        again.restore(tmp_path / "backup")
    again.restore(tmp_path / "backup", keep_files=True)
    assert len(again.call("ListExperiments")["ExperimentSummaries"]) == 1
    assert artifacts.resolve(artifacts.uri("since the backup")).read_bytes() == b"since"
    again.runtime.workspace.store.close()


def test_the_verbs_say_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jupyter_ml.cli import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "first"))
    monkeypatch.setenv("JUPYTER_ML_TIMEKEEPER", "false")
    assert main(["status"]) == 0
    assert main(["backup", "one.backup"]) == 0
    assert main(["backup", "one.backup"]) == 1
    assert "not written over" in capsys.readouterr().err
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "second"))
    assert main(["restore", "one.backup"]) == 0
    assert "0 resources" in capsys.readouterr().out
    assert (tmp_path / "second" / "workspace.json").exists()
