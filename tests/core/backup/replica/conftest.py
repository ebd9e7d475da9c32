"""A workspace that is copied to a folder, and what is looked at in both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from jupyter_ml.core.backup.replica import Replica
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.store.marker import SQLITE_FILE
from jupyter_ml.core.store.tables import events, tags
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import ScriptedEngine, eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.operations import Registry
    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store


ADA = Principal("ada", "test")


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
