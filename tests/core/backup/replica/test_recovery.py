"""A store that is gone and comes back from its replica, with what became of its work."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from jupyter_ml.client import LocalClient
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.chain import Chain
from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.core.store.failures import StoreLostError
from jupyter_ml.core.store.marker import SQLITE_FILE
from jupyter_ml.core.store.tables import events, metadata
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.identity import identify, is_alive
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.tick import tick
from tests.core.backup.replica.conftest import (
    ADA,
    copied,
    delete_store,
    keys,
    keys_in,
    put,
    recoveries,
    refresh,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.backup.replica import Replica
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.settings import Settings

OPENERS = 8
OPENER = """
import sys
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.store.tables import tags
from jupyter_ml.core.workspace import Workspace
settings = Settings.from_json(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store = Workspace(settings).store
with store.write() as connection:
    connection.execute(tags.insert().values(arn="new", key=sys.argv[2], value=""))
"""


def test_eight_processes_that_miss_a_store_at_once_recover_it_once(
    workspace: Workspace, replica: Replica, settings: Settings
) -> None:
    refresh(workspace, replica)
    put(workspace.store, "after the copy")
    workspace.store.close()
    (workspace.root / f".{SQLITE_FILE}.4242.part").write_bytes(b"of one that was killed")
    log = workspace.root / f"{SQLITE_FILE}-wal"
    log.write_bytes(b"a log of what is gone")
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, settings.to_json(), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(OPENERS)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    delete_store(workspace)
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=60)[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * OPENERS, said
    assert sum("is recovered from the copy" in text for text in said) == 1
    assert keys(workspace.store) == [*map(str, range(OPENERS)), "first"]
    assert len(recoveries(workspace.store)) == 1
    assert not list(workspace.root.glob(".*.part*"))
    (aside,) = (workspace.root / "lost").iterdir()
    assert (aside / log.name).read_bytes() == b"a log of what is gone"
    chain = Chain()
    with workspace.store.read() as connection:
        for record in connection.execute(sa.select(events).order_by(events.c.seq)).mappings():
            chain.add(dict(record))
    assert chain.broken is None


def test_a_process_that_has_the_store_open_goes_on_with_the_recovered_one(
    workspace: Workspace, replica: Replica, settings: Settings
) -> None:
    store = workspace.store
    refresh(workspace, replica)
    put(store, "after the copy")
    delete_store(workspace)
    threads = [threading.Thread(target=put, args=(store, f"new-{n}")) for n in range(OPENERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert keys(store) == ["first", *(f"new-{number}" for number in range(OPENERS))]
    assert len(recoveries(store)) == 1
    # Another one sees the same, and what it does is seen here.
    other = Workspace(settings).store
    put(other, "other")
    assert keys(store) == keys(other)
    other.close()
    store.close()


def test_what_is_no_database_any_more_is_set_aside(
    workspace: Workspace, replica: Replica, settings: Settings
) -> None:
    refresh(workspace, replica)
    workspace.store.close()
    (workspace.root / SQLITE_FILE).write_bytes(b"something else entirely" * 1000)
    store = Workspace(settings).store
    assert keys(store) == ["first"]
    store.close()
    (aside,) = (workspace.root / "lost").iterdir()
    assert (aside / SQLITE_FILE).read_bytes().startswith(b"something else")


def test_a_store_without_tables_is_recovered(
    workspace: Workspace, replica: Replica, settings: Settings
) -> None:
    refresh(workspace, replica)
    with workspace.store.write() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE schema_version")
    workspace.store.close()
    store = Workspace(settings).store
    assert keys(store) == ["first"]
    store.close()


def test_the_store_of_another_workspace_is_never_replaced(
    workspace: Workspace, replica: Replica, settings: Settings, tmp_path: Path
) -> None:
    refresh(workspace, replica)
    other = Workspace(fresh_settings(tmp_path / "other"))
    put(other.store, "theirs")
    other.store.close()
    workspace.store.close()
    (other.root / SQLITE_FILE).replace(workspace.root / SQLITE_FILE)
    # Said by a process that had it open, and by none more than that.
    with pytest.raises(StoreLostError, match="another workspace"):
        keys(workspace.store)
    assert keys_in(workspace.root / SQLITE_FILE) == ["theirs"]


def test_a_loss_without_a_copy_says_what_the_replica_lacks(
    workspace: Workspace, settings: Settings
) -> None:
    workspace.store.close()
    delete_store(workspace)
    with pytest.raises(StoreLostError, match=r"does not exist any more.*restore.*has no copy"):
        Workspace(settings).store  # noqa: B018  (opening it is what is refused)
    assert not (workspace.root / SQLITE_FILE).exists()


def test_a_copy_that_is_out_of_reach_is_not_said_to_be_missing(
    workspace: Workspace, replica: Replica, settings: Settings, folder: Path
) -> None:
    refresh(workspace, replica)
    copy = copied(workspace, folder)
    kept = copy.rename(folder / "kept")
    copy.symlink_to(copy)
    workspace.store.close()
    delete_store(workspace)
    with pytest.raises(StoreLostError, match="cannot be reached now"):
        Workspace(settings).store  # noqa: B018  (opening it is what is refused)
    kept.replace(copy)
    assert keys(Workspace(settings).store) == ["first"]


def test_a_copy_is_put_back_whose_maker_was_killed_before_it_noted_it(
    workspace: Workspace, replica: Replica, settings: Settings, folder: Path
) -> None:
    refresh(workspace, replica)
    (copied(workspace, folder).parent / "copied.json").unlink()
    workspace.store.close()
    delete_store(workspace)
    assert keys(Workspace(settings).store) == ["first"]


def test_a_copy_that_was_changed_is_not_put_back(
    workspace: Workspace, replica: Replica, settings: Settings, folder: Path
) -> None:
    refresh(workspace, replica)
    copied(workspace, folder).write_bytes(b"nothing")
    workspace.store.close()
    delete_store(workspace)
    with pytest.raises(StoreLostError, match="cannot be used: it is damaged"):
        Workspace(settings).store  # noqa: B018  (opening it is what is refused)
    assert not (workspace.root / SQLITE_FILE).exists()


def submit(runtime: Runtime, key: str) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", key, request={"ExperimentName": key})
        ctx.submit(row, Work(argv=("/bin/true",)))
    tick(runtime)


def test_work_that_the_copy_knows_goes_on_and_what_it_does_not_know_is_set_aside(
    runtime: Runtime, replica: Replica
) -> None:
    workspace = runtime.workspace
    submit(runtime, "known")
    refresh(workspace, replica)
    submit(runtime, "unknown")
    for key in ("known", "unknown"):
        with Context(runtime, ADA).reading() as ctx:
            (attempt,) = ctx.attempts(ctx.get("Experiment", key))
            place = ctx.ref(attempt).directory
        place.mkdir(parents=True, exist_ok=True)
        (place / "work.json").write_text(json.dumps({"token": attempt.token}))
    runtime.engine.end("known", 1, "Completed")  # type: ignore[attr-defined]
    delete_store(workspace)
    tick(runtime)
    with Context(runtime, ADA).reading() as ctx:
        (attempt,) = ctx.attempts(ctx.get("Experiment", "known"))
        assert attempt.verdict is not None
        assert attempt.verdict["state"] == "Completed"
        assert ctx.find("Experiment", "unknown") is None
    (detail,) = recoveries(workspace.store)
    assert detail["UnknownWork"] == ["unknown"]
    assert workspace.work_dir("Experiment", "known", 1).is_dir()
    assert not workspace.work_dir("Experiment", "unknown", 1).exists()
    assert len(list((workspace.root / "lost").glob("*/work/Experiment/unknown/1/work.json"))) == 1


def test_work_that_the_copy_does_not_know_is_ended_and_its_namesake_is_another(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    client = LocalClient(settings)
    workspace = client.runtime.workspace
    client.call("CreateExperiment", {"ExperimentName": "first"})
    (note,) = folder.glob("*/copied.json")
    # From now on no copy is due.
    note.write_text(json.dumps({**json.loads(note.read_bytes()), "took_s": 1e6}))
    pid = tmp_path / "pid"
    submit_job(client, f"echo v=1\\; && echo $$ > {pid} && exec sleep 600")
    who = eventually(lambda: pid.exists() and pid.read_text() and identify(int(pid.read_text())))
    run = workspace.run_dir("job-aws-training-job")
    eventually(lambda: run.exists() and scan(run))
    delete_store(workspace)
    assert client.call("ListTrainingJobs")["TrainingJobSummaries"] == []
    eventually(lambda: not is_alive(who))
    submit_job(client, "echo v=2\\;")

    def ended() -> dict[str, Any] | None:
        client.attend()
        job = client.call("DescribeTrainingJob", {"TrainingJobName": "job"})
        return job if job["TrainingJobStatus"] != "InProgress" else None

    job = eventually(ended, timeout_s=60)
    assert job["TrainingJobStatus"] == "Completed"
    (series,) = client.call("GetRunMetrics", {"RunName": "job-aws-training-job"})["Series"]
    assert series["Values"] == [2.0]
    (lost,) = (settings.workspace / "lost").iterdir()
    assert (lost / "work" / "TrainingJob" / "job" / "1" / "work.json").exists()
    assert (lost / "runs" / run.name).is_dir()
    assert not workspace.work_dir("TrainingJob", "job", 1).exists()
    assert workspace.work_dir("TrainingJob", "job", 2).is_dir()
    workspace.store.close()


def submit_job(client: LocalClient, command: str) -> None:
    algorithm = {
        "TrainingImage": "jupyter-ml/python",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c", command],
        "MetricDefinitions": [{"Name": "v", "Regex": "v=([0-9]+);"}],
    }
    client.call(
        "CreateTrainingJob", {"TrainingJobName": "job", "AlgorithmSpecification": algorithm}
    )
