"""What a search finds of runs and trials beyond their descriptions, for many of them at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.core.store.tables import rows as table
from jupyter_ml.services.experiments import membership
from jupyter_ml.services.experiments.runs import summaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]

NOTED_AT: Final = "MetricsNotedAt"
_AT_ONCE: Final = 500
# A file system's clock may lag behind the one that a time was noted by.
_LAG_S: Final = 0.01


def noted(ctx: Context, metrics: list[Json]) -> Json:
    """Return what is noted of a run's metrics when it ends."""
    return {"Metrics": metrics, NOTED_AT: ctx.now()}


def metrics_of(ctx: Context, rows: Sequence[Row]) -> list[list[Json]]:
    """Return the metrics of each run in short.

    Those that were noted at a run's end count, unless its folder has got more since; the
    files of all other runs are read.
    """
    runs = str(ctx.workspace.root / "runs")
    return [
        [{**one, "SourceArn": row.parent} for one in _metrics(ctx, row, f"{runs}/{row.key}")]
        for row in rows
    ]


def names_of(_ctx: Context, rows: Sequence[Row]) -> list[str]:
    """Return the name by which people call each run: that of its job where it has one."""
    return [row.parent.rpartition("/")[2] if row.parent else row.key for row in rows]


def parents_of(ctx: Context, rows: Sequence[Row]) -> list[list[Json]]:
    """Return the trials that each run belongs to, with their experiments."""
    wanted = {row.key for row in rows}
    trials: dict[str, list[str]] = {}
    for pair in ctx.rows(membership.KIND):
        trial, _, component = pair.key.partition("/")
        if component in wanted:
            trials.setdefault(component, []).append(trial)
    names = {name for some in trials.values() for name in some}
    experiments = {row.key: row.parent for row in _among(ctx, "Trial", table.c.key, names)}
    return [
        [
            {"TrialName": name, "ExperimentName": experiments.get(name)}
            for name in trials.get(row.key, ())
        ]
        for row in rows
    ]


def sources_of(ctx: Context, rows: Sequence[Row]) -> list[Json | None]:
    """Return the training job that each run is of, described, where there is one."""
    arns = {row.parent for row in rows if row.parent is not None}
    described = {}
    if arns:
        resource = ctx.resource("TrainingJob")
        jobs = _among(ctx, "TrainingJob", table.c.arn, arns)
        described = {job.arn: resource.view(ctx, job) for job in jobs}
    return [
        None
        if row.parent is None
        else {"SourceArn": row.parent, "TrainingJob": described.get(row.parent)}
        for row in rows
    ]


def components_of(ctx: Context, rows: Sequence[Row]) -> list[list[Json]]:
    """Return the runs of each trial, in short."""
    belonging: dict[str, list[str]] = {}
    for pair in ctx.rows(membership.KIND):
        trial, _, component = pair.key.partition("/")
        belonging.setdefault(trial, []).append(component)
    names = {name for row in rows for name in belonging.get(row.key, ())}
    resource = ctx.resource("TrialComponent")
    views = {
        run.key: resource.view(ctx, run)
        for run in _among(ctx, "TrialComponent", table.c.key, names)
    }
    return [[views[name] for name in belonging.get(row.key, ()) if name in views] for row in rows]


def _metrics(ctx: Context, row: Row, folder: str) -> list[Json]:
    at: float | None = row.observed.get(NOTED_AT)
    if at is not None and _changed_at(folder) < at - _LAG_S:
        metrics: list[Json] = row.observed["Metrics"]
        return metrics
    return summaries(ctx, row)


def _changed_at(folder: str) -> float:
    """Return when a folder got or lost a file, in epoch seconds; 0 where there is none."""
    try:
        return os.stat(folder).st_mtime  # noqa: PTH116  (ten thousand of them in one search)
    except FileNotFoundError:
        return 0.0


def _among(ctx: Context, kind: str, column: Any, values: Iterable[str]) -> Iterable[Row]:
    wanted = sorted(values)
    for start in range(0, len(wanted), _AT_ONCE):
        some = column.in_(wanted[start : start + _AT_ONCE])
        yield from ctx.select(table.c.kind == kind, some)
