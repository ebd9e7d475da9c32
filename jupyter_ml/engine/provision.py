"""What an attempt is given before it starts: limits, CPUs, and a socket to listen on.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import socket
from typing import Any

from jupyter_ml.core.groups import PREFIX
from jupyter_ml.engine import limits, tree
from jupyter_ml.engine.member import Limits
from jupyter_ml.engine.view import View

_BACKLOG = 1024
_MIB = 1 << 20


class Provision:
    """The limits of all members, held as strongly as this machine allows.

    Attributes
    ----------
    limits
        One per member, by rank.
    enforced
        How they are held; see `protocol.Verdict`.

    Raises
    ------
    StepError
        The work is to be isolated, or to find folders at places of its choice, and the system
        does not allow that.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._work = spec["work"]
        self._spec = spec
        self.enforced = {"memory": "none", "cpu": "none"}
        count = self._work["members"]
        view = None
        if self._work["isolated"] or self._work["mounts"]:
            view = View.make(spec)
        if self._work["isolated"]:
            self.enforced["network"] = "network namespace"
        groups, data_bytes = self._memory(count)
        cpus = self._cpus(count)
        self.limits = [Limits(groups[rank], data_bytes, cpus[rank], view) for rank in range(count)]

    @property
    def groups(self) -> list[str]:
        """Directories of the control groups, for whoever must clean up after a crash."""
        return [each.group.path for each in self.limits if each.group is not None]

    def release(self) -> None:
        """Remove the control groups; CPUs and namespaces are given back when this process ends."""
        for each in self.limits:
            if each.group is not None:
                each.group.remove()

    def _memory(self, count: int) -> tuple[list[limits.ControlGroup | None], int | None]:
        none: list[limits.ControlGroup | None] = [None] * count
        if self._work["memory_mb"] is None:
            return none, None
        limit = self._work["memory_mb"] * _MIB
        groups = [limits.ControlGroup.create(name, limit) for name in _group_names(self._spec)]
        if groups and all(groups):
            self.enforced["memory"] = "cgroup"
            return groups, None
        if not tree.IS_LINUX:
            self.enforced["memory"] = "advisory"
            return none, None
        if self._spec["gpu_ids"]:
            # CUDA reserves far more address space than it uses.
            self.enforced["memory"] = "watchdog"
            return none, None
        self.enforced["memory"] = "rlimit"
        return none, limit

    def _cpus(self, count: int) -> list[list[int] | None]:
        wanted, allowed = self._work["cpus"], self._spec["cpus"]
        if wanted is None:
            return [None] * count
        if not hasattr(os, "sched_setaffinity"):
            self.enforced["cpu"] = "advisory"
            return [None] * count
        self.enforced["cpu"] = "affinity"
        each = min(max(1, math.ceil(wanted)), len(allowed))
        # Held open until this process ends: the lease ends with it.
        self._lease = limits.lease_cpus(
            self._spec["cpu_locks"],
            min(each * count, len(allowed)),
            allowed,
            exclusive=self._work["restart"] == "never",
        )
        ring = self._lease.cpus * (count + 1)
        return [ring[rank * each % len(self._lease.cpus) :][:each] for rank in range(count)]


def possible_groups(spec: dict[str, Any]) -> list[str]:
    """Return all directories of control groups that a `Provision` of this work may make."""
    return [each.path for n in _group_names(spec) for each in limits.ControlGroup.possible(n)]


def _group_names(spec: dict[str, Any]) -> list[str]:
    work = spec["work"]
    if work["memory_mb"] is None or not spec["control_groups"]:
        return []
    return [f"{PREFIX}{spec['token'][:16]}-{rank}" for rank in range(work["members"])]


def claim_machine(cpus: list[int]) -> None:
    """Undo what a job that submitted this attempt was itself held to."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, cpus)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine only.

    Raises
    ------
    OSError
        The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(_BACKLOG)
    return listener
