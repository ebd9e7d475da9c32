"""A zygote is only a cache: what becomes of it costs warmth, and no job."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.engine.machine import Gpu, Machine
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm import pages
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually


def packages(root, **modules):
    """Make a folder of modules that is taken for one of installed packages."""
    folder = root / "site-packages"
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_zygote_that_was_killed_costs_warmth_alone(warm):
    folder = warm.warm_up(warm.work(""))
    os.kill(warm.zygote_pid(folder), signal.SIGKILL)
    ref = warm.ref()
    warm.engine.submit(ref, warm.work("print('done')"))
    assert warm.verdict(ref).state == "Completed"
    assert not warm.is_warm(ref)
    assert warm.log(ref) == "done\n"


def test_a_job_does_not_end_with_the_zygote_that_forked_it(warm):
    ref = warm.start("import time; time.sleep(1); print('done')")
    for zygote in warm.zygotes.living():
        os.kill(warm.zygote_pid(zygote.folder), signal.SIGKILL)
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
    os.kill(warm.zygote_pid(state.parent), signal.SIGKILL)
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
        pid = warm.zygote_pid(folder)
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
    pid = warm.zygote_pid(folder)
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
    first = warm.zygote_pid(folder)
    (tmp_path / "imports.json").write_text(json.dumps(["joblib", "os_that_is_not_known"]))
    spec = warm.zygotes.spec(work, warm.engine.machine, (), os.environ)
    warm.zygotes.start(spec, str(tmp_path / "imports.json"), os.environ)
    eventually(lambda: "joblib" in warm.zygote(folder).get("preload", ()), 30)
    eventually(lambda: warm.zygote(folder)["state"] == "ready", 60)
    assert warm.zygote_pid(folder) != first
    assert warm.told(work.argv[2]) is True
    assert "os_that_is_not_known" not in warm.zygote(folder)["preload"]


def test_jobs_start_warm_while_another_zygote_imports_more(warm, tmp_path):
    site = packages(tmp_path, slow="import time; time.sleep(5)", quick="")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("quick",)}
    folder = warm.warm_up(warm.work("", **limits))
    first = warm.zygote_pid(folder)
    more = warm.work("", env=limits["env"], preload=("quick", "slow"))
    spec = warm.zygotes.spec(more, warm.engine.machine, (), os.environ)
    assert spec["folder"] == str(folder)
    warm.zygotes.start(spec, "", os.environ)
    assert (
        warm.told("import json, sys; print(json.dumps('slow' in sys.modules))", **limits) is False
    )
    eventually(lambda: warm.zygote_pid(folder) != first, 30)
    assert warm.told("import json, sys; print(json.dumps('slow' in sys.modules))", **limits) is True


def test_a_zygote_leaves_when_packages_were_changed(warm, tmp_path):
    site = packages(tmp_path, old="")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("old",)}
    warm.told("import old, json; print(json.dumps(old.__file__))", **limits)
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
    assert warm.told("import mine; print(mine.value)", **limits) == 1
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
    assert warm.told(code, **limits) == [False, True]


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
    pid = warm.zygote_pid(folder)
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
    pid = warm.zygote_pid(folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    eventually(lambda: identity.start_time(pid) is None, 30)


def can_join_pages():
    release = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
    return release >= (6, 1) and pages.is_wanted()


@pytest.mark.skipif(not can_join_pages(), reason="the kernel joins no pages here")
def test_what_a_zygote_has_allocated_is_in_large_pages(warm, tmp_path):
    site = packages(tmp_path, large="held = [object() for _ in range(1_000_000)]")
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("large",)}
    code = "import json, large; print(json.dumps([len(large.held), type(large.held[0]).__name__]))"
    assert warm.told(code, **limits) == [1_000_000, "object"]
    pid = warm.zygote_pid(warm.warm_up(warm.work(code, **limits)))
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    assert int(re.search(r"AnonHugePages: +(\d+) kB", rollup)[1]) >= 8192


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
