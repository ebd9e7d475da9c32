"""The store: many processes, older and newer programs, and disks it refuses."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from jupyter_ml.core import store as store_module
from jupyter_ml.core.migrations import SCHEMA, schema_version
from jupyter_ml.core.store import Store, StoreError
from jupyter_ml.core.tables import timers
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from pathlib import Path
from jupyter_ml.core.store import Store
store = Store.at(Path(sys.argv[1]))
for _ in range(50):
    with store.write() as connection:
        count = connection.exec_driver_sql("SELECT version FROM schema_version").scalar_one()
        number = connection.exec_driver_sql("SELECT count(*) FROM tags").scalar_one()
        connection.exec_driver_sql(f"INSERT INTO tags VALUES ('arn', '{number}', '')")
"""

OPENER = """
import os, sys
from pathlib import Path
from jupyter_ml.core.store import Store
folder = Path(sys.argv[1])
(folder / str(os.getpid())).touch()
sys.stdin.read(1)
for number in range(25):
    Store.at(folder / f"{number}.db").close()
"""


def test_writers_in_many_processes_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with Store.at(path).read() as connection:
        # A lost update would have made a key twice, which the table refuses.
        assert connection.exec_driver_sql("SELECT count(*) FROM tags").scalar_one() == 200


def test_an_older_program_refuses_a_newer_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.at(path).write() as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    with pytest.raises(StoreError, match="newer jupyter_ml"):
        Store.at(path)


def test_a_network_file_system_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "file_system", lambda _: "nfs4")
    with pytest.raises(StoreError, match="JUPYTER_ML_WORKSPACE"):
        Store.at(tmp_path / "store.db")


def test_a_transaction_that_fails_is_rolled_back(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "store.db")

    def fail() -> None:
        with store.write() as connection:
            connection.exec_driver_sql("INSERT INTO tags VALUES ('arn', 'key', 'value')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tags").scalar_one() == 0


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
        assert schema_version(connection) == SCHEMA


def test_numbers_that_json_has_no_word_for_or_64_bits_no_room_come_back_as_they_were(
    tmp_path: Path,
) -> None:
    store = Store.at(tmp_path / "a.db")
    kept = {"big": 2**80, "small": -(2**64), "nan": math.nan, "half": 0.1, "text": "é\ud800"}
    values = {"name": "n", "key": "k", "due_at": 0.0, "detail": kept}
    with store.write() as connection:
        connection.execute(timers.insert(), values)
    with store.read() as connection:
        read = connection.execute(sa.select(timers.c.detail)).scalar_one()
    assert math.isnan(read.pop("nan"))
    del kept["nan"]
    assert read == kept
    assert all(type(read[name]) is type(kept[name]) for name in kept)
