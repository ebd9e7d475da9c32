"""The replica: what is copied when, and a store that is gone and comes back from it."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.backup.replica import Replica, ReplicaError
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.chain import Chain
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.store.failures import StoreLostError
from jupyter_ml.core.store.marker import SQLITE_FILE, read_marker
from jupyter_ml.core.store.tables import events, metadata, tags
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import ScriptedEngine, eventually, fresh_settings
from jupyter_ml.tick import tick
from jupyter_ml.timekeeper import keep_time, outlook
from jupyter_ml.toolkit.doctor import examine
from jupyter_ml.toolkit.doctor.workspace import replica as look_at_replica
from jupyter_ml.toolkit.doctor.workspace import store as look_at_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.operations import Registry
    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store

ADA = Principal("ada", "test")
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "other-disk"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    return fresh_settings(tmp_path, replica=str(folder))


@pytest.fixture
def workspace(settings: Settings) -> Iterator[Workspace]:
    workspace = Workspace(settings)
    put(workspace.store, "first")
    yield workspace
    workspace.store.close()


@pytest.fixture
def replica(workspace: Workspace, folder: Path) -> Replica:
    """The replica without its pauses."""
    return Replica(folder, workspace.root, every_s=0)


@pytest.fixture
def runtime(workspace: Workspace, registry: Registry) -> Runtime:
    return Runtime(workspace, registry, engine=ScriptedEngine())


def put(store: Store, key: str) -> None:
    with store.write() as connection:
        connection.execute(tags.insert().values(arn="arn", key=key, value="x" * 2000))


def keys(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(sa.select(tags.c.key).order_by(tags.c.key)).scalars())


def refresh(workspace: Workspace, replica: Replica) -> bool:
    """Copy as soon as it is due; at once, were it not for how long a copy took."""
    return eventually(lambda: replica.refresh(workspace.lock("replica")))


def copied(workspace: Workspace, folder: Path) -> Path:
    return folder / workspace.store.identity() / SQLITE_FILE


def keys_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as copy:
        return [key for (key,) in copy.execute("SELECT key FROM tags ORDER BY key")]


def recoveries(store: Store) -> list[dict[str, Any]]:
    with store.read() as connection:
        query = sa.select(events.c.detail).where(events.c.name == "StoreRecovered")
        return list(connection.execute(query).scalars())


def delete_store(workspace: Workspace) -> None:
    (workspace.root / SQLITE_FILE).unlink()


def test_what_is_committed_is_copied_once_for_this_user_alone(
    workspace: Workspace, replica: Replica, folder: Path
) -> None:
    assert refresh(workspace, replica)
    file = copied(workspace, folder)
    assert keys_in(file) == ["first"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    assert read_marker(file.parent) == read_marker(workspace.root)
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "copied.json", SQLITE_FILE, "workspace.json",
    ]  # fmt: skip
    # What was changed in the very moment of a copy is copied once more, and then no more.
    eventually(lambda: replica.refresh(workspace.lock("replica")) or replica.due_at() is None)
    assert eventually(lambda: replica.due_at() is None)
    put(workspace.store, "second")
    assert refresh(workspace, replica)
    assert keys_in(file) == ["first", "second"]


def test_copies_take_a_small_part_of_the_time(workspace: Workspace, folder: Path) -> None:
    replica = Replica(folder, workspace.root)
    assert replica.refresh(workspace.lock("replica"))
    put(workspace.store, "second")
    made = replica.newest()
    assert made is not None
    assert replica.due_at() == made.at + 5
    long = dataclasses.replace(made, took_s=2.5)
    (copied(workspace, folder).parent / "copied.json").write_text(
        json.dumps(dataclasses.asdict(long))
    )
    assert replica.due_at() == made.at + 100
    assert not replica.refresh(workspace.lock("replica"))


def test_a_damaged_store_never_takes_the_place_of_a_whole_copy(
    workspace: Workspace, replica: Replica, folder: Path
) -> None:
    for number in range(200):
        put(workspace.store, f"k{number:03}")
    refresh(workspace, replica)
    workspace.store.close()
    file = workspace.root / SQLITE_FILE
    whole = copied(workspace, folder).read_bytes()
    workspace.store.close()
    with file.open("r+b") as database:
        database.seek(file.stat().st_size // 2)
        database.write(b"\xff" * 20_000)
    with pytest.raises(ReplicaError, match=r"is damaged.*doctor"):
        refresh(workspace, replica)
    assert (folder / read_marker(workspace.root).id / SQLITE_FILE).read_bytes() == whole  # type: ignore[union-attr]
    assert not list(folder.rglob("*.part*"))


def test_a_disk_that_is_not_there_is_said_and_waited_for(
    workspace: Workspace, replica: Replica, folder: Path, settings: Settings
) -> None:
    folder.rmdir()
    with pytest.raises(ReplicaError, match=r"is no folder\. Make it, or mount"):
        replica.refresh(workspace.lock("replica"))
    due_at = replica.due_at()
    assert due_at is not None
    assert not replica.refresh(workspace.lock("replica"))
    (found,) = examine(settings, [look_at_replica])
    assert found.status == "no"
    assert "mkdir" in found.advice


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


def test_a_copy_can_be_opened_as_a_workspace(
    workspace: Workspace, replica: Replica, folder: Path
) -> None:
    refresh(workspace, replica)
    again = copied(workspace, folder).parent.rename(folder / "workspace")
    store = Workspace(fresh_settings(again.parent)).store
    assert keys(store) == ["first"]
    store.close()


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


def test_the_timekeeper_copies_what_is_committed_and_leaves_when_all_is_copied(
    runtime: Runtime, folder: Path
) -> None:
    ctx = Context(runtime, ADA)
    ctx.call("CreateExperiment", {"ExperimentName": "one"})
    assert ctx.wrote
    assert not outlook(runtime).is_empty
    keeper = threading.Thread(target=keep_time, args=(runtime,))
    keeper.start()
    keeper.join(30)
    assert not keeper.is_alive()
    assert outlook(runtime).is_empty
    with closing(sqlite3.connect(copied(runtime.workspace, folder))) as copy:
        assert copy.execute("SELECT key FROM rows").fetchall() == [("one",)]


def test_the_doctor_says_how_old_the_copy_is(
    workspace: Workspace, replica: Replica, settings: Settings
) -> None:
    (none,) = examine(settings, [look_at_replica])
    assert "no copy of the store" in none.why
    refresh(workspace, replica)
    (made,) = examine(settings, [look_at_replica])
    # Here both are on one disk, which is said.
    assert (made.status, "on the disk of the workspace" in made.why) == ("limited", True)
    workspace.store.close()
    delete_store(workspace)
    (lost,) = examine(settings, [look_at_store])
    assert (lost.status, "from the replica" in lost.advice) == ("limited", True)
    assert not lost.is_broken


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"replica": "/mnt/r", "database": "postgresql://ann@db/ml"}, "streaming replication"),
        ({"replica": "here"}, "not an absolute path outside"),
    ],
)
def test_a_replica_that_could_not_be_one_is_refused(
    tmp_path: Path, given: dict[str, str], why: str
) -> None:
    with pytest.raises(ValidationException, match=why):
        fresh_settings(tmp_path, **given)


def test_a_replica_inside_of_the_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationException, match="outside of the workspace"):
        fresh_settings(tmp_path, replica=str(tmp_path / "workspace" / "copy"))
