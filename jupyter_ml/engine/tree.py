"""The processes of an attempt: found through the kernel, measured, and ended.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from typing import NamedTuple

from jupyter_ml.engine.environment import MARKER

IS_LINUX = sys.platform == "linux"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_S = 10.0


class Process(NamedTuple):
    """One living process of an attempt.

    `rank` is the member that it belongs to; `is_marked` whether it still carries the marker, by
    which it can be found when its supervisor is gone.
    """

    pid: int
    rank: int
    cpu_s: float
    resident_bytes: int
    is_marked: bool


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    if IS_LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; to be called after a fork.

    Parameters
    ----------
    parent
        Process id of the parent, read before the fork: it may have ended since.
    """
    if IS_LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def descendants(root: int, marker: str, ranks: dict[int, int]) -> list[Process]:
    """Return what lives below `root`, without the trees of other attempts.

    Parameters
    ----------
    root
        Process id of the supervisor, which adopts orphans, so that nothing escapes it.
    marker
        Value of the environment variable that all processes of the attempt carry. A job may
        submit a job of its own: that one is not ours to measure or to end.
    ranks
        Members by process id.
    """
    found: list[Process] = []
    pending = [(pid, -1) for pid in _children(root)]
    while pending:
        pid, inherited = pending.pop()
        values = _stat(pid)
        if values is None:
            continue
        environ = _environ(pid)
        if pid not in ranks and environ.get(MARKER, marker) != marker:
            continue
        rank = ranks.get(pid, inherited)
        if rank < 0:
            rank = int(environ.get("JUPYTER_ML_MEMBER") or 0)
        cpu_s, resident_bytes = sum(values[:4]) / _TICKS, values[4] * _PAGE
        found.append(Process(pid, rank, cpu_s, resident_bytes, MARKER in environ))
        pending += [(child, rank) for child in _children(pid)]
    return found


def proportional_bytes(processes: list[Process]) -> int:
    """Return the memory of processes in bytes, with pages that they share counted once."""
    if len(processes) == 1:
        return processes[0].resident_bytes
    return sum(proportional(each.pid) or each.resident_bytes for each in processes)


def proportional(pid: int) -> int:
    """Return the memory of a process in bytes, of shared pages its part; 0 if it is not known."""
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file,
    ):
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def marked(marker: str) -> list[int]:
    """Return all processes of this machine that carry the marker of an attempt."""
    if not IS_LINUX:
        return []
    own = os.getpid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [
        pid for pid in pids if pid != own and _environ(pid).get(MARKER) == marker and _stat(pid)
    ]


def end_all(marker: str) -> int:
    """Kill every process that carries a marker, also new ones; return how many there were."""
    ended: set[int] = set()
    deadline = time.monotonic() + _PATIENCE_S
    while (pids := marked(marker)) and time.monotonic() < deadline:
        for pid in pids:
            kill(pid, signal.SIGKILL)
        ended.update(pids)
        time.sleep(0.01)
    return len(ended)


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _children(pid: int) -> list[int]:
    if not IS_LINUX:
        return []
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file,
            ):
                children += map(int, file.read().split())
    return children


def _stat(pid: int) -> tuple[int, int, int, int, int] | None:
    """Return user, system, children's user and system ticks, and resident pages."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            values = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    if not values or values[0] in "ZX":
        return None
    user, system, child_user, child_system = map(int, values[11:15])
    return user, system, child_user, child_system, int(values[21])


def _environ(pid: int) -> dict[str, str]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: value for name, _, value in pairs if name.startswith("JUPYTER_ML_")}
