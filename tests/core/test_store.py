"""The store: many processes, older and newer programs, and disks it refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.core import store as store_module
from jupyter_ml.core.store import Store, StoreError

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
