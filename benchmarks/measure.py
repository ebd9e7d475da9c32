"""What all benchmarks share: fair rounds, percentiles, facts of the machine, the results page."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "benchmarks"
PAGE = ROOT / "docs" / "understand" / "benchmarks.md"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def interleaved(
    cases: Mapping[str, Callable[[], float | None]], rounds: int, warm_up: int = 0
) -> dict[str, list[float]]:
    """Run every case once in each round, so that what else the machine does hits all alike.

    Parameters
    ----------
    cases
        By name; a case returns its own figure, or `None` to be timed from outside, in seconds.
    rounds, warm_up
        How many rounds count, and how many before them do not.

    Returns
    -------
    dict
        The figures of each case, one for each round.
    """
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(-warm_up, rounds):
        for name, case in cases.items():
            started = time.perf_counter()
            own = case()
            seconds = time.perf_counter() - started
            if number >= 0:
                figures[name].append(seconds if own is None else own)
    return figures


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the figure under which `share` (0 to 1) of all figures stay."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how many times larger our median is than theirs."""
    return statistics.median(ours) / statistics.median(theirs)


def environment(**more: str) -> dict[str, str]:
    """Return the environment that everything measured runs in: bytecode cached, one thread each."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **dict.fromkeys(_THREADS, "1"), **more}


def virtual_environment(name: str, *requirements: str) -> Path:
    """Return the Python of an environment below build/, made when its requirements change.

    Raises
    ------
    RuntimeError
        They cannot be installed; the message ends with pip's own words.
    """
    folder = BUILD / "environments" / name
    python, stamp = folder / "bin" / "python", folder / "requirements"
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Installing {', '.join(requirements)}", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *requirements,
        ],
    ):
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    stamp.write_text(wanted)
    return python


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and its descendants so far, in seconds."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory_mb(process: psutil.Process) -> float:
    """Return the memory of a process and its descendants, shared pages divided, in MB."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6


def machine() -> str:
    """Return one sentence on the machine and how busy it was."""
    memory_gb = psutil.virtual_memory().total / 1e9
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({platform.machine()}), {memory_gb:.0f} GB, {platform.system()}, Python "
        f"{platform.python_version()}; load when it ended: {os.getloadavg()[0]:.1f}"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown; figures are aligned right."""
    rule = ["---", *["--:"] * (len(columns) - 1)]
    lines = [columns, rule, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def publish(section: str, command: str, text: str) -> None:
    """Replace a section of the page of results.

    Parameters
    ----------
    section
        Its name: the page holds the lines `<!-- NAME -->` and `<!-- /NAME -->` around it.
    command
        What was run.
    text
        Tables and what must be known to read them, in Markdown.
    """
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    content = f"`{command}` on {today}: {machine()}.\n\n{text.strip()}"
    mark = re.compile(rf"(<!-- {section} -->\n).*?(<!-- /{section} -->)", re.DOTALL)
    page = PAGE.read_text()
    if not mark.search(page):
        msg = f"{PAGE} has no section between <!-- {section} --> and <!-- /{section} -->."
        raise ValueError(msg)
    PAGE.write_text(mark.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", page))
