"""One thread for all that a process has buffered, which ends when nothing is written any more."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol


class Buffered(Protocol):
    """Something that holds what is not yet on disk."""

    def flush_round(self) -> bool:
        """Write what is buffered; return whether to come again."""


class Flusher:
    """Calls `flush_round` of those it looks after, until each says that it need not come again.

    It keeps nobody alive. A forked child needs one of its own, as the thread stays behind.

    Parameters
    ----------
    period_s
        How often.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._lock = threading.Lock()
        self._awake: weakref.WeakSet[Buffered] = weakref.WeakSet()
        self._running = False

    def look_after(self, buffered: Buffered) -> None:
        """Come to `buffered` from now on; it may be called while its own lock is held."""
        with self._lock:
            self._awake.add(buffered)
            if not self._running:
                threading.Thread(target=self._run, daemon=True, name="metrics").start()
                self._running = True

    def _run(self) -> None:
        while True:
            time.sleep(self._period_s)
            with self._lock:
                if not self._awake:
                    self._running = False
                    return
                # who wakes again while it is visited is added again
                visited = list(self._awake)
                self._awake = weakref.WeakSet()
            again = [buffered for buffered in visited if buffered.flush_round()]
            with self._lock:
                for buffered in again:
                    self._awake.add(buffered)
            # kept until the next round, a writer that was dropped would be closed late
            visited = again = []
