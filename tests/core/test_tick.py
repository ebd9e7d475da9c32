"""The tick: wishes become work once, whatever dies on the way."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.core.context import Context
from jupyter_ml.core.operations import DueTimer, Reactor
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import ScriptedEngine, fresh_settings
from jupyter_ml.tick import MOST_FAILURES, RETRY_TIMER_S, tick
from jupyter_ml.timekeeper import outlook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.timers import Timer
    from jupyter_ml.testing import ManualClock

ADA = Principal("ada", "test")


class Died(BaseException):
    """Stands for a process that is killed."""


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def seen(runtime: Runtime, engine: ScriptedEngine) -> list[tuple[str, str]]:
    """The events that the reactors saw: name and key."""
    seen: list[tuple[str, str]] = []
    object.__setattr__(runtime, "engine", engine)
    for name in ("AttemptEnded", "AttemptRetried", "AttemptReady"):

        def note(ctx: Context, event: Any) -> None:
            ctx.get(event.kind, event.key)
            seen.append((event.name, event.key))

        note.__qualname__ = name
        runtime.registry.reactors.append(Reactor(name, "Experiment", note))
    return seen


def submit(runtime: Runtime, key: str, **work: Any) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", key, request={"ExperimentName": key})
        ctx.submit(row, Work(argv=("/bin/true",), **work))


def attempts(runtime: Runtime, key: str) -> list[Attempt]:
    with Context(runtime, ADA).reading() as ctx:
        return ctx.attempts(ctx.get("Experiment", key))


def test_work_is_submitted_run_and_ended_with_one_event(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a")
    tick(runtime)
    assert engine.submitted == [("a", 1)]
    engine.end("a", 1, "Completed")
    tick(runtime)
    tick(runtime)
    (attempt,) = attempts(runtime, "a")
    assert (attempt.state, attempt.verdict["state"]) == ("Ended", "Completed")
    assert attempt.resource_seconds["wall_s"] == 2.0
    assert seen == [("AttemptEnded", "a")]


def test_what_work_used_is_not_measured_by_a_clock_that_may_be_set(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a")
    tick(runtime)
    engine.end("a", 1, "Completed", ran_s=3600.5)
    tick(runtime)
    (attempt,) = attempts(runtime, "a")
    assert attempt.resource_seconds["wall_s"] == 3600.5


def test_lost_work_is_run_again_as_often_as_it_may(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a", retries=1)
    tick(runtime)
    engine.lose("a", 1)
    tick(runtime)
    assert engine.submitted == [("a", 1), ("a", 2)]
    assert engine.swept == ["a"]
    engine.lose("a", 2)
    tick(runtime)
    assert seen == [("AttemptRetried", "a"), ("AttemptEnded", "a")]
    assert attempts(runtime, "a")[-1].verdict["reason"] == "SupervisorLost"


def test_work_that_was_stopped_is_not_run_again(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a", retries=5)
    tick(runtime)
    with Context(runtime, ADA).writing() as ctx:
        ctx.stop(ctx.get("Experiment", "a"))
    engine.lose("a", 1)
    tick(runtime)
    assert seen == [("AttemptEnded", "a")]


def test_what_is_stopped_while_it_waits_never_starts(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a")
    with Context(runtime, ADA).writing() as ctx:
        ctx.stop(ctx.get("Experiment", "a"))
    tick(runtime)
    assert engine.submitted == []
    assert attempts(runtime, "a")[0].verdict["state"] == "Stopped"


def test_a_namesake_of_a_deleted_resource_gets_a_number_of_its_own(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a")
    tick(runtime)
    with Context(runtime, ADA).writing() as ctx:
        ctx.delete(ctx.get("Experiment", "a"))
    tick(runtime)
    assert engine.stopped == ["a"]
    submit(runtime, "a")
    tick(runtime)
    assert engine.submitted == [("a", 1), ("a", 2)]


def test_a_tick_may_die_before_any_step_and_nothing_is_lost_or_done_twice(
    runtime: Runtime,
    engine: ScriptedEngine,
    seen: list[Any],
    tmp_path: Path,
    new_database: Callable[[], str | None],
) -> None:
    deaths = 0
    while True:
        settings = fresh_settings(tmp_path / str(deaths), database=new_database())
        fresh = replace(runtime, workspace=Workspace(settings))
        engine.submitted.clear()
        engine._seen.clear()
        seen.clear()
        submit(fresh, "a")
        steps = iter(range(deaths, -1, -1))

        def die(_: str, steps: Any = steps) -> None:
            if next(steps, -1) == 0:
                raise Died

        died = False
        try:
            tick(fresh, die)
        except Died:
            died = True
        tick(fresh)
        engine.end("a", 1, "Completed")
        try:
            tick(fresh, die)
        except Died:
            died = True
        tick(fresh)
        assert {*engine.submitted} == {("a", 1)}
        assert [attempt.state for attempt in attempts(fresh, "a")] == ["Ended"]
        assert seen == [("AttemptEnded", "a")]
        fresh.workspace.store.close()
        if not died:
            break
        deaths += 1
    assert deaths >= 5


def test_a_failing_reactor_is_tried_again_and_then_passed_over(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def fail(ctx: Context, event: Any) -> None:
        tries.append(event.key)
        ctx.update(ctx.get("Experiment", event.key), observed={"DisplayName": "half done"})
        raise ZeroDivisionError

    runtime.registry.reactors.append(Reactor("AttemptEnded", "Experiment", fail))
    submit(runtime, "a")
    tick(runtime)
    engine.end("a", 1, "Completed")
    for _ in range(MOST_FAILURES + 3):
        tick(runtime)
    assert len(tries) == MOST_FAILURES
    assert seen == [("AttemptEnded", "a")]
    with Context(runtime, ADA).reading() as ctx:
        assert ctx.get("Experiment", "a").observed == {}
    assert "ZeroDivisionError" in caplog.text


def test_a_timer_fires_once_when_it_is_due_and_may_set_itself_anew(
    runtime: Runtime, clock: ManualClock, seen: list[Any]
) -> None:
    fired = []

    def fire(ctx: Context, timer: Timer) -> None:
        fired.append(timer.detail["n"])
        if timer.detail["n"] < 2:
            ctx.set_timer("again", timer.key, ctx.now() + 60, {"n": timer.detail["n"] + 1})

    runtime.registry.timers["again"] = DueTimer("again", fire)
    with Context(runtime, ADA).writing() as ctx:
        ctx.set_timer("again", "k", ctx.now() + 60, {"n": 1})
    tick(runtime)
    assert fired == []
    clock.advance(61)
    tick(runtime)
    tick(runtime)
    assert fired == [1]
    clock.advance(-10_000)
    tick(runtime)
    clock.advance(20_000)
    tick(runtime)
    assert fired == [1, 2]


def test_a_timer_that_fails_is_tried_again_later_and_holds_up_nobody(
    runtime: Runtime, clock: ManualClock, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []
    fired: list[str] = []

    def fail(ctx: Context, timer: Timer) -> None:
        tries.append(timer.key)
        ctx.add("Experiment", "half-done", request={})
        raise ZeroDivisionError

    runtime.registry.timers["fails"] = DueTimer("fails", fail)
    runtime.registry.timers["works"] = DueTimer("works", lambda _, timer: fired.append(timer.key))
    with Context(runtime, ADA).writing() as ctx:
        ctx.set_timer("of-another-version", "z", ctx.now() + 1)
        ctx.set_timer("fails", "a", ctx.now() + 2, {"n": 1})
        ctx.set_timer("works", "b", ctx.now() + 3)
    clock.advance(10)
    tick(runtime)
    assert (tries, fired) == (["a"], ["b"])
    assert "ZeroDivisionError" in caplog.text
    assert outlook(runtime).timer_at == clock.now + RETRY_TIMER_S
    with Context(runtime, ADA).reading() as ctx:
        assert ctx.find("Experiment", "half-done") is None
    clock.advance(RETRY_TIMER_S + 1)
    tick(runtime)
    assert tries == ["a", "a"]


def test_a_tick_beside_a_tick_returns_at_once_and_its_wish_is_still_fulfilled(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any]
) -> None:
    submit(runtime, "a")
    inside, go_on = threading.Event(), threading.Event()

    def wait(step: str) -> None:
        if step.startswith("note handle of a"):
            inside.set()
            go_on.wait(20)

    first = threading.Thread(target=tick, args=(runtime, wait))
    first.start()
    assert inside.wait(20)
    submit(runtime, "b")
    tick(runtime)
    assert engine.submitted == [("a", 1)]
    go_on.set()
    first.join(20)
    assert engine.submitted == [("a", 1), ("b", 1)]


def test_work_that_cannot_be_started_now_is_tried_again_and_holds_up_nobody(
    runtime: Runtime, engine: ScriptedEngine, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    engine.refused.add("a")
    submit(runtime, "a")
    submit(runtime, "b")
    tick(runtime)
    assert engine.submitted == [("b", 1)]
    assert "a could not be started now" in caplog.text
    engine.refused.clear()
    tick(runtime)
    assert engine.submitted == [("b", 1), ("a", 1)]
