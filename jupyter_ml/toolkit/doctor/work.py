"""What is under way: whether somebody sees to it, and whether it is what the store says."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.core.attempts import Attempt, AttemptRef, Attempts
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.timers import Timers
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.toolkit.doctor.finding import LIMITED, OK, Finding

if TYPE_CHECKING:
    from jupyter_ml.toolkit.doctor.finding import Place

_LATE_S = 60.0
_UNKNOWN = "It is not known: the store cannot be read."


def timekeeper(place: Place) -> Finding:
    """Look at whether something is due, and whether somebody waits for it."""
    name = "timekeeper"
    if not place.has_store:
        return Finding(name, OK, "Nothing is waited for.")
    try:
        with place.reading() as connection:
            due_at = Timers(connection).next_due_at()
            live = len(_here(place, Attempts(connection).live()))
    except StoreError:
        return Finding(name, LIMITED, _UNKNOWN)
    if due_at is None and not live:
        return Finding(name, OK, "Nothing is waited for, so none runs.")
    return _watched(place, due_at, f"{live} piece{'s' * (live != 1)} of work under way")


def _watched(place: Place, due_at: float | None, waited: str) -> Finding:
    name = "timekeeper"
    if due_at is not None and time.time() - due_at > _LATE_S:
        why = f"A timer is {time.time() - due_at:,.0f} s late; {waited}."
        return Finding(name, LIMITED, why, "jupyter ml tick")
    if pids := _timekeepers(place):
        return Finding(name, OK, f"Process {pids[0]} looks after {waited}.")
    if not place.settings.timekeeper:
        why = f"None may run (JUPYTER_ML_TIMEKEEPER); {waited}."
        return Finding(name, LIMITED, why, "Run `jupyter ml tick` from time to time.")
    why = f"None runs, though there is something to wait for: {waited}."
    return Finding(name, LIMITED, why, "jupyter ml tick")


def attempts(place: Place) -> Finding:
    """Compare what the store says of work with the processes that there are."""
    name = "processes"
    if not place.has_store:
        return Finding(name, OK, "Nothing runs.")
    try:
        with place.reading() as connection:
            live = _here(place, Attempts(connection).live())
    except StoreError:
        return Finding(name, LIMITED, _UNKNOWN)
    engine = LocalEngine(place.root, host=place.settings.machine, locks=place.settings.locks)
    refs = {attempt.key: _ref(place, attempt) for attempt in live}
    seen = {key: engine.observe(ref).state for key, ref in refs.items()}
    strays = engine.reconcile(refs.values())
    problems = [f"{key} is {state}" for key, state in seen.items() if state in ("lost", "stalled")]
    problems += [f"{ref.key} runs, but nothing knows it" for ref in strays]
    if problems:
        advice = "jupyter ml tick takes note of what was lost; resume what is stalled, or stop it."
        return Finding(name, LIMITED, "; ".join(problems), advice)
    running = sum(state in ("starting", "running") for state in seen.values())
    queued = len(seen) - running
    return Finding(name, OK, f"{running} running, {queued} waiting, none lost and no strays.")


def _here(place: Place, live: list[Attempt]) -> list[Attempt]:
    return [attempt for attempt in live if attempt.host in ("", place.settings.machine)]


def _ref(place: Place, attempt: Attempt) -> AttemptRef:
    directory = place.root / "work" / attempt.kind / attempt.key / str(attempt.number)
    return AttemptRef(
        attempt.kind, attempt.key, attempt.number, attempt.token, directory, attempt.host
    )


def _timekeepers(place: Place) -> list[int]:
    """Return the timekeepers of this workspace."""
    found = []
    where = f'"workspace": "{place.root}"'.encode()
    for folder in Path("/proc").glob("[0-9]*"):
        # it has ended meanwhile, or is another user's
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"timekeeper" in words and any(where in word for word in words):
                found.append(int(folder.name))
    return sorted(pid for pid in found if pid != os.getpid())
