"""What goes wrong with one attempt costs no other one, whatever it is and whoever submitted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.core.attempts import Attempts
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import ScriptedEngine
from jupyter_ml.tick import FOLDER_PATIENCE_S, tick

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.testing import ManualClock

ADA = Principal("ada", "test")


@pytest.fixture
def engine(runtime: Runtime) -> ScriptedEngine:
    engine = ScriptedEngine()
    object.__setattr__(runtime, "engine", engine)
    return engine


def submit(runtime: Runtime, key: str, **more: Any) -> None:
    """Submit work; `more` is what a newer version would have put into it besides."""
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", key, request={"ExperimentName": key})
        attempt = ctx.submit(row, Work(argv=("/bin/true",), cpus=1))
        Attempts(ctx.connection).change(attempt, work={**attempt.work, **more})


def attempt(runtime: Runtime, key: str) -> Attempt:
    with Context(runtime, ADA).reading() as ctx:
        return ctx.attempts(ctx.get("Experiment", key))[-1]


def test_a_folder_that_cannot_be_read_costs_only_its_own_attempt(
    runtime: Runtime, engine: ScriptedEngine, clock: ManualClock
) -> None:
    submit(runtime, "a")
    submit(runtime, "b")
    tick(runtime)
    engine.hide("a", 1, runs=True)
    engine.end("b", 1, "Completed")
    submit(runtime, "c")
    tick(runtime)
    assert attempt(runtime, "b").verdict["state"] == "Completed"
    assert engine.submitted[-1] == ("c", 1)
    clock.advance(10 * FOLDER_PATIENCE_S)
    tick(runtime)
    assert attempt(runtime, "a").is_live


def test_what_ended_in_a_folder_that_cannot_be_read_is_judged_after_a_while(
    runtime: Runtime, engine: ScriptedEngine, clock: ManualClock
) -> None:
    submit(runtime, "a")
    tick(runtime)
    engine.hide("a", 1, runs=False)
    tick(runtime)
    clock.advance(FOLDER_PATIENCE_S - 1)
    tick(runtime)
    assert attempt(runtime, "a").is_live
    clock.advance(1)
    tick(runtime)
    verdict = attempt(runtime, "a").verdict
    assert (verdict["state"], verdict["reason"]) == ("Lost", "FolderUnreadable")
    assert "permission denied" in verdict["message"]
    assert engine.swept == ["a"]


def test_a_folder_that_came_back_is_read(
    runtime: Runtime, engine: ScriptedEngine, clock: ManualClock
) -> None:
    submit(runtime, "a")
    tick(runtime)
    engine.hide("a", 1, runs=False)
    tick(runtime)
    engine._seen.pop(("a", 1))
    engine.submit(Context(runtime, ADA).ref(attempt(runtime, "a")), Work(()))
    clock.advance(10 * FOLDER_PATIENCE_S)
    tick(runtime)
    engine.hide("a", 1, runs=False)
    tick(runtime)
    assert attempt(runtime, "a").is_live
    engine.end("a", 1, "Completed")
    tick(runtime)
    assert attempt(runtime, "a").verdict["state"] == "Completed"


def test_what_no_engine_should_raise_costs_only_the_attempt_that_it_is_raised_for(
    runtime: Runtime, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    submit(runtime, "a")
    submit(runtime, "b")
    tick(runtime)
    engine._seen["a", 1] = None  # type: ignore[assignment]
    engine.end("b", 1, "Completed")
    tick(runtime)
    assert attempt(runtime, "a").is_live
    assert attempt(runtime, "b").verdict["state"] == "Completed"
    assert "a attempt 1 is left as it is" in caplog.text


def test_work_of_a_newer_version_that_asks_for_nothing_new_is_run(
    runtime: Runtime, engine: ScriptedEngine
) -> None:
    submit(runtime, "a", encrypted=False)
    tick(runtime)
    assert engine.submitted == [("a", 1)]
    engine.end("a", 1, "Completed")
    tick(runtime)
    assert attempt(runtime, "a").verdict["state"] == "Completed"


def test_work_of_a_newer_version_that_asks_for_more_is_left_to_it(
    runtime: Runtime, engine: ScriptedEngine
) -> None:
    submit(runtime, "a", encrypted=True)
    submit(runtime, "b")
    submit(runtime, "c")
    tick(runtime)
    assert engine.submitted == [("b", 1), ("c", 1)]
    assert attempt(runtime, "a").state == "Queued"
    with Context(runtime, ADA).writing() as ctx:
        Attempts(ctx.connection).admit(attempt(runtime, "a"), [])
    submit(runtime, "d")
    engine.end("b", 1, "Completed")
    tick(runtime)
    # It runs, so that it holds one of the two CPUs; how it ended is not for this version to say.
    assert engine.submitted == [("b", 1), ("c", 1)]
    assert attempt(runtime, "a").is_live
