"""The timekeeper looks after work and timers, whatever the clock does and whatever comes later."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import jupyter_ml
from jupyter_ml.core.context import Context
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.operations import Registry
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.store.failures import StoreUnavailable
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.identity import identify
from jupyter_ml.engine.protocol import ZygoteState
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import ScriptedEngine, eventually, fresh_settings
from jupyter_ml.tick import tick
from jupyter_ml.timekeeper import ensure_timekeeper, keep_time
from tests.postgresql import server

if TYPE_CHECKING:
    from collections.abc import Iterator

ADA = Principal("ada", "test")
DAY_S = 86_400.0


class Clock:
    """The clock of the day, and by how much it was set forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(runtime: Runtime, engine: ScriptedEngine, clock: Clock) -> Runtime:
    return dataclasses.replace(runtime, engine=engine, clock=clock)


@pytest.fixture
def keeper(watched: Runtime) -> Iterator[threading.Thread]:
    """A timekeeper that is not started yet; it leaves when all work has ended."""
    keeper = threading.Thread(target=keep_time, args=(watched, 0.1))
    yield keeper
    keeper.join(20)
    assert not keeper.is_alive()


def submit(runtime: Runtime, key: str) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", key, request={"ExperimentName": key})
        ctx.submit(row, Work(argv=("/bin/true",)))


def has_ended(runtime: Runtime, key: str) -> bool:
    with Context(runtime, ADA).reading() as ctx:
        return not ctx.attempts(ctx.get("Experiment", key))[-1].is_live


def test_a_timekeeper_leaves_its_place_to_the_version_that_is_installed_meanwhile(
    tmp_path: Path,
) -> None:
    package = Path(jupyter_ml.__file__).parent
    shutil.copytree(package, tmp_path / "jupyter_ml", ignore=shutil.ignore_patterns("*.pyc"))
    settings = fresh_settings(tmp_path)
    opened = Workspace(settings)
    runtime = Runtime(opened, Registry([]), ScriptedEngine())  # type: ignore[arg-type]
    with Context(runtime, ADA).writing() as ctx:
        ctx.set_timer("far away", "", time.time() + DAY_S)
    command = [sys.executable, "-m", "jupyter_ml.background", "timekeeper", settings.to_json()]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    process = subprocess.Popen(command, env=environment, cwd=tmp_path)
    try:
        lock = opened.lock("timekeeper")
        eventually(lambda: lock.exists() and lock.read_text() == str(process.pid), 30)
        told = tmp_path / "told"
        with (tmp_path / "jupyter_ml" / "__init__.py").open("a") as file:
            file.write(f"\nimport os\nwith open({str(told)!r}, 'w') as file:\n")
            file.write("    file.write(str(os.getpid()))\n")
        assert eventually(lambda: told.exists() and told.read_text(), 30) == str(process.pid)
        eventually(lambda: not is_free(lock), 30)
    finally:
        process.kill()
        process.wait(30)
        opened.store.close()


def is_free(lock: Path) -> bool:
    with try_lock(lock) as held:
        return held


def test_work_is_looked_after_while_the_clock_is_set_back(
    watched: Runtime, engine: ScriptedEngine, clock: Clock, keeper: threading.Thread
) -> None:
    submit(watched, "a")
    tick(watched)
    keeper.start()
    submit(watched, "b")
    eventually(lambda: ("b", 1) in engine.submitted)
    clock.ahead_s = -DAY_S
    engine.lose("a", 1)
    engine.lose("b", 1)
    eventually(lambda: has_ended(watched, "a") and has_ended(watched, "b"))


def test_work_that_comes_while_a_timer_is_far_away_is_looked_after(
    watched: Runtime, engine: ScriptedEngine, clock: Clock, keeper: threading.Thread
) -> None:
    with Context(watched, ADA).writing() as ctx:
        ctx.set_timer("far away", "", clock() + DAY_S)
    keeper.start()
    submit(watched, "a")
    eventually(lambda: ("a", 1) in engine.submitted)
    engine.end("a", 1, "Completed")
    eventually(lambda: has_ended(watched, "a"))
    with Context(watched, ADA).writing() as ctx:
        ctx.clear_timer("far away", "")


def test_one_that_is_still_starting_is_waited_for(
    watched: Runtime, clock: Clock, tmp_path: Path
) -> None:
    settings = dataclasses.replace(watched.workspace.settings, timekeeper=True)
    runtime = dataclasses.replace(watched, workspace=Workspace(settings))
    with Context(runtime, ADA).writing() as ctx:
        ctx.set_timer("far away", "", clock() + DAY_S)
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(gate)
    # One that is not elected until it is let through, and then ends.
    command = ["/bin/sh", "-c", f"echo $$ >> {started}; read line < {gate}"]
    for _ in range(3):
        ensure_timekeeper(runtime, command)
    (pid,) = map(int, eventually(started.read_text).split())
    with gate.open("w") as through:
        through.write("go\n")
    eventually(lambda: identify(pid) is None)
    ensure_timekeeper(runtime, command)
    eventually(lambda: len(started.read_text().split()) == 2)
    with gate.open("w") as through:
        through.write("go\n")
    runtime.workspace.store.close()


def test_it_stays_for_the_next_job_while_a_process_is_kept_warm(
    watched: Runtime, engine: ScriptedEngine, keeper: threading.Thread
) -> None:
    engine.warm = [ZygoteState("folder", sys.executable, "ready", (), None, 0, time.time() + DAY_S)]
    keeper.start()
    lock = watched.workspace.lock("timekeeper")
    eventually(lambda: lock.exists() and not is_free(lock))
    submit(watched, "a")
    eventually(lambda: ("a", 1) in engine.submitted)
    engine.end("a", 1, "Completed")
    eventually(lambda: has_ended(watched, "a"))
    assert keeper.is_alive()
    engine.warm = []
    keeper.join(20)
    assert not keeper.is_alive()


def test_a_database_that_stays_away_is_given_up(watched: Runtime, tmp_path: Path) -> None:
    address = server().new_database()
    workspace = Workspace(fresh_settings(tmp_path / "away", database=address))
    alone = dataclasses.replace(watched, workspace=workspace)
    with Context(alone, ADA).writing() as ctx:
        ctx.set_timer("far away", "", time.time() + DAY_S)
    server().drop_database(address)
    with pytest.raises(StoreUnavailable):
        keep_time(alone, patience_s=0)
    workspace.store.close()
