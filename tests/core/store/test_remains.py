"""Stores that were deleted, emptied, or are no store, and folders that cannot hold one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_ml.core.store import sqlite
from jupyter_ml.core.store.failures import StoreError, StoreLostError
from jupyter_ml.core.store.store import Store
from jupyter_ml.core.store.tables import metadata
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings
from tests.core.store.conftest import keys, put

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.settings import Settings


def test_a_store_that_was_deleted_is_not_made_anew(tmp_path: Path) -> None:
    workspace = Workspace(fresh_settings(tmp_path))
    store = workspace.store
    workspace.artifacts.put_bytes(b"1", workspace.artifacts.uri("kept"))
    with store.write() as connection:
        put(connection, "key")
    (workspace.root / "jupyter_ml.db").unlink()
    # At once in a process that has it open, whose writes nobody would ever see ...
    for transaction in (store.write, store.read):
        with pytest.raises(StoreLostError, match=r"deleted.*1 object.*restore"), transaction():
            pass
    assert not (workspace.root / "jupyter_ml.db").exists()
    # ... and in one that comes later.
    with pytest.raises(StoreLostError, match=r"does not exist any more.*1 object"):
        Workspace(workspace.settings).store  # noqa: B018


def test_a_store_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    settings.workspace.mkdir()
    (settings.workspace / "jupyter_ml.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreLostError, match="not a database"):
        Workspace(settings).store  # noqa: B018


def test_tables_that_were_dropped_are_missed(settings: Settings) -> None:
    store = Workspace(settings).store
    with store.write() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE schema_version")
    with pytest.raises(StoreLostError, match="tables"):
        keys(store)
    store.close()
    with pytest.raises(StoreLostError, match=r"is empty.*restore"):
        Workspace(settings).store  # noqa: B018


def test_a_network_file_system_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "file_system", lambda _: "nfs4")
    with pytest.raises(StoreError, match=r"JUPYTER_ML_WORKSPACE.*PostgreSQL"):
        Store.at(tmp_path / "store.db")
