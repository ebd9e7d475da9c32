"""How an older store becomes a current one: one function per step, run once and in order.

A new store is made whole from `tables`; each change of a table comes with a step here that
does the same to a store that exists. Steps are never edited once released.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_ml.core.store.tables import metadata, workspace

if TYPE_CHECKING:
    from collections.abc import Callable


def _several_machines(connection: sa.Connection) -> None:
    """Let attempts say which machine runs them, and the store what it is known by."""
    connection.exec_driver_sql("ALTER TABLE attempts ADD COLUMN host TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql(
        "CREATE TABLE workspace (id TEXT NOT NULL PRIMARY KEY, created_at FLOAT NOT NULL)"
    )
    name_store(connection)


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_several_machines,)
SCHEMA = 1 + len(MIGRATIONS)


def name_store(connection: sa.Connection) -> str:
    """Give the store a new identity; return it."""
    identity = uuid.uuid4().hex
    connection.execute(workspace.delete())
    connection.execute(workspace.insert().values(id=identity, created_at=time.time()))
    return identity


def schema_version(connection: sa.Connection) -> int:
    """Return the schema that the database has: 0 for an empty one."""
    if not sa.inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.exec_driver_sql("SELECT version FROM schema_version").scalar_one())


def migrate(connection: sa.Connection) -> None:
    """Bring the database to `SCHEMA`; the caller holds a write transaction."""
    version = schema_version(connection)
    if version == 0:
        connection.exec_driver_sql("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (0)")
        metadata.create_all(connection)
        name_store(connection)
    else:
        for step in MIGRATIONS[version - 1 :]:
            step(connection)
    connection.execute(sa.text("UPDATE schema_version SET version = :v"), {"v": SCHEMA})
