"""What an attempt uses, second by second, in a file that stays small.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

USAGE = "usage.jsonl"
MOST_SAMPLES = 3600
_TAIL_BYTES = 512


class UsageLog:
    """Appends samples to `usage.jsonl`; when it is full, every second one is kept.

    Attributes
    ----------
    period_s
        Seconds between two samples; it doubles whenever the file was full.
    """

    def __init__(self, directory: str, most: int = MOST_SAMPLES) -> None:
        self.period_s = 1.0
        self._path = os.path.join(directory, USAGE)
        self._most = most
        self._count = 0

    def add(self, sample: dict[str, float]) -> None:
        """Append one sample; on a full disk it is left out."""
        with contextlib.suppress(OSError):
            with open(self._path, "a", encoding="ascii") as file:
                file.write(json.dumps(sample) + "\n")
            self._count += 1
            if self._count >= self._most:
                self._thin_out()

    def _thin_out(self) -> None:
        with open(self._path, encoding="ascii") as file:
            kept = file.readlines()[1::2]
        draft = f"{self._path}.tmp"
        with open(draft, "w", encoding="ascii") as file:
            file.writelines(kept)
        os.replace(draft, self._path)
        self._count = len(kept)
        self.period_s *= 2


def read_usage(directory: str, since: float = 0) -> list[dict[str, Any]]:
    """Return the samples newer than `since` (epoch seconds), oldest first."""
    try:
        with open(os.path.join(directory, USAGE), encoding="ascii") as file:
            samples = [_parse(line) for line in file]
    except FileNotFoundError:
        return []
    return [sample for sample in samples if sample and sample["time"] > since]


def newest_usage(directory: str) -> dict[str, Any] | None:
    """Return the last sample without reading the file."""
    try:
        with open(os.path.join(directory, USAGE), "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode("ascii", "replace").splitlines()
    except FileNotFoundError:
        return None
    return next(filter(None, map(_parse, reversed(lines))), None)


def _parse(line: str) -> dict[str, Any] | None:
    # The last line may be half written, or cut off where the disk was full.
    with contextlib.suppress(ValueError):
        values = json.loads(line)
        if isinstance(values, dict) and "time" in values:
            return values
    return None
