"""A workspace with a little of everything in it, and what tests of its backups look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from jupyter_ml.client import LocalClient
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.chain import verify
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.tables import metadata
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
ADA = Principal("ada", "test")


@pytest.fixture
def client(tmp_path: Path, database: str | None) -> Iterator[LocalClient]:
    """A client of a workspace with a little of everything in it."""
    client = LocalClient(fresh_settings(tmp_path / "first", database=database))
    for name in ("a", "b", "c"):
        client.call("CreateExperiment", {"ExperimentName": f"e{name}", "Description": "for x"})
    client.call("DeleteExperiment", {"ExperimentName": "eb"})
    artifacts = client.runtime.workspace.artifacts
    artifacts.put_bytes(b"model", artifacts.uri("models", "one.bin"))
    yield client
    client.runtime.workspace.store.close()


@pytest.fixture
def elsewhere(tmp_path: Path, new_database: Callable[[], str | None]) -> Settings:
    """Settings of an empty workspace of the same kind."""
    return fresh_settings(tmp_path / "second", database=new_database())


def back_up(client: LocalClient, path: Path, **request: Any) -> Json:
    return client.call("BackUpWorkspace", {"Path": str(path), **request})


def contents(store: Any) -> Json:
    """Return all rows of all tables, but for the identity."""
    with store.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name != "workspace"
        }


def broken(client: LocalClient) -> int | None:
    with Context(client.runtime, ADA).reading() as ctx:
        return next((flaw.seq for flaw in verify(ctx.connection).flaws), None)
