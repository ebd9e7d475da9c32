"""Measures what the members of an attempt use, together with everything that they started.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from jupyter_ml.engine import identity, tree

if TYPE_CHECKING:
    import resource
    from collections.abc import Sequence

    from jupyter_ml.engine.member import Member

_MIB = 1 << 20


class Gauge:
    """What lives below this process, and what it used.

    Attributes
    ----------
    unmarked
        Identities of processes that cleaned their environment, as they were seen last: nothing
        else leads to them when this process is gone.
    """

    def __init__(self, marker: str, members: Sequence[Member]) -> None:
        self._marker = marker
        self._members = members
        self.unmarked: list[str] = []
        self._owners: dict[int, Member] = {}
        self._before = (time.monotonic(), 0.0)

    def processes(self, ranks: Sequence[int] | None = None) -> list[tree.Process]:
        """Return the living processes of some members, by default of all."""
        known = {member.pid: member.rank for member in self._members if member.pid is not None}
        found = tree.descendants(os.getpid(), self._marker, known)
        strays = (identity.identify(each.pid) for each in found if not each.is_marked)
        self.unmarked = sorted(filter(None, strays))
        if self._members:  # else what was found only waits to become one
            last = len(self._members) - 1
            self._owners = {each.pid: self._members[min(each.rank, last)] for each in found}
        return found if ranks is None else [each for each in found if each.rank in ranks]

    def reaped(self, pid: int, used: resource.struct_rusage) -> None:
        """Add what an ended process used to its member.

        A process that was never seen is left out: it may belong to another attempt, which a
        job of this one submitted.
        """
        owner = next((m for m in self._members if m.pid == pid), None) or self._owners.get(pid)
        if owner is not None:
            owner.cpu_s += used.ru_utime + used.ru_stime
            owner.peak_bytes = max(
                owner.peak_bytes, used.ru_maxrss * (1024 if tree.IS_LINUX else 1)
            )

    def memory(self, at_least: int = 0) -> dict[int, int]:
        """Return bytes by rank; members that cannot have reached `at_least` are left out.

        Pages that several processes share are counted once, which is slow to find out; so it
        is only done where the sum of the processes reaches `at_least`.
        """
        by_rank: dict[int, list[tree.Process]] = {}
        for process in self.processes():
            by_rank.setdefault(process.rank, []).append(process)
        result = {
            rank: tree.proportional_bytes(processes)
            for rank, processes in by_rank.items()
            if sum(process.resident_bytes for process in processes) >= at_least
        }
        for rank, size in result.items():
            member = self._members[rank]
            member.peak_bytes = max(member.peak_bytes, size)
        return result

    def sample(self) -> dict[str, float]:
        """Return what is used now; the CPU share is that since the last sample."""
        memory = sum(self.memory().values())
        total = sum(each.cpu_s for each in self.processes())
        total += sum(member.cpu_s for member in self._members)
        now = time.monotonic()
        (since, before), self._before = self._before, (now, total)
        share = 100 * max(0.0, total - before) / max(now - since, 1e-3)
        return {
            "time": round(time.time(), 3),
            "cpu_percent": round(share, 1),
            "memory_mb": round(memory / _MIB, 1),
            "peak_mb": round(max(member.peak_bytes for member in self._members) / _MIB, 1),
        }
