"""Several machines on one store: each runs its own work and judges no other's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.composition import compose
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.admission import why_waits
from jupyter_ml.engine.identity import boot_id
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.machine import Machine
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import ScriptedEngine, eventually, fresh_settings
from jupyter_ml.tick import tick
from jupyter_ml.timekeeper import outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.operations import Registry

ADA = Principal("ada", "test")


@pytest.fixture
def machine(
    tmp_path: Path, new_postgresql: Callable[[], str], registry: Registry
) -> Iterator[Callable[[str], Runtime]]:
    """Give the runtime of one of several machines that share a folder and a database."""
    address = new_postgresql()
    made: list[Runtime] = []

    def make(host: str) -> Runtime:
        settings = fresh_settings(tmp_path, database=address, host=host)
        made.append(Runtime(Workspace(settings), registry, ScriptedEngine()))
        return made[-1]

    yield make
    for runtime in made:
        runtime.workspace.store.close()


def submit(runtime: Runtime, key: str, **work: Any) -> None:
    with Context(runtime, ADA).writing() as ctx:
        row = ctx.add("Experiment", key, request={"ExperimentName": key})
        ctx.submit(row, Work(argv=("/bin/true",), **work))


def attempt(runtime: Runtime, key: str) -> Attempt:
    with Context(runtime, ADA).reading() as ctx:
        return ctx.attempts(ctx.get("Experiment", key))[-1]


def stop(runtime: Runtime, key: str) -> None:
    with Context(runtime, ADA).writing() as ctx:
        ctx.stop(ctx.get("Experiment", key))


def test_work_runs_where_it_was_submitted_and_is_retried_there(machine: Any) -> None:
    one, two = machine("one"), machine("two")
    submit(one, "a", retries=1)
    tick(two)
    assert two.engine.submitted == []
    tick(one)
    assert one.engine.submitted == [("a", 1)]
    one.engine.lose("a", 1)
    tick(one)
    tick(two)
    assert one.engine.submitted == [("a", 1), ("a", 2)]
    assert two.engine.submitted == []
    assert attempt(two, "a").host == "one"


def test_another_machines_work_is_never_judged_lost(machine: Any) -> None:
    one, two = machine("one"), machine("two")
    submit(one, "a")
    tick(one)
    two.engine.lose("a", 1)  # what an engine would say that looks for the process here
    tick(two)
    assert attempt(two, "a").is_live
    assert two.engine.swept == []
    # Nor does it keep the other's timekeeper running.
    assert outlook(one).has_work
    assert outlook(two).is_empty


def test_anybody_may_stop_work_and_its_machine_ends_it(machine: Any) -> None:
    one, two = machine("one"), machine("two")
    submit(one, "running")
    tick(one)
    submit(one, "waiting")
    for key in ("running", "waiting"):
        stop(two, key)
    tick(two)
    # What waits never starts; what runs is told, through the folder that both have.
    assert attempt(one, "waiting").verdict["state"] == "Stopped"
    assert {*two.engine.stopped} == {"running"}
    assert attempt(one, "running").is_live
    tick(one)
    tick(one)
    assert attempt(two, "running").verdict["state"] == "Stopped"
    assert one.engine.submitted == [("running", 1)]


def test_work_that_started_meanwhile_is_not_ended_as_if_it_had_not(machine: Any) -> None:
    one, two = machine("one"), machine("two")
    submit(one, "a")
    stop(two, "a")

    def start_meanwhile(step: str) -> None:
        if step == "stop a":
            with Context(one, ADA).writing() as ctx:
                queued = ctx.live_attempts()[0]
                ctx.connection.exec_driver_sql(
                    "UPDATE attempts SET state = 'Starting' WHERE id = %s", (queued.id,)
                )

    tick(two, start_meanwhile)
    assert attempt(one, "a").is_live


def test_events_and_timers_are_handled_once_whoever_is_first(machine: Any) -> None:
    from jupyter_ml.core.operations import DueTimer, Reactor  # noqa: PLC0415

    one, two = machine("one"), machine("two")
    seen: list[str] = []
    one.registry.reactors.append(
        Reactor("AttemptEnded", "Experiment", lambda _, event: seen.append(event.key))
    )
    one.registry.timers["bell"] = DueTimer("bell", lambda _, timer: seen.append(timer.key))
    submit(one, "a")
    tick(one)
    with Context(one, ADA).writing() as ctx:
        ctx.set_timer("bell", "rings", ctx.now() - 1)
    one.engine.end("a", 1, "Completed")

    # Both have read what is to be done before either does it.
    def other_first(step: str) -> None:
        if step.startswith(("run ", "fire ")):
            tick(two)

    tick(one, other_first)
    assert sorted(seen) == ["a", "rings"]


def test_what_waits_for_another_machine_says_so(machine: Any) -> None:
    one = machine("one")
    submit(one, "a")
    here = Machine(2, (0, 1), 8192)
    waiting = attempt(one, "a")
    assert why_waits(waiting, [waiting], here, "two") == (
        "Waiting for the machine one, which is to run it"
    )
    # What another machine runs takes nothing of this one.
    others = [replace(waiting, id=9, host="two", state="Running", work=_whole())]
    assert "queue" in why_waits(waiting, [*others, waiting], here, "one")


def _whole() -> dict[str, Any]:
    return Work(argv=("/bin/true",), cpus=2, memory_mb=8192).to_json()


def test_a_process_of_another_machine_that_is_not_to_be_seen_is_not_gone(tmp_path: Path) -> None:
    engine = LocalEngine(tmp_path, host="one", locks=tmp_path / "locks" / "one")
    directory = tmp_path / "work" / "Job" / "a" / "1"
    ref = AttemptRef("Job", "a", 1, "0" * 32, directory, "one")
    engine.submit(ref, Work(argv=("/bin/sleep", "60")))
    eventually(lambda: engine.observe(ref).state == "running", 30)
    elsewhere = LocalEngine(tmp_path, host="two", locks=tmp_path / "locks" / "two")
    assert elsewhere.observe(ref).state == "running"
    # Its supervisor's identity is not found there, as on another machine it would not be.
    shim = (directory / "shim.json").read_text()
    gone = {**json.loads(shim), "identity": f"{boot_id()}:{2**22 + 1}:1"}
    (directory / "shim.json").write_text(json.dumps(gone))
    assert engine.observe(ref).state == "lost"
    assert elsewhere.observe(ref).state == "running"
    (directory / "shim.json").write_text(shim)
    engine.stop(ref, grace_s=1)
    eventually(lambda: engine.observe(ref).state == "ended", 30)
    assert elsewhere.observe(ref).state == "ended"


def test_an_endpoint_of_another_machine_is_not_looked_for_here(machine: Any) -> None:
    from jupyter_ml.contract.errors import ServiceUnavailable  # noqa: PLC0415
    from jupyter_ml.services import registry  # noqa: PLC0415
    from jupyter_ml.services.endpoints.invoke import find_target  # noqa: PLC0415

    one = replace(machine("one"), registry=registry())
    two = replace(machine("two"), registry=registry())
    generation = {"variant": "AllTraffic", "timeout_s": 60, "host": "one"}
    private = {"serving": 1, "token": "t", "generations": {"1": generation}}
    with Context(one, ADA).writing() as ctx:
        ctx.add(
            "Endpoint", "e", request={}, observed={"EndpointStatus": "InService"}, private=private
        )
    directory = one.workspace.work_dir("Endpoint", "e", 1)
    directory.mkdir(parents=True)
    (directory / "address.json").write_text('{"host": "127.0.0.1", "port": 9}')
    assert find_target(Context(one, ADA), "e").address == ("127.0.0.1", 9)
    with pytest.raises(ServiceUnavailable, match=r"runs on the machine 'one'.*this is 'two'"):
        find_target(Context(two, ADA), "e")


def test_who_waits_for_another_machines_work_leaves_its_end_to_that_machine(
    tmp_path: Path, new_postgresql: Callable[[], str]
) -> None:
    here = fresh_settings(tmp_path, database=new_postgresql(), host="one")
    runtime = compose(here)
    with Context(runtime, ADA).writing() as ctx:
        ctx.submit(ctx.add("Experiment", "a", request={}), Work(argv=("/bin/sleep", "0.5")))
    tick(runtime)
    directory = runtime.workspace.work_dir("Experiment", "a", 1)
    elsewhere = LocalClient(replace(here, host="two"))
    with elsewhere.waiting("Experiment", "a") as pause:
        eventually(lambda: pause(0.1) or (directory / "verdict.json").exists(), 30)
    assert not (directory / "awaited").exists()
    with LocalClient(here).waiting("Experiment", "a") as pause:
        eventually(lambda: pause(0.1) or not attempt(runtime, "a").is_live, 30)
    elsewhere.runtime.workspace.store.close()
    runtime.workspace.store.close()
