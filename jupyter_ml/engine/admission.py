"""Which queued attempts may start now: first come, first served, by what the machine has.

Three rules, in this order:

*Jobs* reserve CPUs and memory. One that does not fit yet keeps what it needs reserved, so that
those behind it start only where that cannot delay it: nobody starves, and nothing idles that
nobody in front is waiting for. The first in the queue always starts when no other job runs,
however much memory services have reserved, so that a small machine runs an endpoint and a job.

*Services* run for days, so they neither wait for jobs nor take CPUs from them: CPUs are shared
softly, and the memory they reserve counts against other services and against later jobs.

*GPUs* are leased exclusively, to jobs and services alike.

Work without limits counts as a part of the machine: a job as a quarter of it (at least one CPU),
a service as an eighth of the memory, at most 1 GiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.engine.work import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.engine.machine import Machine

_MOST_OF_A_SERVICE_MB = 1024
# Machines have a little less memory than their name says: the kernel keeps some.
_TOLERANCE = 0.9


@dataclass(frozen=True)
class Demand:
    """What one attempt needs of the machine, all members together.

    `id` is the caller's name for it; `gpu_ids` are the GPUs that a running one holds.
    """

    id: int
    cpus: float | None
    memory_mb: int | None
    gpus: int
    is_service: bool
    gpu_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, identity: int, work: Work, gpu_ids: Sequence[int] = ()) -> Demand:
        """Return what this work needs."""
        return cls(
            identity,
            None if work.cpus is None else work.cpus * work.members,
            None if work.memory_mb is None else work.memory_mb * work.members,
            work.gpus * work.members,
            work.is_service,
            tuple(gpu_ids),
        )

    @classmethod
    def of_attempt(cls, attempt: Attempt) -> Demand:
        """Return what the work of an attempt needs, and the GPUs that it holds."""
        return cls.of(attempt.id, Work.from_json(attempt.work), attempt.gpu_ids)


@dataclass(frozen=True)
class Grant:
    """An attempt that may start, and the GPUs that are leased to it."""

    id: int
    gpu_ids: tuple[int, ...]


def admit(queued: Sequence[Demand], running: Sequence[Demand], machine: Machine) -> list[Grant]:
    """Return which attempts may start now.

    Parameters
    ----------
    queued
        Attempts that wait, the oldest first.
    running
        Attempts that were admitted and have not ended.
    machine
        What there is to share.
    """
    free = _Free(running, machine)
    return [grant for demand in queued if (grant := free.take(demand)) is not None]


def why_waits(attempt: Attempt, live: Sequence[Attempt], machine: Machine, host: str = "") -> str:
    """Return what a queued attempt waits for, with what it needs and what there is.

    Parameters
    ----------
    attempt
        One that waits.
    live
        All attempts that have not ended, in the order they were queued.
    machine
        What there is to share.
    host
        What this machine is called in attempts.
    """
    if attempt.host != host:
        return f"Waiting for the machine {attempt.host}, which is to run it"
    admitted = [one for one in live if one.state != QUEUED and one.host == host]
    free = _Free([Demand.of_attempt(one) for one in admitted], machine)
    return free.lacking(Demand.of_attempt(attempt)) or "Waiting for those before it in the queue"


def obstacles(work: Work, machine: Machine, *, oversize: bool = False) -> list[str]:
    """Return why the work can never run on this machine, with both numbers; empty if it can.

    With `oversize`, CPUs and memory may be larger than what is there; GPUs never.
    """
    demand = Demand.of(0, work)
    found = []
    size = f"{work.instance_type} x {work.members}" if work.members > 1 else work.instance_type
    if demand.gpus > len(machine.gpus):
        found.append(
            f"{size} needs {demand.gpus} GPUs, but this machine has {len(machine.gpus)}. "
            "Use an instance type with fewer."
        )
    if oversize:
        return found
    if demand.cpus is not None and demand.cpus > machine.cpus:
        found.append(
            f"{size} needs {demand.cpus:g} CPUs, but this machine has {machine.cpus}. "
            "Use a smaller instance type, ml.local, or allow oversize."
        )
    if demand.memory_mb is not None and demand.memory_mb * _TOLERANCE > machine.memory_mb:
        found.append(
            f"{size} needs {demand.memory_mb} MiB of memory, but this machine has "
            f"{machine.memory_mb} MiB. Use a smaller instance type, ml.local, or allow oversize."
        )
    return found


class _Free:
    """What is left of the machine while the queue is gone through."""

    def __init__(self, running: Sequence[Demand], machine: Machine) -> None:
        self._machine = machine
        self._cpus = float(machine.cpus)
        self._memory = machine.memory_mb
        self._service_memory = machine.memory_mb
        held = {gpu for demand in running for gpu in demand.gpu_ids}
        self._gpus = [gpu.index for gpu in machine.gpus if gpu.index not in held]
        self._jobs = 0
        self._waits = False
        for demand in running:
            self._reserve(demand)

    def take(self, demand: Demand) -> Grant | None:
        if demand.gpus > len(self._machine.gpus):
            return None
        fits = len(self._gpus) >= demand.gpus and (
            self._service_memory >= self._memory_of(demand)
            if demand.is_service
            else self._has_room(demand)
        )
        gpus = tuple(self._gpus[: demand.gpus])
        # Reserved also for one that must wait, so that nobody behind it takes what it needs.
        del self._gpus[: demand.gpus]
        if fits or not demand.is_service:
            self._reserve(demand)
        self._waits |= not fits and not demand.is_service
        return Grant(demand.id, gpus) if fits else None

    def lacking(self, demand: Demand) -> str | None:
        """Return what is too little for this demand now, `None` where it fits."""
        if len(self._gpus) < demand.gpus:
            there = len(self._machine.gpus)
            return f"Waiting for GPUs: needs {demand.gpus}, {len(self._gpus)} of {there} are free"
        if not demand.is_service and self._has_room(demand):
            return None
        free = self._service_memory if demand.is_service else self._memory
        if free < self._memory_of(demand):
            return (
                f"Waiting for memory: needs {self._memory_of(demand)} MiB, {max(0, free)} of "
                f"{self._machine.memory_mb} MiB are not reserved"
            )
        if not demand.is_service and self._cpus < self._cpus_of(demand):
            return (
                f"Waiting for CPUs: needs {self._cpus_of(demand):g}, {max(0.0, self._cpus):g} of "
                f"{self._machine.cpus} are not reserved"
            )
        return None

    def _has_room(self, demand: Demand) -> bool:
        if self._jobs == 0 and not self._waits:
            return True
        return self._cpus >= self._cpus_of(demand) and self._memory >= self._memory_of(demand)

    def _reserve(self, demand: Demand) -> None:
        memory = self._memory_of(demand)
        self._memory -= memory
        if demand.is_service:
            self._service_memory -= memory
        else:
            self._cpus -= self._cpus_of(demand)
            self._jobs += 1

    def _cpus_of(self, demand: Demand) -> float:
        most = self._machine.cpus
        return max(1.0, most // 4) if demand.cpus is None else min(demand.cpus, most)

    def _memory_of(self, demand: Demand) -> int:
        most = self._machine.memory_mb
        if demand.memory_mb is not None:
            return min(demand.memory_mb, most)
        return min(most // 8, _MOST_OF_A_SERVICE_MB) if demand.is_service else most // 4
