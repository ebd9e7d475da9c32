"""One member of an attempt: its process, its limits, its log and how it ended.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_ml.engine import tree
from jupyter_ml.engine.environment import MARKER, threads
from jupyter_ml.engine.logs import SEGMENT_BYTES, SEGMENTS, LogWriter
from jupyter_ml.engine.outcome import signal_name
from jupyter_ml.engine.warm import forked, standby
from jupyter_ml.engine.warm.standby import LISTENER, Birth, Held

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.engine.limits import ControlGroup
    from jupyter_ml.engine.view import View

_PIPE_BYTES = 1 << 20
_READ_BYTES = 1 << 18


class Limits(NamedTuple):
    """What holds one member: each field is `None` where there is no such limit."""

    group: ControlGroup | None
    data_bytes: int | None
    cpus: list[int] | None
    view: View | None = None

    @property
    def held(self) -> Held:
        """What the process itself has to know of it."""
        group = None if self.group is None else self.group.procs
        return Held(group, self.data_bytes, self.cpus)


class Member:
    """A process of the work, started by the supervisor and restarted if it is a service.

    Attributes
    ----------
    rank
        Number of the member, from 0.
    pid
        Its process, or `None` while none runs.
    status
        How the newest process ended, as `os.waitstatus_to_exitcode` says it; `None` before.
    start_error
        Why it could not be started.
    peak_bytes, cpu_s
        Highest memory seen, and CPU time of all processes that have ended.
    restart_at
        When a service is due to be started again, on the monotonic clock.
    quick_failures, was_stable
        How often in a row it ended soon after its start, and whether it ever stayed up.
    watchdog_bytes
        Memory that it was killed for by the supervisor; 0 if it was not.
    ignored_sigterm
        Whether it still ran at the end of the grace.
    """

    def __init__(self, spec: dict[str, Any], rank: int, limits: Limits) -> None:
        self.rank = rank
        self.limits = limits
        self.pid: int | None = None
        self.status: int | None = None
        self.start_error: str | None = None
        self.peak_bytes = 0
        self.cpu_s = 0.0
        self.started = 0.0
        self.restart_at: float | None = None
        self.quick_failures = 0
        self.was_stable = False
        self.watchdog_bytes = 0
        self.ignored_sigterm = False
        self.reader: int | None = None
        self._spec = spec
        self.directory = os.path.join(spec["directory"], "members", str(rank))
        log = spec.get("log", {})
        self.log = LogWriter(
            self.directory,
            log.get("segment_bytes", SEGMENT_BYTES),
            log.get("segments", SEGMENTS),
        )

    def start(self, listener: int | None) -> bool:
        """Start the process; return whether it could be."""
        os.makedirs(self.directory, exist_ok=True)
        argv = self._spec["work"]["argv"]
        environment = self._environment(listener)
        reader, writer = os.pipe()
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(reader, False)
        errors, error_writer = os.pipe()
        birth = Birth(argv, environment, self.directory, self.limits.held)
        # What was restarted finds everything as it is now, packages above all.
        is_first = self.status is None
        start = standby.start if is_first and forked.can_run(argv) else _execute
        pid = start(birth, writer, error_writer, self._entry(listener), listener)
        os.close(writer)
        os.close(error_writer)
        with open(errors, encoding="utf-8") as file:
            self.start_error = file.read() or None
        self.close_output()
        self.reader = reader
        self.pid, self.started, self.restart_at = pid, time.monotonic(), None
        return self.start_error is None

    def pump(self) -> bool:
        """Move one block of output into the log; return whether there may be more."""
        if self.reader is None:
            return False
        try:
            data = os.read(self.reader, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close_reader()
            return False
        self.log.write(data)
        return True

    def close_output(self) -> None:
        """Write what the ended process left in the pipe, and close it."""
        while self.pump():
            pass
        self._close_reader()

    def ended(self, status: int) -> None:
        """Take note that the process has ended."""
        self.pid = None
        self.status = os.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        """Send a signal to the process, and wake it if it was suspended."""
        if self.pid is not None:
            tree.kill(self.pid, number)
            tree.kill(self.pid, signal.SIGCONT)

    def result(self) -> dict[str, Any]:
        """Return how it ended, as `protocol.MemberResult` has it."""
        status = self.status
        return {
            "exit_code": status if status is not None and status >= 0 else None,
            "signal": signal_name(-status) if status is not None and status < 0 else None,
            "peak_memory_mb": round(self.peak_bytes / (1 << 20), 1) if self.peak_bytes else None,
            "cpu_s": round(self.cpu_s, 3) if status is not None else None,
        }

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel killed for want of memory."""
        return self.limits.group.oom_kills() if self.limits.group else 0

    def _close_reader(self) -> None:
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None

    def _environment(self, listener: int | None) -> dict[str, str]:
        spec, work = self._spec, self._spec["work"]
        # The supervisor was given what may be inherited, and nothing else.
        environment = dict(os.environ)
        if work["cpus"] is not None:
            environment.update(threads(len(self.limits.cpus or ()) or work["cpus"]))
        if spec["has_gpus"]:
            share = spec["gpu_ids"][self.rank * work["gpus"] :][: work["gpus"]]
            environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, share))
        environment.update(work["env"])
        if listener is not None:
            environment[LISTENER] = str(listener)
        if self.limits.view is not None and work["hands_on"]:
            environment.update(self.limits.view.to_environment())
        return environment | {
            MARKER: spec["token"],
            "JUPYTER_ML_ATTEMPT_DIR": spec["directory"],
            "JUPYTER_ML_MEMBER": str(self.rank),
            "JUPYTER_ML_MEMBERS": str(work["members"]),
            "JUPYTER_ML_MACHINE": spec["machine"],
        }

    def _entry(self, listener: int | None) -> Callable[[], None] | None:
        """Return what the process does first to see what it is to see of the machine."""
        view = self.limits.view
        if view is None or self._spec["work"]["hands_on"]:
            return None
        return lambda: view.enter(self.directory, listens=listener is not None)


def _execute(
    birth: Birth,
    output: int,
    errors: int,
    first: Callable[[], None] | None,
    listener: int | None,
) -> int:
    """Start a program in a process of its own; see `standby.start`."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        tree.die_with_parent(parent)
        _restore_signals()
        standby.enter(birth, output)
        if first is not None:
            first()
        if listener is not None:
            os.set_inheritable(listener, True)  # noqa: FBT003  (the function's own order)
        os.execve(birth.argv[0], birth.argv, birth.environment)  # noqa: S606
    except BaseException as error:  # noqa: BLE001  (told to the parent; then this process ends)
        os.write(errors, f"{type(error).__name__}: {error}".encode())
    os._exit(127)


def _restore_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
