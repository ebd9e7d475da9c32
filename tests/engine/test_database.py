"""Work whose store is in PostgreSQL: it outlives the server, and learns no password."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from postgresql import PostgresqlServer

from jupyter_ml.composition import attend, compose
from jupyter_ml.core.context import Context
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.failures import StoreUnavailable
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.runtime import Runtime

ADA = Principal("ada", "test")
WAIT = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(dict(os.environ)))
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.05)
"""


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    yield server
    server.remove()


def submit(runtime: Runtime, *argv: str) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", "a", request={})
        ctx.submit(row, Work(argv=(sys.executable, "-S", "-c", WAIT, *argv)))


def states(runtime: Runtime) -> list[str]:
    with Context(runtime, ADA).reading() as ctx:
        return [each.state for each in ctx.attempts(ctx.get("Experiment", "a"))]


@pytest.mark.slow
def test_work_that_ends_while_the_database_is_away_is_taken_in_when_it_is_back(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    runtime = compose(fresh_settings(tmp_path, database=server.new_database(), timekeeper=True))
    started, go_on = tmp_path / "started", tmp_path / "go on"
    submit(runtime, str(started), str(go_on))
    attend(runtime)
    eventually(started.exists, 30)
    server.stop()
    with pytest.raises(StoreUnavailable, match=r"does not answer|lost"):
        states(runtime)
    go_on.touch()
    (attempt,) = (runtime.workspace.root / "work" / "Experiment" / "a").iterdir()
    eventually((attempt / "verdict.json").exists, 30)
    log = runtime.workspace.root / "background.log"
    eventually(lambda: "It will be tried again" in log.read_text(), 60)
    server.start()
    # The supervisor's tick found no database; the timekeeper has waited for it.
    eventually(lambda: states(runtime) == ["Ended"], 60)
    eventually(lambda: has_no_timekeeper(runtime), 60)
    runtime.workspace.store.close()


def has_no_timekeeper(runtime: Runtime) -> bool:
    with try_lock(runtime.workspace.lock("timekeeper")) as free:
        return free


def test_the_password_of_the_database_is_in_no_file_but_the_keys_and_in_no_process(
    server: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.new_database().replace("jupyter_ml@", "jupyter_ml:hunter2@")
    monkeypatch.setenv("JUPYTER_ML_DATABASE", address)
    runtime = compose(fresh_settings(tmp_path, database=address))
    started, go_on = tmp_path / "started", tmp_path / "go on"
    submit(runtime, str(started), str(go_on))
    attend(runtime)
    eventually(lambda: started.exists() and started.read_text().endswith("}"), 30)
    (attempt,) = (runtime.workspace.root / "work" / "Experiment" / "a").iterdir()
    for pid in (attempt / "shim.json", attempt / "spawned.json"):
        number = pid.read_text().split(":")[2]
        for part in ("cmdline", "environ"):
            assert b"hunter2" not in _of_process(number, part)
    go_on.touch()
    # The tick that its supervisor starts connects with the password that was kept.
    eventually(lambda: states(runtime) == ["Ended"], 60)
    assert "JUPYTER_ML_JOB" in started.read_text()
    found = {
        path.relative_to(tmp_path).parts[:2]
        for path in tmp_path.rglob("*")
        if path.is_file() and b"hunter2" in path.read_bytes()
    }
    assert found == {("workspace", "keys")}
    with runtime.workspace.store.read() as connection:
        log = connection.exec_driver_sql("SELECT * FROM events").all()
    assert "hunter2" not in str(log)
    runtime.workspace.store.close()


def _of_process(pid: str, part: str) -> bytes:
    from pathlib import Path  # noqa: PLC0415

    return Path(f"/proc/{pid}/{part}").read_bytes()
