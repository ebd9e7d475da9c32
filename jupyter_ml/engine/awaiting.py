"""Waiting for the end of an attempt without asking the store, and the shim's knowing of it.

Whoever waits holds a shared lock on the file `awaited` of the attempt. It sees the verdict
within milliseconds and takes note of it. The shim, which would start another Python to do that,
leaves it to whoever waits; a mark in the file says that it was done, as death gives a lock back,
too.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

AWAITED = "awaited"
_SHORTEST_POLL_S = 0.0005
_LONGEST_POLL_S = 0.02
# Looking costs microseconds, and who has waited long does not miss a hundredth of that.
_PART_OF_WAIT = 0.01
_PATIENCE_S = 2.0


class Awaited:
    """The end of an attempt, being waited for; to be closed."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._verdict = os.path.join(directory, "verdict.json")
        self._since = time.monotonic()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(os.path.join(directory, AWAITED), flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def wait(self, seconds: float) -> bool:
        """Wait for the verdict, at most so long; return whether it is there."""
        until = time.monotonic() + seconds
        while not os.path.exists(self._verdict):
            now = time.monotonic()
            if now >= until:
                return False
            pause = (now - self._since) * _PART_OF_WAIT
            time.sleep(min(max(pause, _SHORTEST_POLL_S), _LONGEST_POLL_S, until - now))
        return True

    def taken_note_of(self) -> None:
        """Say that the verdict has been taken note of."""
        os.write(self._file, b".")

    def close(self) -> None:
        """Wait no more."""
        os.close(self._file)


def is_left_to_another(directory: str) -> bool:
    """Return whether somebody who waits has taken note of the verdict, or does within seconds."""
    try:
        file = os.open(os.path.join(directory, AWAITED), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    until = time.monotonic() + _PATIENCE_S
    try:
        while time.monotonic() < until:
            if os.fstat(file).st_size:
                return True
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Nobody waits any more; the mark may have come just before.
                return os.fstat(file).st_size > 0
            time.sleep(_SHORTEST_POLL_S)
        return False
    finally:
        os.close(file)
