"""A training job in short: what lists, widgets and toasts show of it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.attempts import QUEUED, RUNNING
from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.engine.admission import why_waits
from jupyter_ml.harness.records import PROGRESS, read_json
from jupyter_ml.services.training.status import ENDED, training_start, transitions
from jupyter_ml.services.training.work import run_name

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.metrics.series import Series
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
_MOST_SPARKS = 64
_LOOK_BACK = 5
_VALIDATION = re.compile(r"val|test|eval", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>[1-9]\d*)")
_STALLED = (
    "Stalled: its supervisor is there but gives no sign of life; it goes on when it is woken, and "
    "can be stopped"
)
_COPIED = ("FailureReason", "TrainingStartTime", "TrainingEndTime")


def card_of(ctx: Context, row: Row, queue: list[int]) -> Json:
    """Return the JobCard of a job.

    Parameters
    ----------
    row
        The job.
    queue
        Numbers of the attempts that wait for capacity, the next one first.
    """
    attempts = ctx.attempts(row) if row.status not in ENDED else []
    steps = row.observed.get("SecondaryStatusTransitions") or transitions(ctx, row, attempts)
    origin = row.observed.get("Origin", {})
    card: Json = {
        "TrainingJobName": row.key,
        "TrainingJobArn": row.arn,
        "TrainingJobStatus": row.status,
        "SecondaryStatus": steps[-1]["Status"],
        "StatusMessage": steps[-1]["StatusMessage"],
        "CreationTime": row.created_at,
        "LastModifiedTime": row.modified_at,
        "Origin": {name: origin[name] for name in ("Kind", "Notebook", "CellId") if name in origin},
        "Attempt": row.observed.get("Attempt", 1),
        **{name: row.observed[name] for name in _COPIED if name in row.observed},
    }
    if row.status in ENDED:
        return {**card, "Objective": row.observed.get("Objective")}
    return {**card, **_live(ctx, row, attempts, steps, queue)}


def objective_of(ctx: Context, row: Row) -> Json | None:
    """Return the metric that stands for a job, against the one of its forerunner."""
    return _objective(ctx, row, scan(ctx.workspace.run_dir(run_name(row.key))))


def progress_of(ctx: Context, attempt: Attempt, begin: float | None) -> Json | None:
    """Return how far an attempt is, `None` where the program does not say."""
    told = read_json(ctx.ref(attempt).directory / PROGRESS)
    if not told:
        return None
    fraction = told.get("fraction")
    eta = told.get("eta_s")
    if eta is None and fraction and begin is not None:
        eta = max(0.0, told["time"] - begin) * (1 - fraction) / fraction
    progress = {
        "Current": told["current"],
        "Total": told.get("total"),
        "Fraction": fraction,
        "EtaSeconds": eta,
        "Label": told.get("label"),
    }
    return {name: value for name, value in progress.items() if value is not None}


def _live(
    ctx: Context, row: Row, attempts: list[Attempt], steps: list[Json], queue: list[int]
) -> Json:
    begin = training_start(steps)
    live: Json = {"Objective": objective_of(ctx, row)}
    if begin is not None:
        live["TrainingStartTime"] = begin
    if not attempts:
        return live
    newest = attempts[-1]
    live["Attempt"] = newest.number - attempts[0].number + 1
    live["Progress"] = progress_of(ctx, newest, begin)
    if newest.state == QUEUED and newest.id in queue:
        live["QueuePosition"] = queue.index(newest.id) + 1
        live["StatusMessage"] = why_waits(
            newest, ctx.live_attempts(), ctx.runtime.engine.machine, ctx.settings.machine
        )
    elif newest.state == RUNNING and ctx.observe(newest).state == "stalled":
        live["StatusMessage"] = _STALLED
    return live


def _objective(ctx: Context, row: Row, metrics: dict[str, Series]) -> Json | None:
    known = [one for one in metrics.values() if any(map(math.isfinite, one.values))]
    if not known:
        return None
    wanted = row.request.get("HyperParameters", {}).get("_tuning_objective_metric")
    series = next(
        (one for one in known if one.name == wanted),
        next((one for one in known if _VALIDATION.search(one.name)), known[0]),
    )
    finite = [value for value in series.downsampled(_MOST_SPARKS).values if math.isfinite(value)]
    last = next(value for value in reversed(series.values) if math.isfinite(value))
    objective: Json = {"Name": series.name, "Value": last, "Sparkline": finite[-_MOST_SPARKS:]}
    before = _forerunner(ctx, row, series.name)
    if before is not None:
        objective.update(Baseline=before.key, Delta=last - before.observed["Objective"]["Value"])
    return objective


def _forerunner(ctx: Context, row: Row, metric: str) -> Row | None:
    """Return the last job before this one of the same stem that has the same objective."""
    found = _NUMBERED.fullmatch(row.key)
    if found is None:
        return None
    number = int(found["number"])
    for earlier in range(number - 1, max(0, number - 1 - _LOOK_BACK), -1):
        other = ctx.find("TrainingJob", f"{found['stem']}-{earlier}")
        if other and (other.observed.get("Objective") or {}).get("Name") == metric:
            return other
    return None
