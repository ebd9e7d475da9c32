"""Processes that a zygote makes in advance: they take the next job, and cost none."""

from __future__ import annotations

import os
import signal

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.testing import eventually


def test_a_job_runs_in_the_processes_that_were_made_in_advance(warm):
    folder = warm.warm_up(warm.work("", cpus=1))
    shim, member, program = warm.in_waiting(folder)
    code = (
        "import json, os, time\n"
        "print(json.dumps([os.getpid(), os.getppid(), len(os.sched_getaffinity(0))]))"
    )
    assert warm.told(code, cpus=1) == [member, shim, 1]
    eventually(lambda: identity.start_time(program) is None)
    assert warm.in_waiting(folder) != [shim, member, program]


def test_processes_in_waiting_end_with_their_zygote(warm):
    folder = warm.warm_up(warm.work(""))
    waiting = warm.in_waiting(folder)
    os.kill(warm.zygote_pid(folder), signal.SIGKILL)
    eventually(lambda: not any(map(identity.start_time, waiting)))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_killed_process_in_waiting_costs_no_job(warm, which):
    folder = warm.warm_up(warm.work(""))
    pid = warm.in_waiting(folder)[which]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: identity.start_time(pid) is None)
    ref = warm.ref()
    warm.engine.submit(ref, warm.work("print('done')"))
    assert warm.verdict(ref).state == "Completed"
    assert warm.log(ref) == "done\n"


def test_a_stop_before_the_start_lets_go_what_was_in_waiting(warm):
    work = warm.work("", grace_s=600)
    waiting = warm.in_waiting(warm.warm_up(work))
    ref = warm.ref()
    warm.engine.stop(ref)
    warm.engine.submit(ref, work)
    assert warm.verdict(ref).state == "Stopped"
    eventually(lambda: not any(map(identity.start_time, waiting)))
