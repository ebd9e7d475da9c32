"""What is forked from a zygote is like what is started: names, files, ends, limits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.engine.work import Work

SLEEPS = """
import os, time
open('pid', 'w').write(str(os.getpid()))
os.rename('pid', 'started')
time.sleep(600)
"""


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


def test_a_module_finds_itself_where_python_would_have_put_it(bench, tmp_path):
    package = tmp_path / "tool"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(
        "import json, sys\n"
        "from tool import __file__ as beside\n"
        "print(json.dumps([sys.argv, sys.path[0], __name__, __file__, __package__,\n"
        "                  __spec__.name, sys.modules['__main__'].__file__]))\n"
        "raise SystemExit(3)"
    )
    work = Work(
        (sys.executable, "-m", "tool", "--depth", "3"),
        env={"PYTHONPATH": str(tmp_path)},
        warm=bench.zygotes is not None,
    )
    bench.warm_up(work)
    ref = bench.ref()
    bench.engine.submit(ref, work)
    (member,) = bench.verdict(ref).members
    assert member.exit_code == 3, bench.log(ref)
    assert bench.is_warm(ref) is work.warm
    main = str(package / "__main__.py")
    folder = str(ref.directory / "members" / "0")
    argv = [main, "--depth", "3"]
    assert json.loads(bench.log(ref)) == [
        *(argv, folder, "__main__", main, "tool", "tool.__main__", main)
    ]


def test_no_file_of_the_zygote_or_the_supervisor_is_open_in_a_job(bench):
    code = (
        "import json, os\n"
        "opened = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
        "          if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "print(json.dumps([o for o in opened if '/dev/null' not in o and 'pipe' not in o]))"
    )
    assert [path for path in bench.told(code) if "/proc/" not in path] == []


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
    first = warm.told(code, preload=("numpy.random",))
    second = warm.told(code, preload=("numpy.random",))
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, False, False]


def test_nothing_of_one_job_reaches_the_next(warm):
    warm.told("import json, os; print(1); os.environ['OWN'] = 'hush'", env={"GIVEN": "hush"})
    code = (
        "import json, os; print(json.dumps([dict(os.environ), open('/proc/self/environ').read()]))"
    )
    assert "hush" not in str(warm.told(code))
    folder = warm.warm_up(warm.work(code))
    memory = Path(f"/proc/{warm.zygote_pid(folder)}/environ").read_bytes()
    assert b"hush" not in memory


def test_a_job_is_held_to_its_memory_without_control_groups(tmp_path, make_bench):
    bench = make_bench(control_groups=False, zygotes=Zygotes(tmp_path / "warm"))
    code = "b = []\nwhile True: b.append(bytearray(20 << 20))"
    ref = bench.start(code, memory_mb=300)
    assert bench.verdict(ref).enforced["memory"] == "rlimit"
    assert "MemoryError" in bench.log(ref)
