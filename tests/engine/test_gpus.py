"""GPUs are lent to one at a time, from the queue to the variable that CUDA reads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from jupyter_ml.composition import compose
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.machine import Gpu, Machine
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.settings import Settings

ADA = Principal("ada", "test")
# As a job that submits jobs is told of the machine; here it has two GPUs, whatever it has.
MACHINE = Machine(4, tuple(sorted(os.sched_getaffinity(0))), 8192, (Gpu(0, "a", 1), Gpu(1, "b", 1)))
# Notes what it sees, and leaves when it may.
SEES = """
import os, pathlib, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
(folder / f"{name}.draft").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
(folder / f"{name}.draft").rename(folder / name)
while not (folder / f"{name}.may-go").exists():
    time.sleep(0.01)
"""
SUBMITS = """
import sys
from pathlib import Path
from jupyter_ml.composition import attend, compose
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.settings import Settings
from jupyter_ml.engine.work import Work
runtime = compose(Settings.from_json(sys.argv[1]))
for name, gpus in (("one", 1), ("two", 1), ("three", 1), ("none", 0), ("both", 2)):
    argv = (sys.executable, "-S", "-c", sys.argv[2], sys.argv[3], name)
    with Context(runtime, Principal("ada", "test")).writing() as ctx:
        row = ctx.add("Experiment", name, request={})
        ctx.submit(row, Work(argv=argv, cpus=0.5, memory_mb=64, gpus=gpus))
attend(runtime)
"""


def test_a_gpu_is_lent_to_one_job_and_passed_on_when_it_has_ended(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    seen = tmp_path / "seen"
    seen.mkdir()
    subprocess.run(
        [sys.executable, "-c", SUBMITS, settings.to_json(), SEES, str(seen)],
        env={**os.environ, "JUPYTER_ML_MACHINE": MACHINE.to_json()},
        check=True,
        timeout=60,
    )

    def sees(name: str) -> str:
        eventually((seen / name).exists, 60)
        return (seen / name).read_text()

    def leave(name: str) -> None:
        (seen / f"{name}.may-go").touch()

    try:
        assert {sees("one"), sees("two")} == {"0", "1"}
        assert sees("none") == ""
        assert not (seen / "three").exists()
        leave("two")
        assert sees("three") == sees("two")
        assert not (seen / "both").exists()
        for name in ("one", "three", "none"):
            leave(name)
        assert sees("both") == "0,1"
    finally:
        for name in ("one", "two", "three", "none", "both"):
            leave(name)
    eventually(lambda: not _live(settings), 60)


def _live(settings: Settings) -> list[Attempt]:
    with Context(compose(settings), ADA).reading() as ctx:
        return ctx.live_attempts()
