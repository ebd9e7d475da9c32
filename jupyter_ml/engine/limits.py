"""How limits are held: by a control group where one can be had, else by rlimit and watchdog.

What works is found by doing it. Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from jupyter_ml.core import groups

if TYPE_CHECKING:
    from collections.abc import Sequence

IS_LINUX = sys.platform == "linux"
_PATIENCE_S = 2.0


class ControlGroup:
    """A memory control group of one member.

    Attributes
    ----------
    path
        Its directory.
    """

    def __init__(self, path: str, *, unified: bool) -> None:
        self.path = path
        self._unified = unified

    @classmethod
    def create(cls, name: str, limit_bytes: int) -> ControlGroup | None:
        """Return a group with this limit that processes can enter; `None` if there is none."""
        for group in cls.possible(name):
            if group.set_up(limit_bytes):
                return group
            group.remove()
        return None

    @classmethod
    def possible(cls, name: str) -> list[ControlGroup]:
        """Return the groups that `create` tries to make, in this order."""
        return [
            cls(os.path.join(directory, name), unified=unified) for directory, unified in _places()
        ]

    @property
    def procs(self) -> str:
        """Path of the file that a process enters the group by writing `0` to."""
        return os.path.join(self.path, "cgroup.procs")

    def oom_kills(self) -> int:
        """Return how many processes the kernel killed because the limit was reached."""
        name = "memory.events" if self._unified else "memory.oom_control"
        with contextlib.suppress(OSError):
            for line in self._read(name).splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> None:
        """Kill what is still inside, and remove the group."""
        remove_group(self.path)

    def set_up(self, limit_bytes: int) -> bool:
        """Make it with this limit; return whether processes can enter it."""
        limit, swap = (
            ("memory.max", "memory.swap.max")
            if self._unified
            else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        )
        try:
            os.makedirs(self.path, exist_ok=True)
            self._write(limit, limit_bytes)
        except OSError:
            return False
        # Absent where the kernel does not account swap.
        with contextlib.suppress(OSError):
            self._write(swap, 0 if self._unified else limit_bytes)
        return self._can_be_entered()

    def _can_be_entered(self) -> bool:
        # By a process of its own: entering may be refused though writing the limit was not.
        # A shell, because the caller may have threads, which a fork would not survive.
        with contextlib.suppress(OSError):
            script = 'echo $$ > "$0"'
            pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", script, self.procs],
                dict(os.environ),
                file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
            )
            return os.waitpid(pid, 0)[1] == 0
        return False

    def _write(self, name: str, value: int) -> None:
        # Without O_CREAT: on a plain directory this must fail.
        descriptor = os.open(os.path.join(self.path, name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> str:
        with open(os.path.join(self.path, name), encoding="ascii") as file:
            return file.read()


def remove_group(path: str) -> None:
    """Kill what is in a control group, also of an attempt that was lost, and remove it."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            open(os.path.join(path, "cgroup.procs"), encoding="ascii") as file,
        ):
            for line in file:
                os.kill(int(line), signal.SIGKILL)
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                return
            time.sleep(0.005)
        else:
            return


def can_use_groups() -> bool:
    """Whether a memory control group can be had here, found by making one."""
    group = ControlGroup.create(f"jupyter_ml-probe-{os.getpid()}", 1 << 30)
    if group is not None:
        group.remove()
    return group is not None


class CpuLease(NamedTuple):
    """CPUs for one attempt, and the open files whose locks keep others off them."""

    cpus: list[int]
    descriptors: list[int]


def lease_cpus(folder: str, count: int, allowed: Sequence[int], *, exclusive: bool) -> CpuLease:
    """Return `count` CPUs, free ones first; shared ones where not enough are free.

    Parameters
    ----------
    folder
        Directory of the lock files; a lease ends with the process that holds it.
    count
        How many CPUs are wanted.
    allowed
        Numbers of the CPUs of this machine.
    exclusive
        Whether others shall keep off; services only look for quiet CPUs.
    """
    descriptors: list[int] = []
    free: list[int] = []
    with contextlib.suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for cpu in allowed:
            if len(free) == count:
                break
            descriptor = os.open(
                os.path.join(folder, str(cpu)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            free.append(cpu)
            descriptors.append(descriptor)
    if not exclusive:
        while descriptors:
            os.close(descriptors.pop())
    busy = [cpu for cpu in reversed(allowed) if cpu not in free]
    return CpuLease(free + busy[: count - len(free)], descriptors)


def _places() -> list[tuple[str, bool]]:
    """Return directories in which a group may be made, the most likely first."""
    places: list[tuple[str, bool]] = []
    for path, point, unified in groups.own() if IS_LINUX else ():
        # In version 2 a group that holds processes cannot have limited children: go up to one
        # that does not, as far as it is ours.
        above = [os.path.dirname(path)] if unified else []
        places += [(p, unified) for p in (*above, path) if p.startswith(point)]
    return places
