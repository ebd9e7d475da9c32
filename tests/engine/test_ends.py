"""How attempts end: stops, limits, failures, gangs and services."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_ml.engine.durable import read_json, write_json
from jupyter_ml.testing import eventually

READY = "open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'started')\n"
OBEYS = f"import os, time\n{READY}time.sleep(600)"
IGNORES = f"import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\n{READY}time.sleep(600)"
GREEDY = "b = []\nimport time\nwhile True: b.append(bytearray(20 << 20)); time.sleep(0.02)"


def test_a_job_that_obeys_a_stop_is_stopped_at_once(bench):
    ref = bench.start(OBEYS)
    bench.started(ref)
    bench.engine.stop(ref)
    verdict = bench.verdict(ref)
    assert (verdict.state, verdict.reason) == ("Stopped", "Stopped")
    assert "SIGTERM" in verdict.message


def test_a_job_that_ignores_a_stop_is_killed_after_the_grace(bench, is_running):
    ref = bench.start(IGNORES)
    pid = bench.started(ref)
    bench.engine.stop(ref, grace_s=0.5)
    verdict = bench.verdict(ref)
    assert verdict.state == "Stopped"
    assert "not ending within the grace" in verdict.message
    assert not is_running(pid)


def test_a_second_stop_may_shorten_the_grace(bench):
    ref = bench.start(IGNORES, grace_s=600)
    bench.started(ref)
    bench.engine.stop(ref)
    bench.engine.stop(ref, grace_s=0)
    assert bench.verdict(ref).members[0].signal == "SIGKILL"


def test_a_stop_before_the_start_means_that_nothing_is_started(cold):
    ref = cold.ref()
    cold.engine.stop(ref)
    cold.engine.submit(ref, cold.work(OBEYS))
    verdict = cold.verdict(ref)
    assert (verdict.state, verdict.started_at) == ("Stopped", None)
    assert not (ref.directory / "members").exists()


def test_a_job_is_stopped_after_its_longest_run_time(bench):
    verdict = bench.run(OBEYS, max_runtime_s=0.5)
    assert (verdict.state, verdict.reason) == ("Stopped", "MaxRuntimeExceeded")
    assert "0.5 s" in verdict.message


def test_a_memory_limit_is_enforced_and_reported_by_who_enforced_it(bench):
    verdict = bench.run(GREEDY, memory_mb=200)
    assert verdict.state == "Failed"
    if verdict.enforced["memory"] == "cgroup":
        assert verdict.reason == "OutOfMemory"
        assert "200 MiB" in verdict.message


def test_without_control_groups_one_process_gets_a_memory_error(make_bench):
    bench = make_bench(control_groups=False)
    ref = bench.start(GREEDY, memory_mb=200)
    verdict = bench.verdict(ref)
    assert verdict.enforced["memory"] == "rlimit"
    assert "MemoryError" in bench.log(ref)


def test_without_control_groups_the_watchdog_adds_up_the_tree(make_bench):
    bench = make_bench(control_groups=False)
    code = (
        "import os, time\nfor _ in range(3):\n if os.fork() == 0: break\nb = bytearray(90 << 20)\n"
    )
    verdict = bench.run(code + "time.sleep(600)", memory_mb=250)
    assert (verdict.state, verdict.reason) == ("Failed", "OutOfMemory")
    assert "watchdog" in verdict.message
    assert "250 MiB" in verdict.message


def test_cpus_are_given_and_libraries_are_told(bench):
    code = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    ref = bench.start(code, cpus=1)
    assert bench.verdict(ref).enforced["cpu"] == "affinity"
    assert bench.log(ref) == "1 1\n"


def test_a_failure_that_the_work_wrote_down_is_the_verdict(bench):
    failure = json.dumps({"Reason": "ClientError", "Message": "no such channel: 'x'"})
    code = f"import os, sys; open('../../failure.json', 'w').write({failure!r}); sys.exit(1)"
    verdict = bench.run(code)
    assert (verdict.reason, verdict.message) == ("ClientError", "no such channel: 'x'")


def test_the_verdict_of_a_supervisor_of_another_version_is_read(bench):
    ref = bench.start("")
    bench.verdict(ref)
    values = read_json(ref.directory / "verdict.json")
    members = [{**member, "swapped_mb": 3} for member in values["members"]]
    values = {**values, "members": members, "weather": "fair"}
    del values["restarts"]
    write_json(ref.directory / "verdict.json", values, sync=False)
    assert bench.verdict(ref).state == "Completed"


def test_an_exit_code_is_reported_as_it_is(bench):
    verdict = bench.run("raise SystemExit(3)")
    assert (verdict.state, verdict.reason) == ("Failed", "AlgorithmError")
    assert "code 3" in verdict.message
    assert verdict.members[0].exit_code == 3


def test_a_program_that_is_not_there_is_named(cold):
    ref = cold.ref()
    cold.engine.submit(ref, type(cold.work(""))(("/nowhere/python",)))
    verdict = cold.verdict(ref)
    assert verdict.reason == "ClientError"
    assert "/nowhere/python" in verdict.message


def test_credentials_of_the_submitter_do_not_reach_the_job(bench, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("MY_API_TOKEN", "hush")
    monkeypatch.setenv("clientSecret", "hush")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KEPT", "yes")
    ref = bench.start("import os; print(dict(os.environ))", env={"GIVEN_TOKEN": "mine"})
    bench.verdict(ref)
    log = bench.log(ref)
    assert "hush" not in log
    assert "PYTHONDONTWRITEBYTECODE" not in log
    assert "'TOKENIZERS_PARALLELISM': 'false'" in log
    assert "KEPT" in log
    assert "GIVEN_TOKEN" in log


def test_one_failing_member_ends_the_gang(bench):
    code = (
        "import os, sys, time\n"
        "if os.environ['JUPYTER_ML_MEMBER'] == '1': sys.exit(4)\n"
        "time.sleep(600)"
    )
    verdict = bench.run(code, members=3)
    assert verdict.state == "Failed"
    assert "Member 1 of 3" in verdict.message
    assert [member.exit_code for member in verdict.members] == [None, 4, None]


def test_submitting_twice_at_once_runs_the_work_once(bench):
    ref = bench.ref()
    work = bench.work("print('once')")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bench.engine.submit(ref, work), range(8)))
    bench.verdict(ref)
    bench.engine.submit(ref, work)
    assert bench.log(ref) == "once\n"


def test_the_command_for_the_end_is_run_after_the_verdict(bench, tmp_path):
    mark = tmp_path / "mark"
    ref = bench.start(
        "", tick=("/bin/sh", "-c", f"ls $0 > {mark}", str(tmp_path / "work/Job/bench/1"))
    )
    bench.verdict(ref)
    assert "verdict.json" in eventually(lambda: mark.exists() and mark.read_text())


def test_running_work_that_nobody_knows_is_found(bench):
    ref = bench.start(OBEYS)
    bench.started(ref)
    assert bench.engine.reconcile([]) == [ref]
    assert bench.engine.reconcile([ref]) == []


def test_what_a_job_uses_is_sampled(bench):
    ref = bench.start(
        "import time\nb = bytearray(100 << 20)\n"
        "end = time.time() + 600\nwhile time.time() < end: pass"
    )
    eventually(lambda: len(bench.engine.usage(ref)) >= 2, 30)
    newest = bench.engine.usage(ref)[-1]
    assert newest.memory_mb > 100
    assert newest.cpu_percent > 5
    assert bench.engine.observe(ref).peak_memory_mb > 100


def test_an_endless_log_is_capped_and_what_is_missing_is_counted(make_bench):
    bench = make_bench(log_segment_bytes=1 << 16, log_segments=8)
    ref = bench.start("for i in range(100_000): print('line', i)")
    verdict = bench.verdict(ref)
    assert verdict.dropped_log_bytes > 0
    first = bench.engine.logs(ref)
    assert first.data.startswith(b"line 0\n")
    tail = bench.engine.logs(ref, offset=-100)
    number = int(tail.data.split()[1])
    assert tail.first_line == number + 1
    assert tail.data.endswith(b"line 99999\n")
    assert tail.dropped_bytes == verdict.dropped_log_bytes
    assert 7 << 16 <= tail.end - tail.dropped_bytes <= 8 << 16


def test_a_job_may_submit_a_job_that_outlives_it(bench):
    inner = bench.ref()
    code = f"""
import pathlib, sys
sys.path.insert(0, {str(Path.cwd())!r})
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
ref = AttemptRef(*{tuple(inner[:4])!r}, pathlib.Path({str(inner.directory)!r}))
work = Work((sys.executable, "-c", "import time; time.sleep(2); print('outlived')"))
LocalEngine(pathlib.Path({str(bench.root)!r})).submit(ref, work)
"""
    outer = bench.start(code, cpus=1)
    assert bench.verdict(outer).state == "Completed", bench.log(outer)
    assert bench.verdict(inner).state == "Completed"
    assert bench.log(inner) == "outlived\n"
