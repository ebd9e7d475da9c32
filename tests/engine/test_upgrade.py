"""What one version wrote is read by another: an upgrade stops nothing that runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import MISSING, fields

import pytest

from jupyter_ml.engine import identity, local
from jupyter_ml.engine.durable import read_json, write_json
from jupyter_ml.engine.environment import MARKER
from jupyter_ml.engine.machine import Gpu, Machine
from jupyter_ml.engine.spec import WORK, unknown_wishes
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually

# What the first version wrote, besides what all have written since.
FIRST_SPEC = ("kind", "key", "number", "token", "work", "gpu_ids", "has_gpus", "cpus", "cpu_locks")
FIRST_WORK = ("argv", "env", "instance_type", "cpus", "memory_mb", "gpus", "members")
FIRST_WORK += ("max_runtime_s", "grace_s", "restart", "listen", "port", "retries", "outputs")
HELLO = "print('hello')"


@pytest.fixture
def run_shim(cold):
    """Run a supervisor on what another version wrote into `work.json`."""

    def run(code, change):
        template = cold.start(code)
        cold.verdict(template)
        ref = cold.ref()
        ref.directory.mkdir(parents=True)
        spec = {**read_json(template.directory / "work.json"), "token": ref.token}
        write_json(ref.directory / "work.json", change(spec), sync=False)
        shim = [sys.executable, "-S", "-E", str(local._SHIM), str(ref.directory)]
        subprocess.run(shim, env={**os.environ, MARKER: ref.token}, check=True, timeout=60)
        return ref

    return run


def as_the_first_version(spec):
    kept = {name: spec[name] for name in (*FIRST_SPEC, "machine", "log", "tick")}
    return {**kept, "work": {name: spec["work"][name] for name in FIRST_WORK}}


def test_a_supervisor_runs_what_an_older_version_submitted(cold, run_shim):
    ref = run_shim(HELLO, as_the_first_version)
    assert cold.verdict(ref).state == "Completed"
    assert cold.log(ref) == "hello\n"


def test_a_supervisor_runs_what_a_newer_version_submitted_and_asks_for_nothing_new(cold, run_shim):
    def change(spec):
        return {**spec, "from": "the future", "work": {**spec["work"], "encrypted": False}}

    assert cold.verdict(run_shim(HELLO, change)).state == "Completed"


def test_a_supervisor_refuses_what_it_does_not_know_how_to_hold(cold, run_shim):
    def change(spec):
        return {**spec, "version": "9.0", "work": {**spec["work"], "encrypted": True}}

    ref = run_shim(HELLO, change)
    verdict = cold.verdict(ref)
    assert (verdict.state, verdict.reason) == ("Failed", "ClientError")
    assert "'encrypted'" in verdict.message
    assert "9.0" in verdict.message
    assert cold.log(ref) == ""


def test_what_a_supervisor_takes_for_granted_is_what_work_takes_for_granted():
    for field in fields(Work):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if default is not MISSING:
            assert WORK[field.name] == (list(default) if isinstance(default, tuple) else default)
    assert {*WORK, "argv"} == {field.name for field in fields(Work)}


def test_work_of_another_version_is_read_as_far_as_it_is_known():
    newest = Work(("/bin/true",), memory_mb=5, outputs=(("a", "s3://b/a"),))
    assert Work.from_json({"argv": ["/bin/true"], "memory_mb": 5}) == Work(
        ("/bin/true",), memory_mb=5
    )
    values = json.loads(json.dumps({**newest.to_json(), "encrypted": True, "colour": None}))
    assert Work.from_json(values) == newest
    assert unknown_wishes(values) == ["encrypted"]


def test_a_machine_of_another_version_is_read_as_far_as_it_is_known():
    here = Machine(2, (0, 1), 100, (Gpu(0, "A", 10),))
    values = json.loads(here.to_json())
    values["gpus"][0]["links"] = 3
    assert Machine.from_json(json.dumps({**values, "sockets": 2})) == here
    del values["gpus"]
    assert Machine.from_json(json.dumps(values)) == Machine(2, (0, 1), 100)


def test_a_supervisor_of_another_version_is_seen(cold):
    ref = cold.ref()
    ref.directory.mkdir(parents=True)
    who = identity.identify(os.getpid())
    (ref.directory / "heartbeat").touch()
    write_json(ref.directory / "shim.json", {"identity": who, "state": "running"}, sync=False)
    seen = cold.engine.observe(ref)
    assert (seen.state, seen.restarts, seen.started_at) == ("running", 0, None)
    values = {"identity": who, "state": "hibernating", "started_at": time.time(), "mood": 3}
    write_json(ref.directory / "shim.json", values, sync=False)
    assert cold.engine.observe(ref).state == "running"
    shutil.rmtree(ref.directory)


def test_a_verdict_without_what_every_version_writes_is_none(cold):
    ref = cold.start(HELLO)
    cold.verdict(ref)
    write_json(ref.directory / "verdict.json", {"state": "Completed"}, sync=False)
    eventually(lambda: cold.state(ref) == "lost")
