"""A store in PostgreSQL: its server goes away, its values and drivers, whose database it is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core import workspace as workspace_module
from jupyter_ml.core.store import marker
from jupyter_ml.core.store.failures import StoreError, StoreUnavailable
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually, fresh_settings
from tests.core.store.conftest import HOLDER, PROLOGUE, keys, program, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgresql import PostgresqlServer

    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store


def test_a_value_that_postgresql_cannot_keep_is_the_callers_mistake(own_database: Settings) -> None:
    store = Workspace(own_database).store
    with pytest.raises(ValidationException, match="NUL"), store.write() as connection:
        put(connection, "nul\0")
    store.close()


def test_a_server_that_went_away_is_named_and_its_return_noticed(
    own_server: PostgresqlServer, tmp_path: Path
) -> None:
    settings = fresh_settings(tmp_path, database=own_server.new_database())
    store = Workspace(settings).store
    with store.write() as connection:
        put(connection, "before")
    # Under way: the change is not made.
    with pytest.raises(StoreUnavailable, match="Nothing of this was written"):
        _end_inside_a_change(store, own_server)
    # Away: every call says so at once.
    for transaction in (store.write, store.read):
        with pytest.raises(StoreUnavailable, match="See that its server runs"), transaction():
            pass
    own_server.start()
    assert keys(store) == ["before"]
    # Restarted while connections were idle: nobody notices.
    own_server.stop()
    own_server.start()
    with store.write() as connection:
        put(connection, "after")
    assert keys(store) == ["after", "before"]
    store.close()


def _end_inside_a_change(store: Store, server: PostgresqlServer) -> None:
    with store.write() as connection:
        put(connection, "lost")
        server.stop()
        put(connection, "never")


def test_a_commit_that_got_no_answer_is_said_to_be_unknown(
    own_server: PostgresqlServer, tmp_path: Path
) -> None:
    store = Workspace(fresh_settings(tmp_path, database=own_server.new_database())).store

    def commit_without_a_server() -> None:
        with store.write() as connection:
            put(connection, "perhaps")
            own_server.stop()

    with pytest.raises(StoreUnavailable, match="whether it was kept is not known"):
        commit_without_a_server()
    store.close()


def test_a_folder_and_a_database_that_do_not_belong_together_are_refused(
    tmp_path: Path, new_postgresql: Callable[[], str]
) -> None:
    address = new_postgresql()
    first = Workspace(fresh_settings(tmp_path / "first", database=address))
    with first.store.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (seq, event_id, time, type, name, source, principal, detail, "
            "previous_hash, hash) VALUES (1, '', 0, '', '', '', '', '{}', '', '')"
        )
    # The same folder from another machine is fine.
    Workspace(fresh_settings(tmp_path / "first", database=address, host="other")).store.close()
    with pytest.raises(StoreError, match="store of another workspace folder"):
        Workspace(fresh_settings(tmp_path / "second", database=address)).store  # noqa: B018
    with pytest.raises(StoreError, match="Set JUPYTER_ML_DATABASE"):
        Workspace(fresh_settings(tmp_path / "first")).store  # noqa: B018
    other = new_postgresql()
    Workspace(fresh_settings(tmp_path / "third", database=other)).store.close()
    with pytest.raises(StoreError, match="not the store of the workspace"):
        Workspace(fresh_settings(tmp_path / "first", database=other)).store  # noqa: B018
    first.store.close()


def test_a_store_that_another_process_met_and_used_meanwhile_is_no_stranger(
    own_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Workspace(own_database)
    looks = iter([None])
    first.store.close()
    with first.store.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (seq, event_id, time, type, name, source, principal, detail, "
            "previous_hash, hash) VALUES (1, '', 0, '', '', '', '', '{}', '', '')"
        )
    # This one looked into the folder before the other had left its mark.
    monkeypatch.setattr(
        workspace_module, "read_marker", lambda root: next(looks, marker.read_marker(root))
    )
    second = Workspace(own_database)
    assert second.store.identity() == first.store.identity()
    for each in (first, second):
        each.store.close()


def test_a_missing_driver_is_named_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path, database="postgresql://ann@nowhere/db")
    body = f"""
import sys
sys.modules["psycopg"] = None
{PROLOGUE}"""
    done = subprocess.run(
        [sys.executable, "-c", body, settings.to_json()],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "pip install 'jupyter-ml[postgres]'" in done.stderr.splitlines()[-1]


def test_a_writer_that_stands_still_is_passed_after_a_while(
    own_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_ml.core.store import postgresql as database  # noqa: PLC0415

    monkeypatch.setattr(database, "_BEGIN_WRITE", database._BEGIN_WRITE.replace("'30s'", "'200ms'"))
    store = Workspace(own_database).store
    holder = program(own_database, HOLDER)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreUnavailable, match="has been writing"), store.write():
        pass
    holder.communicate("")
    eventually(lambda: keys(store) == [])
    with store.write() as connection:
        put(connection, "mine")
    store.close()
