"""Older and newer programs on one store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_ml.core.store import migrations
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.migrations import SCHEMA
from jupyter_ml.core.store.tables import attempts, metadata
from jupyter_ml.core.workspace import Workspace
from tests.core.store.conftest import keys, put

if TYPE_CHECKING:
    import sqlalchemy as sa

    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store


def test_an_older_program_refuses_a_newer_store(settings: Settings, store: Store) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    with pytest.raises(StoreError, match=r"newer jupyter_ml \(schema 99.*Upgrade jupyter_ml"):
        Workspace(settings).store  # noqa: B018  (opening it is what is refused)
    # So does one that had it open when it was upgraded.
    with pytest.raises(StoreError, match="restart this kernel or server"):
        keys(store)
    with pytest.raises(StoreError, match="restart this kernel or server"), store.write():
        pass


def test_an_older_store_is_brought_up_to_date_with_what_is_in_it(settings: Settings) -> None:
    store = Workspace(settings).store
    with store.write() as connection:
        put(connection, "kept")
        _back_to_schema_1(connection)
    store.close()
    (settings.workspace / "workspace.json").unlink()
    newer = Workspace(settings).store
    assert keys(newer) == ["kept"]
    with newer.read() as connection:
        assert migrations.schema_version(connection) == SCHEMA
        assert connection.execute(attempts.select()).all() == []
    assert newer.identity()
    newer.close()


def _back_to_schema_1(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE attempts DROP COLUMN host")
    connection.exec_driver_sql("DROP TABLE workspace")
    connection.exec_driver_sql("UPDATE schema_version SET version = 1")


def test_a_migrated_store_has_the_columns_of_a_new_one(settings: Settings) -> None:
    store = Workspace(settings).store
    with store.write() as connection:
        _back_to_schema_1(connection)
        migrations.migrate(connection)
    with store.read() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.select())
    store.close()
