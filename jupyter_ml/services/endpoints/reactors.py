"""What moves an endpoint on: a generation answers, ends, is run again, or takes too long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.operations import due, on
from jupyter_ml.services.endpoints.generations import (
    STARTUP_TIMER,
    attempt_of,
    end_generation,
    summary_of,
)

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.events.events import Event
    from jupyter_ml.core.rows import Row
    from jupyter_ml.core.timers import Timer

Json = dict[str, Any]
MAX_REASON = 1024  # characters of FailureReason in the contract


@on("AttemptReady", kind="Endpoint")
def generation_answers(ctx: Context, event: Event) -> None:
    """Put a generation in service once it has answered its self test, and end the one before."""
    row = ctx.find("Endpoint", event.key or "")
    number = event.detail["Attempt"]
    if row is None or number != row.private.get("starting"):
        return
    before = row.private.get("serving")
    kept = {str(number): summary_of(row, number)}
    ctx.clear_timer(STARTUP_TIMER, row.key)
    ctx.update(
        row,
        observed={"EndpointStatus": "InService"},
        private={"serving": number, "starting": None, "generations": kept},
    )
    if before is not None:
        end_generation(ctx, row, before, "Replaced")


@on("AttemptEnded", kind="Endpoint")
def generation_ended(ctx: Context, event: Event) -> None:
    """Fail an endpoint whose server has ended for good, or roll its update back."""
    row = ctx.find("Endpoint", event.key or "")
    if row is None:
        return
    number = event.detail["Attempt"]
    attempt = attempt_of(ctx, row, number)
    reason = _reason(ctx, attempt, event.detail["Verdict"])
    if number == row.private.get("starting"):
        _failed_to_start(ctx, row, number, reason)
    elif number == row.private.get("serving"):
        failed = {"EndpointStatus": "Failed", "FailureReason": reason}
        # The update that is under way may still put it into service.
        is_updating = row.private.get("starting") is not None
        ctx.update(row, observed={} if is_updating else failed, private={"serving": None})


@on("AttemptRetried", kind="Endpoint")
def generation_runs_again(ctx: Context, event: Event) -> None:
    """Follow a generation whose supervisor was lost into its next attempt."""
    row = ctx.find("Endpoint", event.key or "")
    if row is None:
        return
    number = event.detail["Attempt"]
    starting, serving = row.private.get("starting"), row.private.get("serving")
    successor = _successor(ctx, row, number)
    if successor is None or number not in (starting, serving):
        return
    summary = summary_of(row, number)
    private: Json = {
        "generations": {**row.private["generations"], str(successor.number): summary},
    }
    if number == serving and starting is not None:
        # An update is under way: what it starts stays what is waited for.
        ctx.update(row, private={**private, "serving": successor.number})
    elif number == serving:
        _start_again(ctx, row, successor, private)
    else:
        ctx.update(row, private={**private, "starting": successor.number})
        _limit_start(ctx, row, successor.number, summary)


@due(STARTUP_TIMER)
def generation_takes_too_long(ctx: Context, timer: Timer) -> None:
    """Give a generation up that does not answer in time; waiting for capacity does not count."""
    row = ctx.find("Endpoint", timer.key)
    number = timer.detail["Attempt"]
    if row is None or number != row.private.get("starting"):
        return
    attempt = attempt_of(ctx, row, number)
    if attempt is None:
        return
    limit_s = summary_of(row, number)["startup_timeout_s"]
    left_s = limit_s - _ran_s(ctx, attempt)
    if left_s > 0:
        ctx.set_timer(STARTUP_TIMER, row.key, ctx.now() + left_s, timer.detail)
        return
    end_generation(ctx, row, number, "StartupTimeout")
    reason = (
        f"The model server did not answer /ping within {limit_s:g} s of its start. See the "
        "endpoint's log, or raise ContainerStartupHealthCheckTimeoutInSeconds."
    )
    _failed_to_start(ctx, row, number, reason)


def _ran_s(ctx: Context, attempt: Attempt) -> float:
    """Return for how long a server runs; the clock may have been set since it was started."""
    if attempt.started_at is None:
        return 0.0
    observed: float | None = ctx.observe(attempt).ran_s
    return ctx.now() - attempt.started_at if observed is None else observed


def _failed_to_start(ctx: Context, row: Row, number: int, reason: str) -> None:
    ctx.clear_timer(STARTUP_TIMER, row.key)
    serving = row.private.get("serving")
    before = None if serving is None else attempt_of(ctx, row, serving)
    if before is not None:
        config = summary_of(row, number).get("config")
        reason = f"The update to {config!r} failed and was rolled back. {reason}"
    observed = {
        "EndpointStatus": "Failed" if before is None else "InService",
        "FailureReason": reason[:MAX_REASON],
    }
    row = ctx.update(row, observed=observed, private={"starting": None})
    if before is not None and before.ready_at is None:
        _start_again(ctx, row, before, {})


def _start_again(ctx: Context, row: Row, attempt: Attempt, private: Json) -> None:
    """Wait for a generation that served before to answer again."""
    ctx.update(
        row,
        observed={"EndpointStatus": "SystemUpdating"},
        private={**private, "serving": None, "starting": attempt.number},
    )
    kept = private.get("generations") or row.private["generations"]
    _limit_start(ctx, row, attempt.number, kept[str(attempt.number)])


def _limit_start(ctx: Context, row: Row, number: int, summary: Json) -> None:
    due_at = ctx.now() + summary["startup_timeout_s"]
    ctx.set_timer(STARTUP_TIMER, row.key, due_at, {"Attempt": number})


def _successor(ctx: Context, row: Row, number: int) -> Attempt | None:
    """Return what runs now in the place of an attempt that was lost."""
    lost = attempt_of(ctx, row, number)
    if lost is None:
        return None
    later = (each for each in ctx.attempts(row) if each.number > number and each.is_live)
    return next((each for each in later if each.first == lost.first), None)


def _reason(ctx: Context, attempt: Attempt | None, verdict: Json) -> str:
    """Return why a server ended: what it said itself, else what its supervisor saw."""
    message = str(verdict.get("message") or verdict.get("reason") or "The model server ended.")
    if attempt is None:
        return message[:MAX_REASON]
    try:
        failure = json.loads((ctx.ref(attempt).directory / "failure.json").read_text())
    except (OSError, ValueError):
        return message[:MAX_REASON]
    return str(failure.get("Message") or message)[:MAX_REASON]
