"""The replica: what is copied when, and what is said of it."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.backup.replica import Replica, ReplicaError
from jupyter_ml.core.context import Context
from jupyter_ml.core.store.marker import SQLITE_FILE, read_marker
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.timekeeper import keep_time, outlook
from jupyter_ml.toolkit.doctor import examine
from jupyter_ml.toolkit.doctor.workspace import replica as look_at_replica
from jupyter_ml.toolkit.doctor.workspace import store as look_at_store
from tests.core.backup.replica.conftest import (
    ADA,
    copied,
    delete_store,
    keys,
    keys_in,
    put,
    refresh,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.settings import Settings


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


def test_a_copy_can_be_opened_as_a_workspace(
    workspace: Workspace, replica: Replica, folder: Path
) -> None:
    refresh(workspace, replica)
    again = copied(workspace, folder).parent.rename(folder / "workspace")
    store = Workspace(fresh_settings(again.parent)).store
    assert keys(store) == ["first"]
    store.close()


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
