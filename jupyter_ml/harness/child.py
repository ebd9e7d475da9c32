"""The user's program as a child process: started, followed, told to stop, ended for good."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any, cast

from jupyter_ml.engine.warm import forked, standby

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jupyter_ml.harness.pump import Pump

_BLOCK = 1 << 16
_DRAIN_S = 2.0
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1


class Child:
    """A running program whose output goes through a pump.

    Parameters
    ----------
    command
        Absolute path of the executable, and its arguments.
    environment
        All of its environment.
    folder
        Where it starts.
    pump
        Takes what it prints.
    fork
        Whether it may be run in a fork of this process, which has imported much already.
    enter
        Called in the new process before it is the program.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        pump: Pump,
        *,
        fork: bool = True,
        enter: Callable[[], None] | None = None,
    ) -> None:
        start = _Forked if fork and forked.can_run(command) else _Started
        self._process = start(command, environment, folder, enter)
        self._pump = pump
        self._killer: threading.Timer | None = None
        self._kill_at = 0.0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def terminate(self, grace_s: float) -> None:
        """Ask the program to end, and kill it and what it started after `grace_s` seconds."""
        self._kill_at = time.monotonic() + grace_s
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGCONT)  # in case it is suspended
        self._killer = threading.Timer(grace_s, self._kill)
        self._killer.daemon = True
        self._killer.start()

    def wait(self) -> int:
        """Return the exit code, negative for a signal, once its output has been read."""
        code = self._process.wait()
        if self._killer is not None:
            self._killer.cancel()
            self._stop_rest()
        self._kill()  # what it started and left behind would hold the output open
        self._reader.join(_DRAIN_S)
        self._pump.finish()
        return code

    def _stop_rest(self) -> None:
        """Give what a shell script or the like started the rest of the grace, too."""
        alive = self._signal_group(signal.SIGTERM)
        while alive and time.monotonic() < self._kill_at:
            time.sleep(_POLL_S)
            alive = self._signal_group(0)

    def _kill(self) -> None:
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> bool:
        """Signal the program and what it started; return whether there is anything of it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _read(self) -> None:
        descriptor = self._process.output
        while True:
            try:
                chunk = os.read(descriptor, _BLOCK)
            except OSError:
                return
            if not chunk:
                return
            self._pump.feed(chunk)


class _Started:
    """A program in a process that was started for it."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        enter: Callable[[], None] | None,
    ) -> None:
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
            # it calls the kernel only, and takes no lock that another thread could hold
            preexec_fn=_prepare(enter),  # noqa: PLW1509
        )
        self.pid = self._process.pid
        self.output = cast("IO[bytes]", self._process.stdout).fileno()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait()


class _Forked:
    """A program in a fork of this process; see `jupyter_ml.engine.warm`."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        enter: Callable[[], None] | None,
    ) -> None:
        self._code: int | None = None
        self.output, writer = os.pipe()
        birth = standby.Birth(list(command), dict(environment), str(folder), standby.held())
        self.pid = standby.start(birth, writer, first=enter)
        os.close(writer)

    def send_signal(self, number: int) -> None:
        # While it is not waited for, its number is not given to another process.
        if self._code is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code


def _prepare(enter: Callable[[], None] | None) -> Callable[[], Any] | None:
    """Return what a child does first: enter, and from then on end when the harness is killed."""
    die_with_parent = _die_with_parent()
    if enter is None or die_with_parent is None:
        return enter or die_with_parent
    return lambda: (enter(), die_with_parent())


def _die_with_parent() -> Callable[[], Any] | None:
    """Return what makes a child end when the harness is killed; Linux only."""
    try:
        import ctypes  # noqa: PLC0415  (not built everywhere)

        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
