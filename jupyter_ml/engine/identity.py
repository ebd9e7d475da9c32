"""Who a process is: boot id, process id and start time, so that a reused number is not believed.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import os
import sys

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Return what changes with every boot of this machine."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid") or "unknown"


def start_time(pid: int) -> str | None:
    """Return when a process started, in the kernel's own unit; `None` if it is gone.

    A zombie counts as gone: in a container without an init process nobody may ever reap it.
    """
    if sys.platform != "linux":
        return _output("ps", "-o", "lstart=", "-p", str(pid)) or None
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name may hold spaces and parentheses; everything after the last one is numbers.
            values = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if not values or values[0] in "ZX" else values[19]


def identify(pid: int) -> str | None:
    """Return the identity of a living process as `boot:pid:start`, `None` if it is gone."""
    started = start_time(pid)
    return None if started is None else f"{boot_id()}:{pid}:{started}"


def pid_of(identity: str) -> int:
    """Return the process id in an identity."""
    return int(identity.split(":", 2)[1])


def is_alive(identity: str) -> bool:
    """Whether exactly this process still lives."""
    return identify(pid_of(identity)) == identity


def is_of_this_boot(identity: str) -> bool:
    """Whether the process was started since the machine was last booted."""
    return identity.split(":", 1)[0] == boot_id()


def send(identity: str, signals: tuple[int, ...]) -> bool:
    """Signal exactly this process; return whether it was there.

    On Linux a pidfd is held between the check and the signal, so that a process which got the
    number in between is never hit.
    """
    pid = pid_of(identity)
    try:
        if not hasattr(os, "pidfd_open"):
            if is_alive(identity):
                for number in signals:
                    os.kill(pid, number)
                return True
            return False
        return _send_by_pidfd(identity, pid, signals)
    except (ProcessLookupError, PermissionError):
        return False


def _send_by_pidfd(identity: str, pid: int, signals: tuple[int, ...]) -> bool:
    import signal  # noqa: PLC0415  (costs the shim's start a millisecond that only callers need)

    descriptor = os.pidfd_open(pid)
    try:
        if not is_alive(identity):
            return False
        for number in signals:
            signal.pidfd_send_signal(descriptor, number)
        return True
    finally:
        os.close(descriptor)


def _output(*command: str) -> str:
    import subprocess  # noqa: PLC0415  (never needed on Linux)

    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()
