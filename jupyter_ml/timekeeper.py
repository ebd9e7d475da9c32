"""The timekeeper: a process that sees to it that what is due later is done.

One runs while a timer is due in the future or work is under way that might be lost. It holds
no state and is elected by a lock; any surface starts it, and it leaves when nothing is left
to wait for.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from jupyter_ml.core.context import Context
from jupyter_ml.core.detach import detach
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.store.failures import StoreUnavailable
from jupyter_ml.core.timers import Timers
from jupyter_ml.engine.environment import MARKER
from jupyter_ml.tick import PRINCIPAL, tick

if TYPE_CHECKING:
    from jupyter_ml.core.runtime import Runtime

log = logging.getLogger(__name__)

# Work under way is looked after this often: a killed supervisor is noticed no later.
WATCH_S = 10.0
# The wall clock can jump, so it is compared this often instead of slept through.
LONGEST_SLEEP_S = 5.0
# A database that is away longer may never come back; any surface starts another timekeeper.
PATIENCE_S = 3600.0


class Outlook(NamedTuple):
    """What a workspace waits for: when its next timer is due, in epoch seconds, and work here."""

    timer_at: float | None
    has_work: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.timer_at is None and not self.has_work


def outlook(runtime: Runtime) -> Outlook:
    """Return what the workspace waits for now."""
    with Context(runtime, PRINCIPAL).reading() as ctx:
        live = ctx.live_attempts()
        here = any(attempt.host == ctx.settings.machine for attempt in live)
        return Outlook(Timers(ctx.connection).next_due_at(), here)


def keep_time(runtime: Runtime, watch_s: float = WATCH_S) -> None:
    """Tick whenever something is due, until nothing is; leave at once if another does it.

    Parameters
    ----------
    runtime
        The workspace.
    watch_s
        How often work under way is looked after, in seconds.
    """
    is_empty = False
    while not is_empty:
        with try_lock(runtime.workspace.lock("timekeeper")) as elected:
            if not elected:
                return
            _keep(runtime, watch_s)
        # Whoever left something for later in the last moment found a timekeeper there.
        is_empty = outlook(runtime).is_empty


def _keep(runtime: Runtime, watch_s: float) -> None:
    looked = time.monotonic()
    while True:
        try:
            found = outlook(runtime)
            if found.is_empty:
                return
            # Asked anew after each pause: an earlier timer may have been set, or the clock.
            if (left := _left_s(runtime, found, looked + watch_s)) > 0:
                time.sleep(min(left, LONGEST_SLEEP_S, watch_s))
                continue
            tick(runtime)
            looked = time.monotonic()
        except StoreUnavailable as error:
            # A database that is away for a while still has what is due, and nobody else asks.
            log.warning("%s It will be tried again.", error)
            time.sleep(LONGEST_SLEEP_S)


def _left_s(runtime: Runtime, found: Outlook, watch_at: float) -> float:
    """Return the seconds until something is to be done; `watch_at` is by the monotonic clock."""
    left = [] if found.timer_at is None else [found.timer_at - runtime.clock()]
    if found.has_work:
        left.append(watch_at - time.monotonic())
    return min(left)


def ensure_timekeeper(runtime: Runtime, command: list[str]) -> None:
    """Start a timekeeper if one is needed and none runs.

    Parameters
    ----------
    runtime
        The workspace.
    command
        How to start one; it outlives this process.
    """
    if not runtime.workspace.settings.timekeeper or outlook(runtime).is_empty:
        return
    with try_lock(runtime.workspace.lock("timekeeper")) as free:
        if not free:
            return
    # Without the marker of a job that may have started it, which would take it along at its end.
    env = {name: value for name, value in os.environ.items() if name != MARKER}
    detach(command, runtime.workspace.root / "background.log", env)
