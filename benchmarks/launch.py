"""Starting a job: from the call to its end, beside `python script.py` and what else runs scripts.

The job does nothing but import, so that what is measured is all that is around the work. Ours is
called from a process that has the toolkit loaded, as a notebook's kernel has.

    .venv/bin/python benchmarks/launch.py [--rounds N] [--only NAME,...] [--publish]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import IO, TYPE_CHECKING, cast

import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = measure.BUILD / "launch"
SCRIPTS = {"empty": "print('answer', 6 * 7)\n"}
SCRIPTS["scikit-learn"] = "import sklearn.ensemble\n" + SCRIPTS["empty"]
HEAVIEST = "scikit-learn"
ANSWER = "answer 42"
PATIENCE_S = 120
# One request a line; the answer is the job's name and how long it took.
KERNEL = """
import sys, time
import jupyter_ml as ml
print("ready", flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    job = ml.train(line.strip()).wait()
    seconds = time.perf_counter() - started
    assert "answer 42" in str(job.logs()), job.logs()
    print("done", seconds, flush=True)
"""
RAY_PORT = 8265
RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "HOME": str(FOLDER),  # whatever it writes there is not written to the user's
}
MLFLOW = """name: launch
entry_points:
  main:
    command: "python {script}"
"""


class Kernel:
    """A process that has the toolkit loaded and runs jobs, as a notebook does.

    Parameters
    ----------
    name
        Of its workspace.
    settings
        Variables of jupyter_ml.
    """

    def __init__(self, name: str, **settings: str) -> None:
        self.workspace = FOLDER / name
        shutil.rmtree(self.workspace, ignore_errors=True)
        environment = measure.environment(JUPYTER_ML_WORKSPACE=str(self.workspace), **settings)
        self._process = subprocess.Popen(
            [sys.executable, "-c", KERNEL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=FOLDER,
        )
        self._requests = cast("IO[str]", self._process.stdin)
        self._answers = cast("IO[str]", self._process.stdout)
        self._answer("ready")

    def run(self, script: Path) -> float:
        """Run a script as a job; return the seconds from the call to its end."""
        self._requests.write(f"{script}\n")
        self._requests.flush()
        return float(self._answer("done").split()[1])

    def await_warmth(self) -> None:
        """Wait until what the jobs so far imported is kept."""
        deadline = time.monotonic() + PATIENCE_S
        while not list(self.workspace.glob("warm/*/socket")):
            if time.monotonic() > deadline:
                raise RuntimeError("No job left its imports behind.")
            time.sleep(0.05)

    def close(self) -> None:
        """End it, and what its jobs left behind."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.workspace, ignore_errors=True)

    def _answer(self, word: str) -> str:
        while line := self._answers.readline():
            if line.startswith(word):
                return line
        raise RuntimeError("The process that runs our jobs has ended.")


def command(*words: str, output: Path | None = None, **variables: str) -> Callable[[], None]:
    """Return a case that runs a command and looks for the answer in what it prints or writes."""

    def run() -> None:
        done = subprocess.run(
            words,
            env=measure.environment(**variables),
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stdout + done.stderr + (output.read_text() if output else "")
        if done.returncode or ANSWER not in told:
            raise RuntimeError(told.strip()[-2000:] or f"it ended with code {done.returncode}")

    return run


def papermill(name: str, script: Path) -> Callable[[], None]:
    """Return the case of a notebook with the script as its only cell."""
    python = measure.virtual_environment("papermill", "papermill", "ipykernel", "scikit-learn")
    notebook, executed = FOLDER / f"{name}.ipynb", FOLDER / f"{name}-executed.ipynb"
    cell = {
        "cell_type": "code",
        "id": "script",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": script.read_text(),
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    text = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    notebook.write_text(json.dumps(text))
    own = {"PATH": f"{python.parent}:{os.environ['PATH']}", "JUPYTER_PREFER_ENV_PATH": "1"}
    words = [str(python), "-m", "papermill", "--no-progress-bar", str(notebook), str(executed)]
    return command(*words, output=executed, **own)


def mlflow(name: str, script: Path) -> Callable[[], None]:
    """Return the case of an MLflow project in the environment that is there."""
    python = measure.virtual_environment("mlflow", "mlflow", "scikit-learn")
    project = FOLDER / f"mlflow-{name}"
    project.mkdir(exist_ok=True)
    (project / "MLproject").write_text(MLFLOW.format(script=script))
    own = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{FOLDER}/mlflow.db",
    }
    words = [str(python.parent / "mlflow"), "run", str(project), "--env-manager", "local"]
    return command(*words, **own)


def ray(name: str, script: Path) -> Callable[[], None]:
    """Return the case of a job on a Ray cluster that runs already."""
    del name  # it leaves nothing behind
    python = measure.virtual_environment("ray", "ray[default]", "scikit-learn")
    own = {"PATH": f"{python.parent}:{os.environ['PATH']}", **RAY}
    address = f"http://127.0.0.1:{RAY_PORT}"
    words = [str(python.parent / "ray"), "job", "submit", "--address", address]
    return command(*words, "--", str(python), str(script), **own)


@contextlib.contextmanager
def ray_head() -> Iterator[None]:
    """Have a Ray cluster on this machine, with its start and its end left out."""
    program = measure.virtual_environment("ray", "ray[default]", "scikit-learn").parent / "ray"
    variables = measure.environment(**RAY)
    words = ["start", "--head", "--block", "--include-dashboard=true", "--num-cpus=2"]
    process = subprocess.Popen([str(program), *words], env=variables, stdout=subprocess.DEVNULL)
    try:
        _await_port(RAY_PORT, process)
        yield
    finally:
        process.terminate()
        process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"nothing listens at port {port}")


PEERS = {
    "papermill": papermill,
    "mlflow run --env-manager local": mlflow,
    "ray job submit": ray,
}


def measured(rounds: int, only: set[str]) -> tuple[dict[str, dict[str, list[float]]], list[str]]:
    """Return the seconds of each case by script, and why a peer is not among them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    absent: list[str] = []
    results: dict[str, dict[str, list[float]]] = {}
    with contextlib.ExitStack() as stack:
        cold = Kernel("cold", JUPYTER_ML_WARM_MEMORY_MB="0")
        stack.callback(cold.close)
        warm = Kernel("warm")
        stack.callback(warm.close)
        if not only or "ray job submit" in only:
            with _noting(absent, "ray job submit"):
                stack.enter_context(ray_head())
        for name, text in reversed(SCRIPTS.items()):
            script = FOLDER / f"{name}.py"
            script.write_text(text)
            warm.run(script)
            warm.await_warmth()
            cases: dict[str, Callable[[], float | None]] = {
                "ours, warm": partial(warm.run, script),
                "ours, cold": partial(cold.run, script),
                "python script.py": command(sys.executable, str(script)),
            }
            for peer, case in PEERS.items():
                if name != HEAVIEST or (only and peer not in only):
                    continue
                if not any(one.startswith(peer) for one in absent):
                    with _noting(absent, peer):
                        run = case(name, script)
                        run()
                        cases[peer] = run
            results[name] = measure.interleaved(cases, rounds, warm_up=1)
    return results, absent


@contextlib.contextmanager
def _noting(absent: list[str], name: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:
        absent.append(f"{name}: {str(error).splitlines()[-1][:200]}")


def report(results: dict[str, dict[str, list[float]]], absent: list[str]) -> str:
    """Return the table, and what is not in it."""
    rows = []
    for script, figures in results.items():
        base = figures["python script.py"]
        for name, seconds in figures.items():
            median, worst = statistics.median(seconds), max(seconds)
            faster = measure.ratio(base, seconds)
            rows.append([f"{name} ({script})", f"{median:.3f}", f"{worst:.3f}", f"{faster:.1f}"])
    columns = ["what runs it (what it imports)", "median s", "slowest s", "times as fast as python"]
    left_out = "\n".join(f"- Left out: {line}" for line in absent)
    return f"{measure.table(columns, rows)}\n\n{left_out}".strip()


def main() -> None:
    """Measure, print, and publish when that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="peers, by name; 'none' for none of them")
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    text = report(*measured(given.rounds, {name for name in given.only.split(",") if name}))
    print(text)
    if given.publish:
        words = ["benchmarks/launch.py", *map(shlex.quote, sys.argv[1:])]
        measure.publish("launch", f".venv/bin/python {' '.join(words)}", text)


if __name__ == "__main__":
    main()
