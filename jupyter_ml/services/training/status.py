"""What a training job is doing, from its row, its attempts and what the harness noted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.harness.records import read_phases

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
ENDED = frozenset({"Completed", "Failed", "Stopped"})
DAY_S = 86_400
MODEL = "output/model.tar.gz"
_MOST_FINAL_METRICS = 40


def describe(ctx: Context, row: Row) -> Json:
    """Return what a description says beyond the request and what was written at the end."""
    view: Json = {
        "AlgorithmSpecification": {
            "TrainingInputMode": "File",
            **row.request.get("AlgorithmSpecification", {}),
        },
        "OutputDataConfig": {
            "S3OutputPath": row.private["model_uri"].removesuffix(f"/{row.key}/{MODEL}"),
            **row.request.get("OutputDataConfig", {}),
        },
        "ResourceConfig": {
            "InstanceType": "ml.local",
            "InstanceCount": 1,
            **row.request.get("ResourceConfig", {}),
        },
        "StoppingCondition": {
            "MaxRuntimeInSeconds": DAY_S,
            **row.request.get("StoppingCondition", {}),
        },
    }
    if row.status in ENDED:
        return view
    steps = transitions(ctx, row, ctx.attempts(row))
    return {**view, "SecondaryStatus": steps[-1]["Status"], "SecondaryStatusTransitions": steps}


def transitions(ctx: Context, row: Row, attempts: list[Attempt]) -> list[Json]:
    """Return the job's SecondaryStatusTransitions so far, in order; never empty."""
    steps: list[tuple[float, str, str]] = []
    for attempt in attempts:
        steps += _steps_of(ctx, attempt)
    if not steps:
        steps = [(row.created_at, "Starting", "Starting the training job")]
    if row.status == "Stopping" and "Stopping" not in {status for _, status, _ in steps}:
        steps.append((row.modified_at, "Stopping", "Stopping the training job"))
    return as_transitions(steps)


def as_transitions(steps: list[tuple[float, str, str]]) -> list[Json]:
    """Return steps (time, status, message) as transitions, each ending when the next begins."""
    found: list[Json] = []
    for noted, status, message in steps:
        # the clock may have been set back between two steps
        time = max(noted, found[-1]["StartTime"]) if found else noted
        if found and found[-1]["Status"] == status:
            continue
        if found:
            found[-1]["EndTime"] = time
        found.append({"Status": status, "StartTime": time, "StatusMessage": message})
    return found


def training_start(steps: list[Json]) -> float | None:
    """Return when the program was first started, in epoch seconds."""
    starts = [step["StartTime"] for step in steps if step["Status"] == "Training"]
    return starts[0] if starts else None


def final_metrics(run_dir: Path) -> list[Json]:
    """Return the last value of each metric that is a number, as FinalMetricDataList has it."""
    found = []
    for name, series in scan(run_dir).items():
        if math.isfinite(series.values[-1]):
            value, time = series.values[-1], series.times[-1]
            found.append({"MetricName": name, "Value": value, "Timestamp": time})
    return found[:_MOST_FINAL_METRICS]


def _steps_of(ctx: Context, attempt: Attempt) -> list[tuple[float, str, str]]:
    again = attempt.number != attempt.first
    waiting = "Waiting for capacity" if attempt.state == QUEUED else "Admitted to run"
    first = ("Restarting", "Starting again after the attempt before was lost")
    status, message = first if again else ("Pending", waiting)
    steps = [(attempt.queued_at, status, message)]
    phases = read_phases(ctx.ref(attempt).directory)
    if not phases and attempt.started_at is not None:
        steps.append((attempt.started_at, "Starting", "Starting the training job"))
    steps += [(phase["time"], phase["status"], phase["message"]) for phase in phases]
    return steps
