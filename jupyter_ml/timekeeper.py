"""The timekeeper: a process that sees to it that what is due later is done.

One runs while a timer is due in the future or work is under way that might be lost. It holds
no state and is elected by a lock; any surface starts it, and it leaves when nothing is left
to wait for.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from jupyter_ml.core.context import Context
from jupyter_ml.core.detach import detach
from jupyter_ml.core.failures import StoreUnavailable
from jupyter_ml.core.locks import try_lock
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


def next_due_at(runtime: Runtime) -> float | None:
    """Return when the workspace needs attention next, in epoch seconds; `None` for never."""
    with Context(runtime, PRINCIPAL).reading() as ctx:
        due = [Timers(ctx.connection).next_due_at()]
        if any(attempt.host == ctx.settings.machine for attempt in ctx.live_attempts()):
            due.append(ctx.now() + WATCH_S)
    return min((time for time in due if time is not None), default=None)


def keep_time(runtime: Runtime) -> None:
    """Tick whenever something is due, until nothing is; leave at once if another does it."""
    with try_lock(runtime.workspace.lock("timekeeper")) as elected:
        if not elected:
            return
        answered = time.monotonic()
        while time.monotonic() - answered < PATIENCE_S:
            try:
                due_at = next_due_at(runtime)
                answered = time.monotonic()
                if due_at is None:
                    return
                while (left := due_at - runtime.clock()) > 0:
                    time.sleep(min(left, LONGEST_SLEEP_S))
                tick(runtime)
            except StoreUnavailable as error:
                # A database that is away for a while still has what is due, and nobody else asks.
                log.warning("%s It will be tried again.", error)
                time.sleep(LONGEST_SLEEP_S)


def ensure_timekeeper(runtime: Runtime, command: list[str]) -> None:
    """Start a timekeeper if one is needed and none runs.

    Parameters
    ----------
    runtime
        The workspace.
    command
        How to start one; it outlives this process.
    """
    if not runtime.workspace.settings.timekeeper or next_due_at(runtime) is None:
        return
    with try_lock(runtime.workspace.lock("timekeeper")) as free:
        if not free:
            return
    # Without the marker of a job that may have started it, which would take it along at its end.
    env = {name: value for name, value in os.environ.items() if name != MARKER}
    detach(command, runtime.workspace.root / "background.log", env)
