"""The crash matrix, second half: what the store, the ticks and the engine survive together.

The first half, where one attempt is attacked, is in the other modules of this folder.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.composition import attend, compose
from jupyter_ml.contract.errors import ServiceUnavailable
from jupyter_ml.core.context import Context
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.tick import FOLDER_PATIENCE_S
from jupyter_ml.timekeeper import WATCH_S

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.settings import Settings

ADA = Principal("ada", "test")
# Notes when it starts and ends; all copies write into one file, whole lines at a time.
NOTING = """
import os, sys, time
def note(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{time.time()} {word} {sys.argv[2]}\\n")
note("start"); time.sleep(float(sys.argv[3])); note("end")
"""
PROLOGUE = """
import dataclasses, os, signal, sys
from jupyter_ml.composition import attend, compose
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.settings import Settings
from jupyter_ml.engine.work import Work
from jupyter_ml.tick import tick
runtime = compose(Settings.from_json(sys.argv[1]))
def submit(name, work):
    with Context(runtime, Principal("ada", "test")).writing() as ctx:
        ctx.submit(ctx.add("Experiment", name, request={}), Work.from_json(work))
def is_live(name):
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        return ctx.attempts(ctx.get("Experiment", name))[-1].is_live
"""


@pytest.fixture
def settings(tmp_path: Path, database: str | None) -> Settings:
    return fresh_settings(tmp_path, database=database)


@pytest.fixture
def runtime(settings: Settings) -> Runtime:
    return compose(settings)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def noting(notes: Path, name: str, seconds: float = 0, **work: Any) -> Work:
    argv = (sys.executable, "-S", "-c", NOTING, str(notes), name, str(seconds))
    return Work(argv=argv, **{"cpus": 1, "memory_mb": 64, **work})


def program(settings: Settings, body: str) -> subprocess.Popen[bytes]:
    """Start another process that has the workspace open."""
    source = PROLOGUE + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", source, settings.to_json()])


def submit(runtime: Runtime, name: str, work: Work) -> None:
    with Context(runtime, ADA).writing() as ctx:
        ctx.submit(ctx.add("Experiment", name, request={}), work)


def attempts(runtime: Runtime) -> list[Attempt]:
    with Context(runtime, ADA).reading() as ctx:
        return [attempt for row in ctx.rows("Experiment") for attempt in ctx.attempts(row)]


def all_ended(runtime: Runtime, count: int) -> list[Attempt] | None:
    found = attempts(runtime)
    ended = [attempt for attempt in found if not attempt.is_live]
    return found if len(found) == len(ended) >= count else None


def is_free(lock: Path) -> bool:
    with try_lock(lock) as held:
        return held


def shim_of(runtime: Runtime, attempt: Attempt) -> int:
    with Context(runtime, ADA).reading() as ctx:
        directory = ctx.ref(attempt).directory
    eventually((directory / "shim.json").exists)
    return int(str((attempt.handle or {})["identity"]).split(":")[1])


def test_a_server_killed_after_three_submissions_leaves_three_jobs_that_run_one_by_one(
    settings: Settings, runtime: Runtime, notes: Path
) -> None:
    cpus = runtime.engine.machine.cpus
    works = [noting(notes, name, 0.3, cpus=cpus).to_json() for name in "abc"]
    server = program(
        settings,
        f"""
        for name, work in zip("abc", {works!r}):
            submit(name, work)
        attend(runtime)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert server.wait(60) == -signal.SIGKILL
    eventually(lambda: notes.exists() and notes.read_text().count("end") == 3, 60)
    assert [line.split()[1:] for line in notes.read_text().splitlines()] == [
        [word, name] for name in "abc" for word in ("start", "end")
    ]
    eventually(lambda: all_ended(runtime, 3), 60)


@pytest.mark.slow
def test_200_submissions_from_8_processes_are_run_once_each_within_the_machine(
    settings: Settings, runtime: Runtime, notes: Path
) -> None:
    work = noting(notes, "NAME").to_json()
    writers = [
        program(
            settings,
            f"""
            for number in range(25):
                name = "job-{writer}-" + str(number)
                work = {work!r}
                work["argv"][-2] = name
                submit(name, work)
                attend(runtime)
            """,
        )
        for writer in range(8)
    ]
    assert [writer.wait(240) for writer in writers] == [0] * 8
    found = eventually(lambda: all_ended(runtime, 200), 240)
    assert len(found) == 200
    assert {attempt.verdict["state"] for attempt in found} == {"Completed"}
    events = [line.split() for line in notes.read_text().splitlines()]
    assert len(events) == 400
    running = most = 0
    for _, word, _ in events:
        running += 1 if word == "start" else -1
        most = max(most, running)
    assert most <= runtime.engine.machine.cpus


def test_ticks_of_many_processes_at_once_start_each_job_once(
    settings: Settings, runtime: Runtime, notes: Path
) -> None:
    for number in range(6):
        submit(runtime, f"job-{number}", noting(notes, str(number)))
    tickers = [program(settings, "for _ in range(20): tick(runtime)") for _ in range(4)]
    assert [ticker.wait(60) for ticker in tickers] == [0] * 4
    eventually(lambda: attend(runtime) or all_ended(runtime, 6), 60)
    assert notes.read_text().count("start") == 6


def test_a_tick_killed_before_any_of_its_steps_neither_loses_nor_repeats_the_job(
    settings: Settings, runtime: Runtime, notes: Path
) -> None:
    # Without the ticks of the supervisors, all steps are the dying process's own.
    runtime = dataclasses.replace(runtime, tick_command=())
    deaths = 0
    while True:
        name = f"job-{deaths}"
        submit(runtime, name, noting(notes, name))
        dying = program(
            settings,
            f"""
            runtime = dataclasses.replace(runtime, tick_command=())
            left = {deaths}
            def die(step):
                global left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
            while is_live({name!r}):
                tick(runtime, die)
            """,
        )
        code = dying.wait(60)
        eventually(lambda n=deaths + 1: attend(runtime) or all_ended(runtime, n), 60)
        assert notes.read_text().split().count(name) == 2, "once started, once ended"
        if code == 0:
            break
        assert code == -signal.SIGKILL
        deaths += 1
    assert deaths >= 4


def test_work_whose_supervisor_is_killed_is_run_again_if_it_may(
    runtime: Runtime, notes: Path
) -> None:
    submit(runtime, "a", noting(notes, "a", 1.0, retries=1))
    attend(runtime)
    eventually(notes.exists)
    os.kill(shim_of(runtime, attempts(runtime)[0]), signal.SIGKILL)
    first, second = eventually(lambda: attend(runtime) or all_ended(runtime, 2), 60)
    assert first.verdict["reason"] == "SupervisorLost"
    assert second.verdict["state"] == "Completed"
    # The work of the first attempt died with its supervisor.
    assert [line.split()[1] for line in notes.read_text().splitlines()] == ["start", "start", "end"]


@pytest.mark.slow
def test_a_killed_supervisor_is_noticed_when_nothing_else_runs(
    settings: Settings, runtime: Runtime, notes: Path
) -> None:
    alone = compose(dataclasses.replace(settings, timekeeper=True))
    submit(alone, "a", noting(notes, "a", 300))
    attend(alone)
    eventually(notes.exists)
    os.kill(shim_of(alone, attempts(alone)[0]), signal.SIGKILL)
    (attempt,) = eventually(lambda: all_ended(alone, 1), 4 * WATCH_S)
    with_no_timekeeper = alone.workspace.lock("timekeeper")
    eventually(lambda: is_free(with_no_timekeeper), 2 * WATCH_S)
    assert attempt.verdict["reason"] == "SupervisorLost"


def test_what_is_stopped_while_nobody_ticks_is_stopped_by_the_next_tick(
    runtime: Runtime, notes: Path
) -> None:
    submit(runtime, "a", noting(notes, "a", 300))
    attend(runtime)
    eventually(notes.exists)
    with Context(runtime, ADA).writing() as ctx:
        ctx.stop(ctx.get("Experiment", "a"))
    (attempt,) = eventually(lambda: attend(runtime) or all_ended(runtime, 1), 60)
    assert attempt.verdict["state"] == "Stopped"


def test_a_folder_that_cannot_be_read_holds_up_no_other_work(
    runtime: Runtime, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    submit(runtime, "a", noting(notes, "a", 300))
    attend(runtime)
    eventually(notes.exists)
    (attempt,) = attempts(runtime)
    with Context(runtime, ADA).reading() as ctx:
        directory = ctx.ref(attempt).directory
    os.kill(shim_of(runtime, attempt), signal.SIGKILL)
    # As the superuser reads whatever the permissions are: what is no file cannot be read, either.
    (directory / "verdict.json").mkdir()
    submit(runtime, "b", noting(notes, "b"))

    def has_ended() -> bool:
        attend(runtime)
        return not attempts(runtime)[1].is_live

    eventually(has_ended, 60)
    assert "a does not run any more, and its folder" in caplog.text
    later = dataclasses.replace(runtime, clock=lambda: time.time() + 2 * FOLDER_PATIENCE_S)
    attend(later)
    verdict = attempts(runtime)[0].verdict
    assert (verdict["state"], verdict["reason"]) == ("Lost", "FolderUnreadable")
    assert str(directory) in verdict["message"]
    (directory / "shim.json").unlink()
    (directory / "shim.json").mkdir()
    with pytest.raises(ServiceUnavailable, match="log of a"):
        runtime.engine.logs(ctx.ref(attempt), 0, 0, 100)
