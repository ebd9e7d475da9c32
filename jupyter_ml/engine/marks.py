"""When the log of a member was written: a file of marks beside it, each a position and a time.

A mark is written before the bytes that follow it, so that a line's time never changes once the
line is there. There is one after each pause of a fraction of a second, and fewer the longer a log
goes on: the file of a log that is written to for a month has about two megabytes.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple

FILE = "marks"
INTERVAL_S = 0.1
# Of a log that goes on for long, the interval is this part of the time since its beginning.
_PART = 1 / 10_000


class Mark(NamedTuple):
    """What was written from `offset` on was written at `time` (epoch seconds) or after it."""

    offset: int
    time: float


class MarkWriter:
    """Notes when the log of one member goes on; rather loses a mark than raise."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, FILE)
        self._first = self._last = 0.0

    def note(self, offset: int) -> None:
        """Mark that the log goes on here, unless the last mark is young enough."""
        now = time.time()
        due = self._last + max(INTERVAL_S, (self._last - self._first) * _PART)
        # Where the clock was set back, times stand still until it has caught up.
        if offset and now < due:
            return
        self._first, self._last = self._first or now, now
        with contextlib.suppress(OSError), open(self._path, "a", encoding="ascii") as file:
            file.write(f"{offset} {now:.3f}\n")


def read_marks(directory: str) -> list[Mark]:
    """Return the marks of a member's log, in order; none where it was written without them."""
    marks: list[Mark] = []
    with contextlib.suppress(OSError), open(os.path.join(directory, FILE), "rb") as file:
        for line in file:
            parts = line.split()
            # A full disk may have cut one off.
            if len(parts) == 2 and line.endswith(b"\n"):
                marks.append(Mark(int(parts[0]), float(parts[1])))
    return marks
