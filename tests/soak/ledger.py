"""What was asked and answered, outside the workspace: one line of JSON for each fact."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Fact = dict[str, Any]


class Ledger:
    """A file that all processes of a soak append to, whole lines at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._facts: list[Fact] = []

    def note(self, what: str, name: str, **more: Any) -> float:
        """Add a fact; return its time, of a clock that never jumps and that all share."""
        now = time.monotonic()
        line = json.dumps({"at": now, "what": what, "name": name, **more}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
        return now

    def facts(self, *what: str) -> list[Fact]:
        """Return all facts of these kinds so far, in the order they were written."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._position)
                for line in file:
                    self._facts.append(json.loads(line))
                    self._position += len(line)
        return [fact for fact in self._facts if not what or fact["what"] in what]

    def names(self, *what: str) -> set[str]:
        """Return the names that facts of these kinds are about."""
        return {fact["name"] for fact in self.facts(*what)}
