"""What tests of jupyter_ml and of programs built on it need: real things, made small.

`fresh_settings` names a workspace that nobody else uses; `ManualClock` is a clock that goes
when it is told; `IdleEngine` is an engine that runs nothing and ends what it is told to end;
`eventually` waits for a condition.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_ml.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


def fresh_settings(root: Path, **settings: Any) -> Settings:
    """Return settings of a workspace under `root`, without a background timekeeper."""
    values = {"timekeeper": False, "user": "tester", "free_floor_mb": 0, **settings}
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
