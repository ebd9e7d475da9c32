"""The store: many processes, threads and forks on one, and what comes back as it was."""

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

from jupyter_ml.core.store import migrations
from jupyter_ml.core.store.migrations import SCHEMA
from jupyter_ml.core.store.store import Store
from jupyter_ml.core.store.tables import tags, timers
from jupyter_ml.testing import eventually
from tests.core.store.conftest import HOLDER, keys, program, put

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

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
