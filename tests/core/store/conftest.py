"""Stores of each kind, other programs that use them, and what is put into them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from postgresql import PostgresqlServer

from jupyter_ml.core.store.tables import tags
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store

PROLOGUE = """
import sys
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace
store = Workspace(Settings.from_json(sys.argv[1])).store
"""
HOLDER = """
with store.write() as connection:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path, database: str | None) -> Settings:
    return fresh_settings(tmp_path, database=database)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Workspace(settings).store
    yield store
    store.close()


@pytest.fixture
def own_server() -> Iterator[PostgresqlServer]:
    """A server that the test may end."""
    server = PostgresqlServer()
    yield server
    server.remove()


def program(settings: Settings, body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + body, settings.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def put(connection: sa.Connection, key: str, value: str = "") -> None:
    connection.execute(tags.insert().values(arn="arn", key=key, value=value))


def keys(store: Store) -> list[str]:
    with store.read() as connection:
        return [
            key
            for (key,) in connection.execute(
                tags.select().with_only_columns(tags.c.key).order_by(tags.c.key)
            )
        ]


@pytest.fixture
def own_database(tmp_path: Path, new_postgresql: Callable[[], str]) -> Settings:
    """Return settings of a workspace in PostgreSQL."""
    return fresh_settings(tmp_path, database=new_postgresql())
