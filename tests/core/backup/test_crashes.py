"""Backups and restorations that are killed at each step: whole, or finished by the next."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.client import LocalClient
from jupyter_ml.core.backup.replica import Replica, problem_of
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.marker import SQLITE_FILE
from jupyter_ml.core.store.tables import attempts, events, tags
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually, fresh_settings
from tests.core.backup.conftest import back_up, contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.settings import Settings


# What a process does that another can see of it, as Python's audit hooks name it.
STEPS = {"open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.utime", "sqlite3.connect"}


def dies(left: int, within: Path, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed before its nth step on a folder's files.

    Returns whether it was; `False` is for one that came to its end before.
    """

    def die(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and str(within) in str(arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.addaudithook(die)
            work()
            status = 0
        finally:
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_backup_that_is_killed_at_any_step_leaves_no_file_of_its_name(tmp_path: Path) -> None:
    client = LocalClient(fresh_settings(tmp_path / "first"))
    client.call("CreateExperiment", {"ExperimentName": "e"})
    target = tmp_path / "backups" / "backup"
    target.parent.mkdir()
    deaths = 0
    while dies(deaths, target.parent, lambda: back_up(client, target)):
        if target.exists():
            # The last step but one gave it its name: it is whole.
            LocalClient(fresh_settings(tmp_path / str(deaths))).restore(target)
            target.unlink()
        deaths += 1
    assert deaths >= 3
    assert [path.name for path in target.parent.iterdir()] == ["backup"], "parts were swept"
    client.runtime.workspace.store.close()


def test_a_restoration_that_is_killed_at_any_step_is_finished_by_the_next(
    client: LocalClient, new_database: Callable[[], str | None], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    before = contents(client.runtime.workspace.store)
    back_up(client, backup, Files=True)
    deaths, survived = 0, False
    while not survived:
        root = tmp_path / f"try-{deaths}"
        settings = fresh_settings(root, database=new_database())
        survived = not dies(deaths, root, lambda s=settings: LocalClient(s).restore(backup))
        if not survived:
            _is_whole_or_refused(settings)
            if (settings.workspace / "restoring.json").exists() or not _has_store(settings):
                LocalClient(settings).restore(backup)
        store = Workspace(settings).store
        assert contents(store) == before
        assert [*(settings.workspace / "buckets").rglob("*.bin")]
        assert not [*(settings.workspace / "buckets").rglob(".*.part")]
        store.close()
        deaths += 1
    assert deaths >= 5


def _has_store(settings: Settings) -> bool:
    return (settings.workspace / "workspace.json").exists()


def _is_whole_or_refused(settings: Settings) -> None:
    if not (settings.workspace / "restoring.json").exists():
        return
    with contextlib.suppress(StoreError):
        Workspace(settings).store.close()
        assert not (settings.workspace / "restoring.json").exists(), "all of it was there"


def test_a_copy_that_is_killed_at_any_step_leaves_a_whole_one(tmp_path: Path) -> None:
    (folder := tmp_path / "other-disk").mkdir()
    workspace = Workspace(fresh_settings(tmp_path, replica=str(folder)))
    identity, lock = workspace.store.identity(), workspace.lock("replica")
    copy = folder / identity / SQLITE_FILE
    Replica(folder, workspace.root, every_s=0).refresh(lock)
    deaths, survived = 0, False
    while not survived:
        with workspace.store.write() as connection:
            connection.execute(tags.insert().values(arn="arn", key=str(deaths), value=""))
        # One of its own each time: it would wait a minute for one that died.
        replica = Replica(folder, workspace.root, every_s=0)
        eventually(lambda one=replica: (one.due_at() or time.time() + 1) <= time.time())
        survived = not dies(deaths, folder, lambda one=replica: one.refresh(lock))
        assert problem_of(copy, identity) is None
        assert Replica(folder, workspace.root).newest() is not None
        deaths += 1
    assert deaths >= 5
    assert len([*copy.parent.iterdir()]) == 3, "parts were swept"
    workspace.store.close()


def test_a_recovery_that_is_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    deaths, survived = 0, False
    while not survived:
        root = tmp_path / f"try-{deaths}"
        (folder := root / "other-disk").mkdir(parents=True)
        settings = fresh_settings(root, replica=str(folder))
        workspace = Workspace(settings)
        with workspace.store.write() as connection:
            connection.execute(tags.insert().values(arn="arn", key="key", value=""))
        Replica(folder, workspace.root).refresh(workspace.lock("replica"))
        workspace.store.close()
        unknown = workspace.work_dir("TrainingJob", "unknown", 1)
        unknown.mkdir(parents=True)
        (unknown / "work.json").write_text('{"token": "t"}')
        # What is in its place is no database any more.
        (workspace.root / SQLITE_FILE).write_bytes(b"something else entirely" * 1000)
        survived = not dies(
            deaths, workspace.root, lambda one=settings: Workspace(one).store.close()
        )
        store = Workspace(settings).store
        with store.read() as connection:
            assert connection.execute(sa.select(tags.c.key)).scalars().all() == ["key"]
            recovered = sa.select(events.c.detail).where(events.c.name == "StoreRecovered")
            (detail,) = connection.execute(recovered).scalars().all()
            assert detail["UnknownWork"] == ["unknown"]
            assert connection.execute(sa.select(attempts.c.key)).scalars().all() == ["unknown"]
        store.close()
        (lost,) = (workspace.root / "lost").rglob("jupyter_ml.db")
        assert lost.read_bytes().startswith(b"something else")
        assert not unknown.exists()
        assert len([*(workspace.root / "lost").glob("*/work/TrainingJob/unknown/1")]) == 1
        deaths += 1
    assert deaths >= 10
