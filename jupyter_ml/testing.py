"""What tests of jupyter_ml and of programs built on it need: real things, made small.

`fresh_settings` names a workspace that nobody else uses; `ManualClock` is a clock that goes
when it is told; `ScriptedEngine` is an engine whose work goes as a test says; `eventually`
waits for a condition.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_ml.core.settings import Settings
from jupyter_ml.engine.machine import Machine
from jupyter_ml.engine.protocol import (
    Capabilities,
    LogChunk,
    Observation,
    Outcome,
    Sample,
    State,
    Verdict,
    ZygoteState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jupyter_ml.core.attempts import AttemptRef
    from jupyter_ml.engine.marks import Mark
    from jupyter_ml.engine.work import Work

T = TypeVar("T")


def fresh_settings(root: Path, **settings: Any) -> Settings:
    """Return settings of a workspace under `root`, without a timekeeper and zygotes."""
    values = {
        "timekeeper": False,
        "user": "tester",
        "free_floor_mb": 0,
        "warm_memory_mb": 0,
        **settings,
    }
    return Settings(workspace=root / "workspace", **values)


def eventually(condition: Callable[[], T], timeout_s: float = 20, poll_s: float = 0.02) -> T:
    """Return what `condition` returns as soon as that is true.

    Raises
    ------
    AssertionError
        It was never true within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            msg = f"not true within {timeout_s} s; last: {result!r}"
            raise AssertionError(msg)
        time.sleep(poll_s)


@dataclass
class ManualClock:
    """A clock that stands still until it is moved; in epoch seconds."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on, or back with a negative number."""
        self.now += seconds


@dataclass
class ScriptedEngine:
    """An engine that runs nothing: work goes through the states that a test says.

    Attributes
    ----------
    submitted
        Key of each submission, in order; a second one of the same attempt is one more entry.
    refused
        Keys whose submission fails, as with a full disk.
    warm
        What it says to keep warm.
    """

    machine: Machine = field(default_factory=lambda: Machine(2, (0, 1), 8192))
    submitted: list[tuple[str, int]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    swept: list[str] = field(default_factory=list)
    warm: list[ZygoteState] = field(default_factory=list)
    _seen: dict[tuple[str, int], Observation] = field(default_factory=dict)

    def capabilities(self) -> Capabilities:
        """Return that nothing is enforced, as nothing runs."""
        return Capabilities("none", "none", survives_server_stop=False, survival="Nothing runs.")

    def validate(self, work: Work) -> list[str]:
        """Return that it can run anything."""
        del work
        return []

    def describe(self, work: Work) -> dict[str, Any]:
        """Return the work as JSON; it inherits nothing."""
        return work.to_json()

    def submit(
        self, ref: AttemptRef, work: Work, gpu_ids: Sequence[int] = (), tick: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Note the submission; the attempt runs from now on."""
        del work, gpu_ids, tick
        if ref.key in self.refused:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.submitted.append((ref.key, ref.number))
        self._seen.setdefault((ref.key, ref.number), Observation("running"))
        return {}

    def observe(self, ref: AttemptRef) -> Observation:
        """Return what the test said last."""
        return self._seen.get((ref.key, ref.number), Observation("absent"))

    def stop(self, ref: AttemptRef, reason: str = "Stopped", grace_s: float | None = None) -> None:
        """End the attempt at once."""
        del grace_s
        self.stopped.append(ref.key)
        self.end(ref.key, ref.number, "Stopped", reason)

    def logs(
        self, ref: AttemptRef, member: int = 0, offset: int = 0, limit: int = 262_144
    ) -> LogChunk:
        """Return an empty log: nothing runs, so nothing is written."""
        del ref, member, offset, limit
        return LogChunk(b"", 0, 0, first_line=1, end=0, dropped_bytes=0)

    def marks(self, ref: AttemptRef, member: int = 0) -> list[Mark]:
        """Return no marks of an empty log."""
        del ref, member
        return []

    def usage(self, ref: AttemptRef, since: float = 0) -> list[Sample]:
        """Return no samples."""
        del ref, since
        return []

    def sweep(self, ref: AttemptRef) -> int:
        """Note it; there is nothing to end."""
        self.swept.append(ref.key)
        return 0

    def zygotes(self) -> list[ZygoteState]:
        """Return what the test says."""
        return self.warm

    def end(
        self,
        key: str,
        number: int,
        state: Outcome,
        reason: str | None = None,
        ran_s: float | None = None,
    ) -> None:
        """Have an attempt end that began and ended two seconds apart, by the clock of the day."""
        verdict = Verdict("", state, reason, "", (), started_at=1.0, ended_at=3.0, ran_s=ran_s)
        self._seen[key, number] = Observation("ended", verdict=verdict)

    def lose(self, key: str, number: int) -> None:
        """Have an attempt's supervisor vanish."""
        self._seen[key, number] = Observation("lost", lost_reason="SupervisorLost")

    def hide(self, key: str, number: int, *, runs: bool) -> None:
        """Have an attempt's folder become unreadable, while it runs or after it ended."""
        trouble = "its folder cannot be read (permission denied)"
        lost: Any = {} if runs else {"lost_reason": "FolderUnreadable"}
        state: State = "stalled" if runs else "lost"
        self._seen[key, number] = Observation(state, trouble=trouble, **lost)
