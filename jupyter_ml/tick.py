"""The one place where wishes become work.

`tick` collects what has ended, stops what shall stop, admits what fits, runs reactors and
fires timers, until nothing is left to do. Everything it knows is in the store and in the
folders of the attempts, and every step can be repeated: it is safe to run anywhere, any
time, many at once, and to be killed between any two steps.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract.errors import ServiceError
from jupyter_ml.core.attempts import ENDED, QUEUED, RUNNING, STARTING, Attempt, Attempts
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.events import Event, EventLog
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.tables import cursors
from jupyter_ml.core.timers import Timers
from jupyter_ml.engine.admission import Demand, admit
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.ends import is_retried, resource_seconds, verdict_of
from jupyter_ml.engine.spec import unknown_wishes
from jupyter_ml.engine.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.operations import Reactor
    from jupyter_ml.core.rows import Row
    from jupyter_ml.engine.protocol import Observation

Json = dict[str, Any]
log = logging.getLogger(__name__)

PRINCIPAL = Principal("jupyter_ml", "tick")
# A reactor that fails this often on one event is a bug; the others' events must not wait for it.
MOST_FAILURES = 10
# A timer that fails is tried again after this long: at once it would fail again.
RETRY_TIMER_S = 60.0
# A folder that cannot be read may be on a disk that is away for a moment.
FOLDER_PATIENCE_S = 60.0
LINGER_POLL_S = 0.01


def tick(
    runtime: Runtime, at_step: Callable[[str], None] = lambda _: None, linger_s: float = 0
) -> None:
    """Make the workspace what it is wished to be, as far as that is possible now.

    Returns at once when another process is at it; that one then makes another pass.

    Parameters
    ----------
    runtime
        The workspace and its engine.
    at_step
        Called with the name of each step that is about to be taken; for tests.
    linger_s
        While work is queued, wait this long for another wish, such as that of a supervisor
        that has ended: importing this program anew for each of many would cost more.
    """
    lock = runtime.workspace.lock("tick")
    wanted = runtime.workspace.lock("tick-wanted")
    with wanted.open("ab") as file:
        file.write(b".")
    seen = -1
    # A caller that finds the lock taken has appended before it looked: the holder, who
    # compares after letting go, makes the pass that the caller wanted.
    while wanted.stat().st_size != seen:
        with try_lock(lock) as held:
            if not held:
                return
            work_left = True
            while work_left or wanted.stat().st_size != seen:
                seen = wanted.stat().st_size
                current = Pass(runtime, at_step)
                work_left = current.run()
                if not work_left and current.has_queue:
                    _await_wish(wanted, seen, linger_s)


def _await_wish(wanted: Path, seen: int, linger_s: float) -> None:
    deadline = time.monotonic() + linger_s
    while wanted.stat().st_size == seen and time.monotonic() < deadline:
        time.sleep(LINGER_POLL_S)


class Pass:
    """One pass over everything; the caller holds the lock."""

    def __init__(self, runtime: Runtime, at_step: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._engine: Any = runtime.engine
        self._ctx = Context(runtime, PRINCIPAL)
        self._at = at_step
        self._changed = False
        self.has_queue = False

    def run(self) -> bool:
        """Do all steps once; return whether anything was changed."""
        live = self._live()
        for attempt in self._ours(live):
            if attempt.state != QUEUED:
                self._guarded(self._collect, attempt)
        # Read again where something changed; what others changed they wished for another pass.
        live = self._live() if self._changed else live
        unwanted = [attempt for attempt in live if attempt.wanted != "run"]
        for attempt in unwanted:
            self._guarded(self._stop, attempt)
        self._admit(self._live() if unwanted else live)
        for reactor, failures, events in self._unseen():
            self._react(reactor, failures, events)
        self._fire()
        return self._changed

    def _guarded(self, step: Callable[[Attempt], None], attempt: Attempt) -> None:
        """Take a step for one attempt; whatever goes wrong must cost no other one."""
        try:
            step(attempt)
        except StoreError:
            raise
        except Exception:
            log.exception("%s attempt %d is left as it is", attempt.key, attempt.number)

    def _here(self, live: list[Attempt]) -> list[Attempt]:
        """Return the attempts of this machine: of others' processes nothing is seen here."""
        host = self._ctx.settings.machine
        return [attempt for attempt in live if attempt.host == host]

    def _ours(self, live: list[Attempt]) -> list[Attempt]:
        """Return those of this machine that this version knows how to run and to end.

        What a newer one submitted, asking for more, is left to the next tick of a newer process.
        """
        return [attempt for attempt in self._here(live) if not unknown_wishes(attempt.work)]

    def _live(self) -> list[Attempt]:
        with self._ctx.reading() as ctx:
            return ctx.live_attempts()

    def _collect(self, attempt: Attempt) -> None:
        observation: Observation = self._ctx.observe(attempt)
        if self._is_out_of_reach(attempt, observation):
            return
        if observation.state in ("ended", "lost"):
            self._end(attempt, observation)
        elif observation.state == "absent" and self._had_begun(attempt):
            self._end(attempt, replace(observation, state="lost", lost_reason="FolderDeleted"))
        elif observation.state == "absent":
            self._submit(attempt)
        else:
            self._note_progress(attempt, observation)

    def _is_out_of_reach(self, attempt: Attempt, observation: Observation) -> bool:
        """Return whether an attempt is left alone as its folder cannot be read now.

        Once nothing of it runs any more, the folder has a minute to come back.
        """
        handle = attempt.handle or {}
        since = handle.get("unreadable_since")
        if observation.trouble is None:
            if since is not None:
                self._note_unreadable(attempt, None)
            return False
        if observation.state != "lost":
            log.warning("%s runs, and %s", attempt.key, observation.trouble)
            return True
        if since is None:
            log.warning("%s does not run any more, and %s", attempt.key, observation.trouble)
            self._note_unreadable(attempt, self._ctx.now())
            return True
        return bool(0 <= self._ctx.now() - since < FOLDER_PATIENCE_S)

    def _note_unreadable(self, attempt: Attempt, since: float | None) -> None:
        handle = {**(attempt.handle or {}), "unreadable_since": since}
        with self._ctx.writing() as ctx:
            Attempts(ctx.connection).change(attempt, handle=handle)

    def _had_begun(self, attempt: Attempt) -> bool:
        if attempt.state == RUNNING:
            return True
        return attempt.handle is not None and not self._ctx.ref(attempt).directory.exists()

    def _note_progress(self, attempt: Attempt, observation: Observation) -> None:
        changes: Json = {}
        if attempt.state == STARTING and observation.state != "starting":
            changes = {"state": RUNNING, "started_at": self._ctx.now()}
        directory = self._ctx.ref(attempt).directory
        ready = None if attempt.ready_at else read_json(directory / "ready.json")
        if ready is not None:
            changes["ready_at"] = self._ctx.now()
        if not changes:
            return
        self._at(f"note progress of {attempt.key}")
        with self._ctx.writing() as ctx:
            Attempts(ctx.connection).change(attempt, **changes)
            row = _row_of(ctx, attempt)
            if ready is not None and row is not None:
                ctx.emit("AttemptReady", row, {"Attempt": attempt.number, **ready})
        self._changed = True

    def _end(self, attempt: Attempt, observation: Observation) -> None:
        verdict = verdict_of(observation)
        if verdict["state"] == "Lost":
            self._engine.sweep(self._ctx.ref(attempt))
        else:
            self._at(f"publish outputs of {attempt.key}")
            verdict = self._published(attempt, verdict)
        self._at(f"end attempt of {attempt.key}")
        self._finish(attempt, verdict)

    def _published(self, attempt: Attempt, verdict: Json) -> Json:
        """Publish an attempt's outputs; return its verdict, a failure where that cannot be."""
        directory = self._ctx.ref(attempt).directory
        for path, uri in Work.from_json(attempt.work).outputs:
            try:
                self._runtime.workspace.artifacts.publish(directory / path, uri)
            except (OSError, ServiceError) as error:
                # It would fail again and again, and hold up the work of all others.
                message = f"{uri} could not be written ({error}); it is kept as {directory / path}."
                if verdict["state"] != "Completed":
                    return {**verdict, "message": f"{verdict.get('message') or ''} {message}"}
                return {**verdict, "state": "Failed", "reason": "ClientError", "message": message}
        return verdict

    def _finish(self, attempt: Attempt, verdict: Json) -> None:
        """Write an attempt's end, with the retry or the event that follows, in one go."""
        with self._ctx.writing() as ctx:
            attempts = Attempts(ctx.connection)
            current = attempts.get(attempt.id)
            # One that was to end while it waited may have been started by its machine meanwhile.
            if not current.is_live or (attempt.state == QUEUED) != (current.state == QUEUED):
                return
            now = ctx.now()
            attempts.change(
                current,
                state=ENDED,
                verdict=verdict,
                work={**current.work, "inherited": None},
                ended_at=verdict.get("ended_at") or now,
                started_at=verdict.get("started_at") or current.started_at,
                resource_seconds=resource_seconds(current, verdict),
            )
            row = _row_of(ctx, attempt)
            if row is not None:
                detail = {"Attempt": current.number, "Verdict": verdict}
                if is_retried(current, verdict):
                    attempts.add(row, current.work, now, current.host, current.first)
                    ctx.emit("AttemptRetried", row, detail)
                else:
                    ctx.emit("AttemptEnded", row, detail)
        self._changed = True

    def _stop(self, attempt: Attempt) -> None:
        self._at(f"stop {attempt.key}")
        if attempt.state == QUEUED:
            message = "It was stopped before it started."
            self._finish(
                attempt, {"state": "Stopped", "reason": attempt.wanted, "message": message}
            )
            return
        grace_s = Work.from_json(attempt.work).grace_s
        self._engine.stop(self._ctx.ref(attempt), attempt.wanted, grace_s)

    def _admit(self, live: list[Attempt]) -> None:
        attempts = {attempt.id: attempt for attempt in self._ours(live) if attempt.state == QUEUED}
        if not attempts:
            return
        queued = [Demand.of_attempt(attempt) for attempt in attempts.values()]
        here = self._here(live)
        running = [Demand.of_attempt(attempt) for attempt in here if attempt.state != QUEUED]
        self.has_queue = True
        for grant in admit(queued, running, self._engine.machine):
            attempt = attempts[grant.id]
            self._at(f"admit {attempt.key}")
            with self._ctx.writing() as ctx:
                admitted = Attempts(ctx.connection).admit(attempt, grant.gpu_ids)
            if admitted is not None:
                self._submit(admitted)
            self._changed = True

    def _submit(self, attempt: Attempt) -> None:
        self._at(f"submit {attempt.key}")
        work = Work.from_json(attempt.work)
        try:
            handle = self._engine.submit(
                self._ctx.ref(attempt), work, attempt.gpu_ids, self._runtime.tick_command
            )
        except OSError:
            # A full disk or process table: the next pass tries again, the others go on.
            log.warning("%s could not be started now", attempt.key, exc_info=True)
            return
        self._at(f"note handle of {attempt.key}")
        with self._ctx.writing() as ctx:
            Attempts(ctx.connection).change(attempt, handle=handle)

    def _unseen(self) -> list[tuple[Reactor, int, list[Event]]]:
        """Return the events that each reactor has not seen, and how often it failed on the first.

        Those that are added meanwhile, and those beyond the first hundreds, wait for another pass.
        """
        with self._ctx.reading() as ctx:
            seen = {
                name: (seq, failures)
                for name, seq, failures in ctx.connection.execute(
                    sa.select(cursors.c.reactor, cursors.c.seq, cursors.c.failures)
                )
            }
            reactors = self._runtime.registry.reactors
            starts = [seen.get(each.identity, (0, 0)) for each in reactors]
            wanted = [
                (seq, each.event, each.kind)
                for each, (seq, _) in zip(reactors, starts, strict=True)
            ]
            # One question for all of them, as mostly there is nothing for most.
            has = EventLog(ctx.connection).have(wanted)
            return [
                (each, failures, ctx.events_since(seq, each.event, each.kind))
                for each, (seq, failures), any_ in zip(reactors, starts, has, strict=True)
                if any_
            ]

    def _react(self, reactor: Reactor, failures: int, events: list[Event]) -> None:
        for event in events:
            self._at(f"run {reactor.identity} on event {event.seq}")
            if not self._handle(reactor, event, failures):
                return
            self._changed = True
            failures = 0

    def _handle(self, reactor: Reactor, event: Event, failures: int) -> bool:
        """Run a reactor on one event; return whether its cursor has moved past it."""
        try:
            with self._ctx.writing() as ctx:
                if _cursor(ctx, reactor)[0] < event.seq:
                    reactor.react(ctx, event)
                    _advance(ctx, reactor, event.seq, 0)
        except Exception:
            # Whatever it is must not keep the other reactors from their work.
            log.exception("%s failed on event %d", reactor.identity, event.seq)
            given_up = failures + 1 >= MOST_FAILURES
            with self._ctx.writing() as ctx:
                before = event.seq if given_up else event.seq - 1
                _advance(ctx, reactor, before, 0 if given_up else failures + 1)
            return given_up
        return True

    def _fire(self) -> None:
        with self._ctx.reading() as ctx:
            timers = Timers(ctx.connection).due(ctx.now())
        for timer in timers:
            self._at(f"fire {timer.name} for {timer.key}")
            try:
                with self._ctx.writing() as ctx:
                    # Cleared first, so that the timer can set itself anew.
                    if Timers(ctx.connection).clear(timer.name, timer.key):
                        self._runtime.registry.timers[timer.name].fire(ctx, timer)
            except Exception:
                # Whatever it is must not keep the other timers, and all work, from going on.
                log.exception("timer %s for %s failed", timer.name, timer.key)
                with self._ctx.writing() as ctx:
                    Timers(ctx.connection).set(replace(timer, due_at=ctx.now() + RETRY_TIMER_S))
            self._changed = True


def _row_of(ctx: Context, attempt: Attempt) -> Row | None:
    """Return what the attempt is of, unless that was deleted; never a namesake."""
    row = ctx.find(attempt.kind, attempt.key)
    return row if row is not None and row.id == attempt.row_id else None


def _cursor(ctx: Context, reactor: Reactor) -> tuple[int, int]:
    query = sa.select(cursors.c.seq, cursors.c.failures).where(
        cursors.c.reactor == reactor.identity
    )
    found = ctx.connection.execute(query).first()
    return (0, 0) if found is None else (found.seq, found.failures)


def _advance(ctx: Context, reactor: Reactor, seq: int, failures: int) -> None:
    where = cursors.c.reactor == reactor.identity
    values = {"seq": seq, "failures": failures}
    result = ctx.connection.execute(cursors.update().where(where).values(**values))
    if result.rowcount == 0:
        ctx.connection.execute(cursors.insert().values(reactor=reactor.identity, **values))
