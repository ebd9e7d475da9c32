"""What moves a training job on: the end of its attempt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.operations import on
from jupyter_ml.harness.records import UPLOADED, read_json
from jupyter_ml.services.training.cards import objective_of
from jupyter_ml.services.training.failures import failure_of, reason_text
from jupyter_ml.services.training.status import (
    ENDED,
    final_metrics,
    training_start,
    transitions,
)
from jupyter_ml.services.training.work import run_name

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.events.events import Event
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
_MESSAGES = {
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


@on("AttemptEnded", kind="TrainingJob")
def training_ended(ctx: Context, event: Event) -> None:
    """Write into the job's row how its attempt ended."""
    row = ctx.find("TrainingJob", event.key) if event.key else None
    if row is None or row.status in ENDED:
        return
    attempts = ctx.attempts(row)
    ended = next((one for one in attempts if one.number == event.detail["Attempt"]), None)
    if ended is None:
        return
    verdict = event.detail["Verdict"]
    observed = _outcome(ctx, row, attempts, ended, verdict)
    ctx.update(row, observed=observed)
    ctx.emit("TrainingJobEnded", row, {"TrainingJobStatus": observed["TrainingJobStatus"]})


def _outcome(
    ctx: Context, row: Row, attempts: list[Attempt], ended: Attempt, verdict: Json
) -> Json:
    status, secondary, failure = _status(ctx, ended, verdict)
    message = reason_text(failure) if failure else _MESSAGES[secondary]
    steps = transitions(ctx, row, attempts)
    end = max(verdict.get("ended_at") or ctx.now(), steps[-1]["StartTime"])
    steps[-1]["EndTime"] = end
    steps.append({"Status": secondary, "StartTime": end, "EndTime": end, "StatusMessage": message})
    observed: Json = {
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
        "SecondaryStatusTransitions": steps,
        "FinalMetricDataList": final_metrics(ctx.workspace.run_dir(run_name(row.key))),
        "Objective": objective_of(ctx, row),
        "Attempt": len(attempts),
        "Verdict": verdict,
    }
    if failure:
        observed.update(FailureReason=reason_text(failure), Failure=failure)
    uploaded = read_json(ctx.ref(ended).directory / UPLOADED) or {}
    if uploaded:
        observed["Uploaded"] = uploaded
    model = row.private["model_uri"]
    is_external = ctx.workspace.artifacts.external(model) is not None
    if model in uploaded or (not is_external and ctx.workspace.artifacts.exists(model)):
        observed["ModelArtifacts"] = {"S3ModelArtifacts": model}
    return {**observed, **_times(attempts, steps, end)}


def _status(ctx: Context, ended: Attempt, verdict: Json) -> tuple[str, str, Json | None]:
    """Return TrainingJobStatus, SecondaryStatus and the failure, if it is one."""
    match verdict["state"]:
        case "Completed":
            return "Completed", "Completed", None
        case "Stopped" if verdict.get("reason") == "MaxRuntimeExceeded":
            return "Stopped", "MaxRuntimeExceeded", None
        case "Stopped":
            return "Stopped", "Stopped", None
    return "Failed", "Failed", failure_of(ctx, ended, verdict)


def _times(attempts: list[Attempt], steps: list[Json], end: float) -> Json:
    begin = training_start(steps)
    billable = sum((one.resource_seconds or {}).get("wall_s", 0.0) for one in attempts)
    times: Json = {"TrainingEndTime": end, "BillableTimeInSeconds": math.ceil(billable)}
    if begin is not None:
        times.update(TrainingStartTime=begin, TrainingTimeInSeconds=math.ceil(max(0, end - begin)))
    return times
