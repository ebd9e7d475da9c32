"""The store: many processes, older and newer programs, databases that go away, disks it refuses."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from postgresql import PostgresqlServer

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core import workspace as workspace_module
from jupyter_ml.core.store import marker, migrations, sqlite
from jupyter_ml.core.store.failures import StoreError, StoreLostError, StoreUnavailable
from jupyter_ml.core.store.migrations import SCHEMA
from jupyter_ml.core.store.store import Store
from jupyter_ml.core.store.tables import attempts, metadata, tags, timers
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

PROLOGUE = """
import sys
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace
store = Workspace(Settings.from_json(sys.argv[1])).store
"""
WRITER = """
for _ in range(50):
    with store.write() as connection:
        number = connection.exec_driver_sql("SELECT count(*) FROM tags").scalar_one()
        connection.exec_driver_sql(f"INSERT INTO tags VALUES ('arn', '{number}', '')")
"""
OPENER = """
import os, sys
from pathlib import Path
from jupyter_ml.core.store.store import Store
folder = Path(sys.argv[1])
(folder / str(os.getpid())).touch()
sys.stdin.read(1)
for number in range(25):
    Store.at(folder / f"{number}.db").close()
"""
HOLDER = """
with store.write() as connection:
    print("held", flush=True)
    sys.stdin.read()
"""

OPENER = """
import os, sys
from pathlib import Path
from jupyter_ml.core.store.store import Store
folder = Path(sys.argv[1])
(folder / str(os.getpid())).touch()
sys.stdin.read(1)
for number in range(25):
    Store.at(folder / f"{number}.db").close()
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


def test_writers_in_many_processes_wait_for_each_other(settings: Settings, store: Store) -> None:
    writers = [program(settings, WRITER) for _ in range(4)]
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    # A lost update would have made a key twice, which the table refuses.
    assert len(keys(store)) == 200


def test_new_databases_may_be_opened_by_many_processes_at_once(tmp_path: Path) -> None:
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER, tmp_path], stdin=subprocess.PIPE)
        for _ in range(6)
    ]
    eventually(lambda: len(list(tmp_path.iterdir())) == len(openers), 60)
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.close()
    assert [opener.wait(60) for opener in openers] == [0] * len(openers)
    with Store.at(tmp_path / "0.db").read() as connection:
        assert migrations.schema_version(connection) == SCHEMA


def test_many_processes_may_make_the_same_store_at_once(settings: Settings) -> None:
    makers = [program(settings, "print(store.identity())") for _ in range(4)]
    made = {maker.communicate(timeout=60)[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0, 0, 0, 0]
    assert len(made) == 1


def test_a_writer_that_is_killed_holds_up_nobody_and_leaves_nothing(
    settings: Settings, store: Store
) -> None:
    holder = program(
        settings,
        HOLDER.replace(
            "print(",
            "connection.exec_driver_sql("
            "\"INSERT INTO tags VALUES ('arn', 'half done', '')\"); print(",
        ),
    )
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=20)
    with store.write() as connection:
        put(connection, "whole")
    assert keys(store) == ["whole"]


def test_a_snapshot_does_not_change_while_others_write(store: Store) -> None:
    with store.read() as connection:
        assert connection.execute(tags.select()).all() == []
        with store.write() as writer:
            put(writer, "key")
        assert connection.execute(tags.select()).all() == []
    assert keys(store) == ["key"]


def test_a_transaction_that_fails_is_rolled_back(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            put(connection, "key")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert keys(store) == []


def test_threads_share_a_store(store: Store) -> None:
    def write(number: int) -> None:
        for count in range(5):
            with store.write() as connection:
                put(connection, f"{number}-{count}")
            keys(store)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(keys(store)) == 200


def test_a_forked_child_has_connections_of_its_own(store: Store) -> None:
    keys(store)  # leaves a connection in the pool
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with store.write() as connection:
                put(connection, "child")
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with store.write() as connection:
        put(connection, "parent")
    assert keys(store) == ["child", "parent"]


def test_texts_are_ordered_by_code_point(store: Store) -> None:
    names = ["a", "B", "ä", "b-1", "b_1", "b1", "A"]
    with store.write() as connection:
        for name in names:
            put(connection, name)
    with store.read() as connection:
        found = connection.execute(tags.select().order_by(tags.c.key)).all()
    assert [tag.key for tag in found] == sorted(names)


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


def test_numbers_that_json_has_no_word_for_or_64_bits_no_room_come_back_as_they_were(
    store: Store,
) -> None:
    kept = {"big": 2**80, "small": -(2**64), "nan": math.nan, "half": 0.1, "text": "é\ud800\0"}
    values = {"name": "n", "key": "k", "due_at": 0.0, "detail": kept}
    with store.write() as connection:
        connection.execute(timers.insert(), values)
    with store.read() as connection:
        read = connection.execute(sa.select(timers.c.detail)).scalar_one()
    assert math.isnan(read.pop("nan"))
    del kept["nan"]
    assert read == kept
    assert all(type(read[name]) is type(kept[name]) for name in kept)


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


@pytest.fixture
def own_database(tmp_path: Path, new_postgresql: Callable[[], str]) -> Settings:
    """Return settings of a workspace in PostgreSQL."""
    return fresh_settings(tmp_path, database=new_postgresql())


def test_a_network_file_system_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "file_system", lambda _: "nfs4")
    with pytest.raises(StoreError, match=r"JUPYTER_ML_WORKSPACE.*PostgreSQL"):
        Store.at(tmp_path / "store.db")


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
