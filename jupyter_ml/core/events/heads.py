"""Heads of the event log that are noted beside the store, to find that its end was cut off.

One line for each: number, hash and time of the newest event, in `audit-heads` of the workspace.
Whoever may change the store may change this file, too; heads that lie elsewhere tell more.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_ml.core.events.chain import Head, head

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.workspace import Workspace

_log = logging.getLogger(__name__)
EVERY_S = 600.0
_LINE_BYTES = 256
_LINE = re.compile(r"([1-9]\d{0,15}):([0-9a-f]{64})(?: .*)?")


class Heads:
    """The noted heads of one workspace.

    Parameters
    ----------
    path
        The file; made, for this user only, with the first head.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, workspace: Workspace) -> Heads:
        """Return those of a workspace."""
        return cls(workspace.root / "audit-heads")

    def is_due(self, now: float) -> bool:
        """Return whether the newest is older than ten minutes; `now` in epoch seconds."""
        with contextlib.suppress(OSError):
            return abs(now - self.path.stat().st_mtime) >= EVERY_S
        return True

    def note(self, newest: Head, time: str) -> None:
        """Add a head, unless it is the newest already.

        Parameters
        ----------
        newest
            The newest event.
        time
            When that was, for people.
        """
        if self.newest() == newest:
            os.utime(self.path)
            return
        line = f"{newest.seq}:{newest.hash} {time}\n"
        # One write to the end of the file, so that many may note at once.
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def newest(self) -> Head | None:
        """Return the head that was noted last, if any."""
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - _LINE_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
            return parse_head(lines[-1]) if lines else None
        return None

    def all(self) -> list[Head]:
        """Return what was noted, oldest first; a line that is none is passed over."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [one for line in lines if (one := parse_head(line)) is not None]


def note_head(runtime: Runtime) -> None:
    """Note the newest event of a workspace, at most every ten minutes."""
    heads, now = Heads.of(runtime.workspace), runtime.clock()
    if not heads.is_due(now):
        return
    with runtime.workspace.store.read() as connection:
        newest = head(connection)
    if newest is not None:
        try:
            heads.note(newest, datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"))
        except OSError as error:
            _log.warning("The head of the event log could not be noted: %s", error)


def parse_head(line: str) -> Head | None:
    """Return the head that a line such as ``12:5f3a... 2026-11-25T10:00:00Z`` names, if any."""
    found = _LINE.fullmatch(line.strip())
    return None if found is None else Head(int(found[1]), found[2])
