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
    from jupyter_ml.core.events import Event
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
    elif number == row.private.get("serving") and row.private.get("starting") is None:
        ctx.update(
            row,
            observed={"EndpointStatus": "Failed", "FailureReason": reason},
            private={"serving": None},
        )


@on("AttemptRetried", kind="Endpoint")
def generation_runs_again(ctx: Context, event: Event) -> None:
    """Follow a generation whose supervisor was lost into its next attempt."""
    row = ctx.find("Endpoint", event.key or "")
    if row is None:
        return
    number = event.detail["Attempt"]
    successor = next((a for a in ctx.attempts(row) if a.number > number and a.is_live), None)
    if successor is None or number not in (row.private.get("starting"), row.private.get("serving")):
        return
    summary = summary_of(row, number)
    generations = {**row.private["generations"], str(successor.number): summary}
    private: Json = {"starting": successor.number, "generations": generations}
    observed: Json = {}
    if number == row.private.get("serving"):
        private["serving"] = None
        observed = {"EndpointStatus": "SystemUpdating"}
    ctx.update(row, observed=observed, private=private)
    due_at = ctx.now() + summary["startup_timeout_s"]
    ctx.set_timer(STARTUP_TIMER, row.key, due_at, {"Attempt": successor.number})


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
    due_at = (attempt.started_at or ctx.now()) + limit_s
    if ctx.now() < due_at:
        ctx.set_timer(STARTUP_TIMER, row.key, due_at, timer.detail)
        return
    end_generation(ctx, row, number, "StartupTimeout")
    reason = (
        f"The model server did not answer /ping within {limit_s:g} s of its start. See the "
        "endpoint's log, or raise ContainerStartupHealthCheckTimeoutInSeconds."
    )
    _failed_to_start(ctx, row, number, reason)


def _failed_to_start(ctx: Context, row: Row, number: int, reason: str) -> None:
    ctx.clear_timer(STARTUP_TIMER, row.key)
    if row.private.get("serving") is None:
        status = "Failed"
    else:
        status = "InService"
        config = summary_of(row, number).get("config")
        reason = f"The update to {config!r} failed and was rolled back. {reason}"
    ctx.update(
        row,
        observed={"EndpointStatus": status, "FailureReason": reason[:MAX_REASON]},
        private={"starting": None},
    )


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
