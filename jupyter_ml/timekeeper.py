"""The timekeeper: a process that sees to it that what is due later is done.

One runs while a timer is due in the future, work is under way that might be lost, or the replica
of the store is behind. It holds no state and is elected by a lock; any surface starts it, and it
leaves when nothing is left to wait for and no process is kept warm: where the next job is to start
quickly, it need not start a timekeeper as well.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jupyter_ml.core.backup.replica import ReplicaError
from jupyter_ml.core.context import Context
from jupyter_ml.core.detach import detach
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.store.failures import StoreUnavailable
from jupyter_ml.core.timers import Timers
from jupyter_ml.engine.durable import read_json, write_json
from jupyter_ml.engine.environment import background
from jupyter_ml.engine.identity import identify, is_alive, pid_of
from jupyter_ml.tick import PRINCIPAL, tick

if TYPE_CHECKING:
    from jupyter_ml.core.runtime import Runtime

log = logging.getLogger(__name__)

# Work under way is looked after this often: a killed supervisor is noticed no later.
WATCH_S = 10.0
# The wall clock can jump, so it is compared this often instead of slept through.
LONGEST_SLEEP_S = 5.0
_COPYING_S = 1.0
# How late, at most, one that stays for the next job notices it.
_NOTICED_S = 1.0
_STARTED = "timekeeper-started"
# A database that is away longer may never come back; any surface starts another timekeeper.
PATIENCE_S = 3600.0
SETTLED_S = 5.0


class Outlook(NamedTuple):
    """What a workspace waits for.

    That is when its next timer is due and when its store is to be copied next, both in epoch
    seconds, and work here.
    """

    timer_at: float | None
    has_work: bool
    copy_at: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.timer_at is None and self.copy_at is None and not self.has_work


class Installed:
    """The program as it is installed; another one may come in its place while this one runs.

    Parameters
    ----------
    settled_s
        After so many seconds in which nothing changed, what came is whole.
    """

    _FILE = Path(__file__).with_name("__init__.py")

    def __init__(self, settled_s: float) -> None:
        self._running = self._last = self._seen()
        self._settled_s, self._since = settled_s, time.monotonic()

    @property
    def is_another(self) -> bool:
        """Whether another one than runs here is there, and whole."""
        seen, now = self._seen(), time.monotonic()
        if seen != self._last:
            self._last, self._since = seen, now
        return seen not in (self._running, None) and now - self._since >= self._settled_s

    def _seen(self) -> tuple[int, int, int] | None:
        try:
            found = self._FILE.stat()
        except OSError:  # it is being replaced
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def outlook(runtime: Runtime) -> Outlook:
    """Return what the workspace waits for now."""
    with Context(runtime, PRINCIPAL).reading() as ctx:
        live = ctx.live_attempts()
        here = any(attempt.host == ctx.settings.machine for attempt in live)
        timer_at = Timers(ctx.connection).next_due_at()
    replica = runtime.workspace.replica
    return Outlook(timer_at, here, None if replica is None else replica.due_at())


def refresh_replica(runtime: Runtime) -> bool:
    """Copy the store if that is due; return whether it was. What prevents it is only logged."""
    replica = runtime.workspace.replica
    try:
        return replica is not None and replica.refresh(runtime.workspace.lock("replica"))
    except ReplicaError as error:
        log.warning("%s", error)
        return False


def keep_time(runtime: Runtime, watch_s: float = WATCH_S, patience_s: float = PATIENCE_S) -> bool:
    """Tick whenever something is due, until nothing is; leave at once if another does it.

    Once another version of this program is installed in its place, that is left to it: what newer
    processes ask for is not all known here.

    Parameters
    ----------
    runtime
        The workspace.
    watch_s
        How often work under way is looked after, in seconds.
    patience_s
        How long a store that does not answer is asked again, in seconds.

    Returns
    -------
    bool
        Whether it leaves for another version, which is to be started.

    Raises
    ------
    StoreUnavailable
        The store has not answered for so long.
    """
    is_empty, lock = False, runtime.workspace.lock("timekeeper")
    while not is_empty:
        with try_lock(lock) as elected:
            if not elected:
                return False
            lock.write_text(str(os.getpid()))
            if _keep(runtime, watch_s, patience_s):
                return True
        # Whoever left something for later in the last moment found a timekeeper there.
        is_empty = outlook(runtime).is_empty
    return False


def _keep(runtime: Runtime, watch_s: float, patience_s: float) -> bool:
    looked = answered = time.monotonic()
    installed = Installed(min(SETTLED_S, watch_s))
    while True:
        if installed.is_another:
            return True
        try:
            found = outlook(runtime)
            answered = time.monotonic()
            if found.is_empty:
                if not runtime.engine.zygotes():
                    return False
                time.sleep(_NOTICED_S)
                continue
            if found.copy_at is not None and refresh_replica(runtime):
                continue
            # Asked anew after each pause: an earlier timer may have been set, or the clock.
            if (left := _left_s(runtime, found, looked + watch_s)) > 0:
                time.sleep(min(left, LONGEST_SLEEP_S, watch_s))
                continue
            tick(runtime)
            looked = time.monotonic()
        except StoreUnavailable as error:
            # A database that is away for a while still has what is due, and nobody else asks.
            if time.monotonic() - answered > patience_s:
                raise
            log.warning("%s It will be tried again.", error)
            time.sleep(LONGEST_SLEEP_S)


def _left_s(runtime: Runtime, found: Outlook, watch_at: float) -> float:
    """Return the seconds until something is to be done; `watch_at` is by the monotonic clock."""
    left = [] if found.timer_at is None else [found.timer_at - runtime.clock()]
    if found.has_work:
        left.append(watch_at - time.monotonic())
    if found.copy_at is not None:
        # One that is due and was not made is being made by another process.
        left.append(max(found.copy_at - time.time(), _COPYING_S))
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
    lock = runtime.workspace.lock("timekeeper")
    with try_lock(lock) as free:
        if not free or _is_coming(lock):
            return
    pid = detach(command, runtime.workspace.root / "background.log", background(os.environ))
    write_json(lock.with_name(_STARTED), {"identity": identify(pid)}, sync=False)


def _is_coming(lock: Path) -> bool:
    """Return whether one was started that lives and has not been elected yet."""
    who = (read_json(lock.with_name(_STARTED)) or {}).get("identity")
    return who is not None and is_alive(who) and lock.read_text() != str(pid_of(who))
