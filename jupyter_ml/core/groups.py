"""Control groups: which this process is in, and how what it starts leaves that of an attempt.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import os

PREFIX = "jupyter_ml-"
"""What the names of attempts' groups begin with."""


def own() -> list[tuple[str, str, bool]]:
    """Return the groups with memory limits that this process is in.

    Returns
    -------
    list of tuple
        Directory, where its file system is mounted, and whether that is of version 2.
    """
    found: list[tuple[str, str, bool]] = []
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as file:
        paths = _paths()
        for line in file:
            before, _, after = line.partition(" - ")
            root, point = before.split()[3:5]
            kind, _, options = after.split()[:3]
            controllers = options.split(",")
            if kind == "cgroup2" and "" in paths:
                found.append((_below(root, point, paths[""]), point, True))
            elif kind == "cgroup" and "memory" in controllers and "memory" in paths:
                found.append((_below(root, point, paths["memory"]), point, False))
    return found


def way_out() -> str:
    """Return the file by which a process leaves an attempt's group; "" where this is in none.

    What an attempt starts for others, such as a tick, would otherwise end with it and use up its
    memory.
    """
    for directory, _, _ in own():
        around, is_ours, _ = directory.partition(f"/{PREFIX}")
        if is_ours:
            return os.path.join(around, "cgroup.procs")
    return ""


def _paths() -> dict[str, str]:
    groups: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _below(root: str, point: str, path: str) -> str:
    relative = os.path.relpath(path, root) if root != "/" else path.lstrip("/")
    return os.path.normpath(os.path.join(point, "" if relative.startswith("..") else relative))
