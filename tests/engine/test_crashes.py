"""The crash matrix of the engine: what really dies here is real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_ml.engine import local
from jupyter_ml.engine.durable import read_json, write_json
from jupyter_ml.engine.limits import can_use_groups
from jupyter_ml.engine.local import STALE_AFTER_S
from jupyter_ml.testing import eventually

SLEEP = """
import os, time
open('pid', 'w').write(str(os.getpid()))
os.rename('pid', 'started')
time.sleep(600)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('pid', 'w').write(str(os.getpid()))
        os.rename('pid', 'started')
        time.sleep(600)
    os._exit(0)
while not os.path.exists('started'):
    time.sleep(0.01)
"""


def test_work_survives_the_process_that_submitted_it(cold):
    ref = cold.ref()
    program = f"""
import os, pathlib
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
ref = AttemptRef(*{tuple(ref[:4])!r}, pathlib.Path({str(ref.directory)!r}))
work = Work(({sys.executable!r}, "-c", "import time; time.sleep(1); print('done')"))
LocalEngine(pathlib.Path({str(cold.root)!r})).submit(ref, work)
os.kill(os.getpid(), 9)
"""
    result = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert cold.verdict(ref).state == "Completed"
    assert cold.log(ref) == "done\n"


def test_a_killed_shim_takes_its_job_along_and_is_reported_lost(bench, is_running):
    ref = bench.start(SLEEP)
    pid = bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    eventually(lambda: not is_running(pid))
    assert bench.engine.observe(ref).lost_reason == "SupervisorLost"


def test_what_a_killed_shim_left_behind_is_swept(bench, is_running):
    ref = bench.start(DAEMON + "time.sleep(600)")
    pid = bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    assert is_running(pid)
    assert bench.engine.sweep(ref) >= 1
    assert not is_running(pid)
    assert bench.engine.sweep(ref) == 0


def test_what_a_killed_shim_had_reserved_or_begun_to_write_is_removed(bench):
    ref = bench.start(SLEEP)
    bench.started(ref)
    assert (ref.directory / "reserve").exists()
    (ref.directory / "verdict.json.123.tmp").write_text("{")
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    bench.engine.sweep(ref)
    assert not (ref.directory / "reserve").exists()
    assert not list(ref.directory.glob("*.tmp"))


DIES_WITH_ITS_GROUP = """
import os, signal, sys
sys.path.insert(0, {engine!r})
import shim
shim.name_packages()
from jupyter_ml.engine.limits import ControlGroup
enter = ControlGroup._can_be_entered
ControlGroup._can_be_entered = lambda group: enter(group) and os.kill(os.getpid(), signal.SIGKILL)
os.setsid()
shim.main(sys.argv[1])
"""


@pytest.mark.skipif(not can_use_groups(), reason="control groups cannot be made here")
def test_the_control_group_of_a_shim_killed_once_it_was_made_is_removed(
    cold, monkeypatch, tmp_path
):
    script = tmp_path / "shim.py"
    script.write_text(DIES_WITH_ITS_GROUP.format(engine=str(Path(local.__file__).parent)))
    monkeypatch.setattr(local, "_SHIM", script)
    ref = cold.start(SLEEP, memory_mb=512)
    eventually(lambda: cold.state(ref) == "lost")
    name = f"jupyter_ml-{ref.token[:16]}-0"
    assert len(list(Path("/sys/fs/cgroup").rglob(name))) == 1
    cold.engine.sweep(ref)
    assert list(Path("/sys/fs/cgroup").rglob(name)) == []


STARTS_FOR_OTHERS = """
import os, time
from pathlib import Path
from jupyter_ml.core.detach import detach
pid = detach(["/bin/sleep", "600"], Path("errors").absolute(), {"JUPYTER_ML_JOB": ""})
open('pid', 'w').write(str(pid))
os.rename('pid', 'started')
time.sleep(600)
"""


@pytest.mark.skipif(not can_use_groups(), reason="control groups cannot be made here")
def test_what_an_attempt_started_for_others_does_not_end_with_its_control_group(bench, is_running):
    ref = bench.start(STARTS_FOR_OTHERS, memory_mb=512)
    pid = int(bench.started(ref))
    try:
        assert "jupyter_ml-" not in Path(f"/proc/{pid}/cgroup").read_text()
        os.kill(bench.shim(ref), signal.SIGKILL)
        eventually(lambda: bench.state(ref) == "lost")
        bench.engine.sweep(ref)
        assert is_running(str(pid))
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_cleaned_its_environment_is_swept_too(bench, is_running):
    code = (
        "import os, subprocess, time\n"
        "command = 'setsid sleep 600 & echo $! > pid; mv pid started'\n"
        "subprocess.run(['/usr/bin/env', '-i', '/bin/sh', '-c', command])\n"
        "time.sleep(600)"
    )
    ref = bench.start(code)
    pid = bench.started(ref).strip()
    eventually(lambda: bench.announced(ref).get("unmarked"), 30)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    assert is_running(pid)
    bench.engine.sweep(ref)
    eventually(lambda: not is_running(pid))


def test_a_shim_whose_folder_was_deleted_ends_with_its_work(bench, is_running):
    ref = bench.start(SLEEP)
    pid = bench.started(ref)
    shim = bench.shim(ref)
    # Out of sight at once: the shim writes into it while it is emptied.
    trash = ref.directory.rename(ref.directory.with_name("trash"))
    eventually(lambda: shutil.rmtree(trash, ignore_errors=True) or not trash.exists())
    eventually(lambda: not is_running(pid), 30)
    eventually(lambda: not is_running(shim), 30)
    assert not ref.directory.exists()


def test_a_shim_whose_folder_was_moved_writes_its_verdict_when_it_is_back(bench, is_running):
    ref = bench.start(SLEEP)
    pid = bench.started(ref)
    shim = bench.shim(ref)
    elsewhere = ref.directory.with_name("elsewhere")
    ref.directory.rename(elsewhere)
    os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: not is_running(pid), 30)
    assert is_running(shim)
    elsewhere.rename(ref.directory)
    assert bench.verdict(ref).members[0].signal == "SIGKILL"


def test_a_folder_that_cannot_be_read_says_so_and_whether_the_work_runs(bench, is_running):
    ref = bench.start(SLEEP)
    pid = bench.started(ref)
    shim = bench.shim(ref)
    # As the superuser reads whatever the permissions are: what is no file cannot be read, either.
    (ref.directory / "verdict.json").mkdir()
    seen = bench.engine.observe(ref)
    assert seen.state == "stalled"
    assert str(ref.directory) in seen.trouble
    os.kill(shim, signal.SIGKILL)
    seen = eventually(lambda: bench.state(ref) == "lost" and bench.engine.observe(ref))
    assert (seen.lost_reason, bool(seen.trouble)) == ("FolderUnreadable", True)
    assert not is_running(pid)
    assert bench.engine.sweep(ref) == 0
    (ref.directory / "verdict.json").rmdir()


def test_a_lost_attempt_is_never_run_again_under_the_same_number(bench):
    ref = bench.start(SLEEP)
    bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    bench.engine.submit(ref, bench.work(SLEEP))
    assert bench.state(ref) == "lost"
    announced = bench.announced(ref)
    # A second shim, such as one that was spawned and then held up, finds the first one's traces.
    command = [sys.executable, "-S", "-E", str(Path(local.__file__).with_name("shim.py"))]
    subprocess.run([*command, str(ref.directory)], check=True, timeout=60)
    assert bench.state(ref) == "lost"
    assert bench.announced(ref) == announced


def test_a_killed_job_is_recorded_with_the_name_of_the_signal(bench):
    ref = bench.start(SLEEP)
    os.kill(int(bench.started(ref)), signal.SIGKILL)
    verdict = bench.verdict(ref)
    assert (verdict.state, verdict.reason) == ("Failed", "Killed")
    assert "SIGKILL" in verdict.message
    assert "memory limit" not in verdict.message
    assert verdict.members[0].signal == "SIGKILL"


def test_shim_and_job_killed_together_leave_a_lost_attempt(bench):
    ref = bench.start(SLEEP)
    pid = int(bench.started(ref))
    os.kill(bench.shim(ref), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    assert bench.engine.observe(ref).lost_reason == "SupervisorLost"


def test_a_suspended_shim_is_stalled_and_not_reclaimed(bench, is_running):
    ref = bench.start(SLEEP)
    pid = bench.started(ref)
    shim = bench.shim(ref)
    os.kill(shim, signal.SIGSTOP)
    old = time.time() - STALE_AFTER_S - 5
    os.utime(ref.directory / "heartbeat", (old, old))
    assert bench.state(ref) == "stalled"
    assert bench.engine.sweep(ref) == 0
    assert is_running(pid)
    os.kill(shim, signal.SIGCONT)
    eventually(lambda: bench.state(ref) == "running")


def test_a_stop_wakes_a_suspended_shim(bench):
    ref = bench.start(SLEEP)
    bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGSTOP)
    bench.engine.stop(ref)
    assert bench.verdict(ref).state == "Stopped"


def test_after_a_reboot_the_attempt_is_lost_to_it(bench):
    ref = bench.start(SLEEP)
    bench.started(ref)
    pid = bench.shim(ref)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    values = read_json(ref.directory / "shim.json")
    write_json(
        ref.directory / "shim.json", {**values, "identity": f"other-boot:{pid}:1"}, sync=False
    )
    assert bench.engine.observe(ref).lost_reason == "HostRestarted"


def test_a_reused_process_id_is_not_taken_for_the_shim(bench):
    ref = bench.start(SLEEP)
    bench.started(ref)
    bench.shim(ref)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: bench.state(ref) == "lost")
    values = read_json(ref.directory / "shim.json")
    boot = values["identity"].split(":")[0]
    identity = f"{boot}:{os.getpid()}:1"
    write_json(ref.directory / "shim.json", {**values, "identity": identity}, sync=False)
    assert bench.state(ref) == "lost"
    bench.engine.stop(ref)  # would end this very process if it believed the number


def test_a_daemon_that_left_its_session_ends_with_the_job(bench, is_running):
    ref = bench.start(DAEMON)
    pid = bench.started(ref)
    assert bench.verdict(ref).state == "Completed"
    assert not is_running(pid)


def test_a_shim_told_to_end_interrupts_the_work_even_if_it_exits_with_zero(bench):
    code = "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(0))\n" + SLEEP
    ref = bench.start(code)
    bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGTERM)
    verdict = bench.verdict(ref)
    assert (verdict.state, verdict.reason) == ("Interrupted", "Interrupted")
    assert verdict.members[0].exit_code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
@pytest.mark.parametrize("reserved", [True, False], ids=["reserved", "nothing reserved"])
def test_a_full_disk_harms_neither_the_job_nor_its_verdict(make_bench, tmp_path, reserved):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False, timeout=30
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        bench = make_bench(disk)
        code = (
            "import os, sys, time\n"
            f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\n"
            "for _ in range(64): sys.stdout.write('x' * 65535 + '\\n')\n"
            "sys.stdout.flush()\n"
            f"open({str(tmp_path / 'finished')!r}, 'w').close()"
        )
        ref = bench.start(code)
        pid = bench.shim(ref)
        if not reserved:
            (disk / "work/Job/bench/1/reserve").unlink()
        (tmp_path / "go").touch()
        eventually((tmp_path / "finished").exists, 30)
        if not reserved:
            eventually(lambda: not children(pid), 30)
            assert bench.state(ref) in ("running", "stalled")
            (disk / "work/Job/bench/1/members/0/log").unlink()
        verdict = bench.verdict(ref)
        assert verdict.state == "Completed"
        assert verdict.dropped_log_bytes > 1 << 20
        bench.end()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False, timeout=30)


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
