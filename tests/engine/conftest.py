from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
from pathlib import Path

import pytest

from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine import identity
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually


class Bench:
    """Runs small programs on a real engine and looks at what became of them.

    With `zygotes` all that can be is run in forks of one.
    """

    def __init__(self, root, *, zygotes=None, **options):
        self.root = root
        self.zygotes = zygotes
        self.engine = LocalEngine(root, zygotes=zygotes, **options)
        self.refs = []

    def ref(self):
        number = len(self.refs) + 1
        directory = self.root / "work" / "Job" / "bench" / str(number)
        ref = AttemptRef("Job", "bench", number, secrets.token_hex(16), directory)
        self.refs.append(ref)
        return ref

    def start(self, code, *, tick=(), gpu_ids=(), **limits):
        ref = self.ref()
        work = self.work(code, **limits)
        self.warm_up(work)
        self.engine.submit(ref, work, gpu_ids, tick)
        if self.zygotes and not gpu_ids:
            assert self.is_warm(ref)
        return ref

    def work(self, code, **limits):
        return Work((sys.executable, "-c", code), warm=self.zygotes is not None, **limits)

    def warm_up(self, work):
        """Wait for the zygote that is asked for such work; return its folder."""
        spec = self.zygotes and self.zygotes.spec(work, self.engine.machine, (), os.environ)
        if not spec:
            return None
        folder = spec["folder"]
        if folder not in [one.folder for one in self.zygotes.living()]:
            self.zygotes.start(spec, "", os.environ)
        eventually(lambda: (folder, "ready") in self.states(), 60)
        return Path(folder)

    def states(self):
        return [(one.folder, one.state) for one in self.zygotes.living()]

    def in_waiting(self, folder):
        """Wait for the processes that a zygote has made in advance; return their ids."""

        def chain():
            found = [self.zygote_pid(folder)]
            for _ in range(3):
                place = Path(f"/proc/{found[-1]}/task/{found[-1]}/children")
                children = place.read_text().split() if place.exists() else []
                if len(children) != 1:
                    return None
                found.append(int(children[0]))
            return found[1:]

        return eventually(chain, 30)

    def zygote(self, folder):
        return read_json(Path(folder) / folders.STATE) or {"state": "absent"}

    def zygote_pid(self, folder):
        return identity.pid_of(self.zygote(folder)["identity"])

    def is_warm(self, ref):
        spawned = read_json(ref.directory / "spawned.json")
        # Only a fork may have ended before its submitter has looked, who then notes nothing.
        return self.state(ref) == "ended" if spawned is None else spawned["warm"]

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

    def told(self, code, **limits):
        """Run a program to its good end, and return what it printed, which is JSON."""
        ref = self.start(code, **limits)
        assert self.verdict(ref).state == "Completed", self.log(ref)
        return json.loads(self.log(ref))

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
        if self.zygotes is not None:
            self.zygotes.end_all()
            eventually(lambda: not self.zygotes.living(), 30)
            # one that a job's end is just starting finds no folder
            shutil.rmtree(self.root / "warm", ignore_errors=True)


@pytest.fixture
def cold(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.end()


@pytest.fixture
def warm(tmp_path):
    bench = Bench(tmp_path, zygotes=Zygotes(tmp_path / "warm"))
    yield bench
    bench.end()


@pytest.fixture(params=["cold", "warm"])
def bench(request):
    """Run work in processes of its own, and in forks of a zygote."""
    return request.getfixturevalue(request.param)


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
