"""Warm start: what is forked is like what is started, and a zygote is only a cache."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.engine.machine import Gpu, Machine
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually

SLEEPS = """
import os, time
open('pid', 'w').write(str(os.getpid()))
os.rename('pid', 'started')
time.sleep(600)
"""


def zygote_pid(bench, folder):
    return identity.pid_of(bench.zygote(folder)["identity"])


def packages(root, **modules):
    """Make a folder of modules that is taken for one of installed packages."""
    folder = root / "site-packages"
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


# What is forked is like what is started


def told(bench, code, **limits):
    ref = bench.start(code, **limits)
    assert bench.verdict(ref).state == "Completed", bench.log(ref)
    return json.loads(bench.log(ref))


def test_a_program_finds_itself_where_python_would_have_put_it(bench, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, signal, sys, threading\n"
        "print(json.dumps({'argv': sys.argv, 'path': sys.path[0], 'name': __name__,\n"
        " 'file': __file__, 'main': sys.modules['__main__'].__file__, 'cwd': os.getcwd(),\n"
        " 'env': os.environ['GIVEN'], 'c': os.popen('echo $GIVEN').read().strip(),\n"
        " 'pipe': str(signal.getsignal(signal.SIGPIPE)), 'term': str(signal.getsignal(15)),\n"
        " 'files': sorted(os.listdir('/proc/self/fd'))[:3], 'stdin': sys.stdin.read(),\n"
        " 'leader': os.getsid(0) == os.getpid(), 'threads': threading.active_count()}))"
    )
    work = Work(
        (sys.executable, str(program), "--depth", "3"),
        env={"GIVEN": "1"},
        warm=bench.zygotes is not None,
    )
    bench.warm_up(work)
    ref = bench.ref()
    bench.engine.submit(ref, work)
    assert bench.verdict(ref).state == "Completed", bench.log(ref)
    assert json.loads(bench.log(ref)) == {
        "argv": [str(program), "--depth", "3"],
        "path": str(tmp_path),
        "name": "__main__",
        "file": str(program),
        "main": str(program),
        "cwd": str(ref.directory / "members" / "0"),
        "env": "1",
        "c": "1",
        "pipe": "1",
        "term": "0",
        "files": ["0", "1", "2"],
        "stdin": "",
        "leader": True,
        "threads": 1,
    }


def test_no_file_of_the_zygote_or_the_supervisor_is_open_in_a_job(bench):
    code = (
        "import json, os\n"
        "opened = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
        "          if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "print(json.dumps([o for o in opened if '/dev/null' not in o and 'pipe' not in o]))"
    )
    assert [path for path in told(bench, code) if "/proc/" not in path] == []


def test_the_kernel_shows_program_and_marker_of_a_forked_job(bench):
    ref = bench.start(SLEEPS)
    pid = bench.started(ref)
    shown = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert f"JUPYTER_ML_JOB={ref.token}".encode() in shown
    assert b"JUPYTER_ML_MEMBER=0" in shown
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert command[:2] == [sys.executable.encode(), b"-c"]


def test_what_a_program_leaves_unfinished_is_finished_at_its_end(bench):
    code = (
        "import atexit, sys, threading, time\n"
        "class Last:\n"
        "    def __del__(self): print('released', len(kept), flush=True)\n"
        "kept = [1]\n"
        "last = Last()\n"
        "file = open('written', 'w'); file.write('all of it')\n"
        "atexit.register(print, 'at exit', flush=True)\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread', flush=True))).start()\n"
        "print('end')"
    )
    ref = bench.start(code)
    assert bench.verdict(ref).state == "Completed"
    assert bench.log(ref).splitlines() == ["end", "thread", "at exit", "released 1"]
    assert (ref.directory / "members/0/written").read_text() == "all of it"


def test_what_c_has_not_written_yet_is_written_at_the_end(bench):
    ref = bench.start("import ctypes; ctypes.CDLL(None).printf(b'from C\\n')")
    bench.verdict(ref)
    assert bench.log(ref) == "from C\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "name"),
    [
        ("raise SystemExit('why')", 1, None),
        ("raise SystemExit(300)", 44, None),
        ("1 / 0", 1, None),
        ("import os; os._exit(7)", 7, None),
        ("import os; os.kill(os.getpid(), 11)", None, "SIGSEGV"),
        ("import os; os.abort()", None, "SIGABRT"),
    ],
)
def test_a_program_ends_with_the_code_or_the_signal_that_it_would_have(
    bench, code, exit_code, name
):
    (member,) = bench.verdict(bench.start(code)).members
    assert (member.exit_code, member.signal) == (exit_code, name)


def test_an_exception_is_shown_as_python_shows_it(bench):
    ref = bench.start("def f():\n    return 1 / 0\nf()")
    bench.verdict(ref)
    lines = bench.log(ref).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert 'File "<string>", line 2, in f' in bench.log(ref)


def test_a_log_is_complete_to_the_last_byte(bench):
    ref = bench.start(
        "import sys\nfor i in range(200_000): print('line', i)\nsys.stdout.write('x')"
    )
    bench.verdict(ref)
    assert bench.engine.logs(ref, offset=-20).data.endswith(b"line 199999\nx")


def test_two_forks_draw_different_random_numbers(warm):
    code = (
        "import json, random, uuid, numpy\n"
        "print(json.dumps([random.random(), numpy.random.rand(), str(uuid.uuid4())]))"
    )
    first = told(warm, code, preload=("numpy.random",))
    second = told(warm, code, preload=("numpy.random",))
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, False, False]


def test_nothing_of_one_job_reaches_the_next(warm):
    told(warm, "import json, os; print(1); os.environ['OWN'] = 'hush'", env={"GIVEN": "hush"})
    code = (
        "import json, os; print(json.dumps([dict(os.environ), open('/proc/self/environ').read()]))"
    )
    assert "hush" not in str(told(warm, code))
    folder = warm.warm_up(warm.work(code))
    memory = Path(f"/proc/{zygote_pid(warm, folder)}/environ").read_bytes()
    assert b"hush" not in memory


def test_a_job_is_held_to_its_memory_without_control_groups(tmp_path, make_bench):
    bench = make_bench(control_groups=False, zygotes=Zygotes(tmp_path / "warm"))
    code = "b = []\nwhile True: b.append(bytearray(20 << 20))"
    ref = bench.start(code, memory_mb=300)
    assert bench.verdict(ref).enforced["memory"] == "rlimit"
    assert "MemoryError" in bench.log(ref)


# A zygote is only a cache


def test_a_zygote_that_was_killed_costs_warmth_alone(warm):
    folder = warm.warm_up(warm.work(""))
    os.kill(zygote_pid(warm, folder), signal.SIGKILL)
    ref = warm.ref()
    warm.engine.submit(ref, warm.work("print('done')"))
    assert warm.verdict(ref).state == "Completed"
    assert not warm.is_warm(ref)
    assert warm.log(ref) == "done\n"


def test_a_job_does_not_end_with_the_zygote_that_forked_it(warm):
    ref = warm.start("import time; time.sleep(1); print('done')")
    for zygote in warm.zygotes.living():
        os.kill(zygote_pid(warm, zygote.folder), signal.SIGKILL)
    assert warm.verdict(ref).state == "Completed"
    assert warm.log(ref) == "done\n"


@pytest.mark.parametrize("delay_s", [0, 0.05, 0.1, 0.2, 0.3])
def test_a_zygote_killed_on_its_way_is_followed_by_another(warm, delay_s):
    work = warm.work("print('done')")
    spec = warm.zygotes.spec(work, warm.engine.machine, (), os.environ)
    state = Path(spec["folder"]) / folders.STATE
    warm.zygotes.start(spec, "", os.environ)
    eventually(state.exists, 30)
    until = time.monotonic() + delay_s
    eventually(lambda: time.monotonic() >= until, poll_s=0.001)
    os.kill(zygote_pid(warm, state.parent), signal.SIGKILL)
    ref = warm.ref()
    warm.engine.submit(ref, work)
    assert warm.verdict(ref).state == "Completed"
    assert warm.log(ref) == "done\n"
    state.unlink()
    warm.zygotes.start(spec, "", os.environ)
    eventually(lambda: warm.zygote(state.parent)["state"] == "ready", 30)
    assert warm.verdict(warm.start("pass")).state == "Completed"


def test_work_is_run_once_though_zygotes_are_killed_while_it_is_submitted(warm):
    for _ in range(5):
        work = warm.work("open('../../ran', 'a').write('x')")
        folder = warm.warm_up(work)
        pid = zygote_pid(warm, folder)
        ref = warm.ref()
        if os.fork() == 0:
            os.kill(pid, signal.SIGKILL)
            os._exit(0)
        warm.engine.submit(ref, work)
        os.wait()
        eventually(lambda pid=pid: identity.start_time(pid) is None)
        assert warm.verdict(ref).state == "Completed"
        assert (ref.directory / "ran").read_text() == "x"


def test_a_suspended_zygote_holds_up_one_job_for_a_moment_and_is_ended(warm):
    work = warm.work("open('../../ran', 'a').write('x')")
    folder = warm.warm_up(work)
    pid = zygote_pid(warm, folder)
    os.kill(pid, signal.SIGSTOP)
    ref = warm.ref()
    warm.engine.submit(ref, work)
    assert warm.verdict(ref).state == "Completed"
    assert not warm.is_warm(ref)
    eventually(lambda: identity.start_time(pid) is None)
    assert (ref.directory / "ran").read_text() == "x"


def test_of_zygotes_that_are_started_at_once_one_remains(warm):
    spec = warm.zygotes.spec(warm.work(""), warm.engine.machine, (), os.environ)
    for _ in range(4):
        warm.zygotes.start(spec, "", os.environ)
    eventually(lambda: warm.zygote(spec["folder"])["state"] == "ready", 60)
    waiting = warm.in_waiting(spec["folder"])
    eventually(lambda: processes(spec["folder"]) == 1 + len(waiting), 30)
    assert len(warm.zygotes.living()) == 1


def processes(folder):
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += str(folder).encode() in path.read_bytes()
        except OSError:
            continue
    return count


def test_a_zygote_makes_way_for_one_that_has_imported_more(warm, tmp_path):
    work = warm.work("import json, sys; print(json.dumps('joblib' in sys.modules))")
    folder = warm.warm_up(work)
    first = zygote_pid(warm, folder)
    (tmp_path / "imports.json").write_text(json.dumps(["joblib", "os_that_is_not_known"]))
    spec = warm.zygotes.spec(work, warm.engine.machine, (), os.environ)
    warm.zygotes.start(spec, str(tmp_path / "imports.json"), os.environ)
    eventually(lambda: "joblib" in warm.zygote(folder).get("preload", ()), 30)
    eventually(lambda: warm.zygote(folder)["state"] == "ready", 60)
    assert zygote_pid(warm, folder) != first
    assert told(warm, work.argv[2]) is True
    assert "os_that_is_not_known" not in warm.zygote(folder)["preload"]


def test_jobs_start_warm_while_another_zygote_imports_more(warm, tmp_path):
    site = packages(tmp_path, slow="import time; time.sleep(5)", quick="")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("quick",)}
    folder = warm.warm_up(warm.work("", **limits))
    first = zygote_pid(warm, folder)
    more = warm.work("", env=limits["env"], preload=("quick", "slow"))
    spec = warm.zygotes.spec(more, warm.engine.machine, (), os.environ)
    assert spec["folder"] == str(folder)
    warm.zygotes.start(spec, "", os.environ)
    assert (
        told(warm, "import json, sys; print(json.dumps('slow' in sys.modules))", **limits) is False
    )
    eventually(lambda: zygote_pid(warm, folder) != first, 30)
    assert (
        told(warm, "import json, sys; print(json.dumps('slow' in sys.modules))", **limits) is True
    )


def test_a_zygote_leaves_when_packages_were_changed(warm, tmp_path):
    site = packages(tmp_path, old="")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("old",)}
    told(warm, "import old, json; print(json.dumps(old.__file__))", **limits)
    (site / "new.py").write_text("value = 1")
    work = warm.work("import new; print(new.value)", **limits)
    ref = warm.ref()
    warm.engine.submit(ref, work)
    assert warm.verdict(ref).state == "Completed"
    assert not warm.is_warm(ref)
    eventually(lambda: warm.zygotes.living() == [])


def test_a_changed_file_of_a_module_that_is_not_installed_is_noticed(warm, tmp_path):
    (tmp_path / "mine.py").write_text("value = 1")
    limits = {"env": {"PYTHONPATH": str(tmp_path)}, "preload": ("mine",)}
    assert told(warm, "import mine; print(mine.value)", **limits) == 1
    (tmp_path / "mine.py").write_text("value = 22")
    ref = warm.ref()
    warm.engine.submit(ref, warm.work("import mine; print(mine.value)", **limits))
    warm.verdict(ref)
    assert warm.log(ref) == "22\n"


def test_what_starts_threads_when_it_is_imported_is_left_out(warm, tmp_path):
    starts = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    site = packages(tmp_path, busy=starts, quiet="")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("busy", "quiet")}
    code = "import json, sys; print(json.dumps([n in sys.modules for n in ('busy', 'quiet')]))"
    assert told(warm, code, **limits) == [False, True]


def test_a_zygote_that_nobody_uses_leaves(tmp_path, make_bench):
    bench = make_bench(zygotes=Zygotes(tmp_path / "warm", keep_alive_s=1))
    folder = bench.warm_up(bench.work(""))
    eventually(lambda: bench.zygote(folder)["state"] == "ended", 30)
    assert "not used" in bench.zygote(folder)["reason"]
    assert bench.zygotes.living() == []


def test_a_job_may_ask_for_its_own_time_to_be_kept(tmp_path, make_bench):
    bench = make_bench(zygotes=Zygotes(tmp_path / "warm", keep_alive_s=5))
    bench.start("pass", keep_alive_s=3600)
    (zygote,) = bench.zygotes.living()
    assert zygote.until > time.time() + 3000


def test_a_zygote_that_would_hold_too_much_is_none(tmp_path, make_bench):
    bench = make_bench(zygotes=Zygotes(tmp_path / "warm", memory_mb=1))
    spec = bench.zygotes.spec(bench.work(""), bench.engine.machine, (), os.environ)
    bench.zygotes.start(spec, "", os.environ)
    eventually(lambda: bench.zygote(spec["folder"])["state"] == "ended", 30)
    assert "allowed are 1" in bench.zygote(spec["folder"])["reason"]


def test_a_zygote_that_cannot_be_asked_any_more_leaves(warm):
    folder = warm.warm_up(warm.work(""))
    pid = zygote_pid(warm, folder)
    warm.in_waiting(folder)
    (folder / folders.SOCKET).unlink()
    eventually(lambda: identity.start_time(pid) is None, 30)


def test_only_its_owner_reaches_the_socket_of_a_zygote(warm, tmp_path):
    warm.warm_up(warm.work(""))
    sockets = [path for path in tmp_path.rglob("*") if path.is_socket()]
    assert sockets
    for path in sockets:
        folders = path.relative_to(tmp_path).parents[:-1]
        assert any((tmp_path / one).stat().st_mode & 0o077 == 0 for one in folders)


def test_a_zygote_leaves_with_its_workspace(warm):
    folder = warm.warm_up(warm.work(""))
    pid = zygote_pid(warm, folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    eventually(lambda: identity.start_time(pid) is None, 30)


def test_other_surroundings_have_another_zygote(warm, monkeypatch):
    machine = Machine(2, (0, 1), 8192)
    work = warm.work("")

    def folder(work=work, environ=os.environ):
        return warm.zygotes.spec(work, machine, (), environ)["folder"]

    same = folder()
    assert folder(environ={**os.environ, "_": "/bin/other", "SECRET_TOKEN": "x"}) == same
    assert folder(environ={**os.environ, "LC_ALL": "C"}) != same
    assert folder(warm.work("", cpus=1)) != folder(warm.work("", cpus=2))
    assert folder(warm.work("", env={"PYTHONPATH": "/elsewhere"})) != same


def test_work_that_cannot_be_forked_is_not(warm):
    machine = Machine(2, (0, 1), 8192, (Gpu(0, "a", 1),))
    spec = warm.zygotes.spec
    assert spec(warm.work("", gpus=1), machine, (0,), os.environ) is None
    assert spec(warm.work("", restart="always"), machine, (), os.environ) is None
    assert spec(Work((sys.executable, "x.py")), machine, (), os.environ) is None
    assert spec(Work(("/nowhere/python", "x.py"), warm=True), machine, (), os.environ) is None


def test_folders_of_zygotes_that_ended_long_ago_are_removed(warm):
    old = warm.root / "warm" / "old"
    old.mkdir(parents=True)
    (old / folders.UNTIL).touch()
    os.utime(old / folders.UNTIL, (1, 1))
    warm.warm_up(warm.work(""))
    assert not old.exists()
    assert len(warm.zygotes.living()) == 1


def test_the_least_used_zygotes_make_room_for_a_new_one(tmp_path, make_bench):
    small = Zygotes(tmp_path / "warm", memory_mb=1000)
    bench = make_bench(zygotes=small)
    first = bench.warm_up(bench.work(""))
    held = bench.zygote(first)["memory_mb"]
    tight = make_bench(zygotes=Zygotes(tmp_path / "warm", memory_mb=held + 2))
    second = tight.warm_up(tight.work("", cpus=1))
    eventually(lambda: tight.zygote(first)["state"] == "ended")
    assert [one.folder for one in small.living()] == [str(second)]


# Processes that wait


def test_a_job_runs_in_the_processes_that_were_made_in_advance(warm):
    folder = warm.warm_up(warm.work("", cpus=1))
    shim, member, program = warm.in_waiting(folder)
    code = (
        "import json, os, time\n"
        "print(json.dumps([os.getpid(), os.getppid(), len(os.sched_getaffinity(0))]))"
    )
    assert told(warm, code, cpus=1) == [member, shim, 1]
    eventually(lambda: identity.start_time(program) is None)
    assert warm.in_waiting(folder) != [shim, member, program]


def test_processes_in_waiting_end_with_their_zygote(warm):
    folder = warm.warm_up(warm.work(""))
    waiting = warm.in_waiting(folder)
    os.kill(zygote_pid(warm, folder), signal.SIGKILL)
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
    work = warm.work(SLEEPS, grace_s=600)
    waiting = warm.in_waiting(warm.warm_up(work))
    ref = warm.ref()
    warm.engine.stop(ref)
    warm.engine.submit(ref, work)
    assert warm.verdict(ref).state == "Stopped"
    eventually(lambda: not any(map(identity.start_time, waiting)))
