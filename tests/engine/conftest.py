from __future__ import annotations

import secrets
import signal
import sys

import pytest

from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine import identity
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually


class Bench:
    """Runs small programs on a real engine and looks at what became of them."""

    def __init__(self, root, **options):
        self.root = root
        self.engine = LocalEngine(root, **options)
        self.refs = []

    def ref(self):
        number = len(self.refs) + 1
        directory = self.root / "work" / "Job" / "bench" / str(number)
        ref = AttemptRef("Job", "bench", number, secrets.token_hex(16), directory)
        self.refs.append(ref)
        return ref

    def start(self, code, *, tick=(), gpu_ids=(), **limits):
        ref = self.ref()
        self.engine.submit(ref, self.work(code, **limits), gpu_ids, tick)
        return ref

    def work(self, code, **limits):
        return Work((sys.executable, "-c", code), **limits)

    def state(self, ref):
        return self.engine.observe(ref).state

    def started(self, ref, name="started"):
        """Wait until the work has written this file, and return what is in it."""
        path = ref.directory / "members" / "0" / name
        return eventually(lambda: path.exists() and path.read_text(), 30)

    def verdict(self, ref, timeout_s=60):
        return eventually(lambda: self.engine.observe(ref).verdict, timeout_s)

    def run(self, code, **limits):
        return self.verdict(self.start(code, **limits))

    def log(self, ref, member=0):
        return self.engine.logs(ref, member).data.decode()

    def shim(self, ref):
        """Wait for the supervisor's announcement of its members, and return its process id."""
        shim = eventually(lambda: self.announced(ref).get("members") and self.announced(ref), 30)
        return identity.pid_of(shim["identity"])

    def announced(self, ref):
        return read_json(ref.directory / "shim.json") or {}

    def end(self):
        for ref in self.refs:
            who = self.announced(ref).get("identity")
            if who is not None:
                identity.send(who, (signal.SIGKILL,))
            eventually(lambda ref=ref: self.state(ref) in ("lost", "ended", "absent"), 30)
            self.engine.sweep(ref)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.end()


@pytest.fixture
def make_bench(tmp_path):
    made = []

    def make(root=tmp_path, **options):
        made.append(Bench(root, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.end()


@pytest.fixture
def is_running():
    return lambda pid: identity.start_time(int(pid)) is not None
