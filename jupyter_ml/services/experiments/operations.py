"""The operations on experiments, trials and runs that do not follow from the declarations."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ResourceNotFound, ValidationException
from jupyter_ml.core.listing import epoch, list_rows
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.core.operations import operation, reader
from jupyter_ml.services.experiments import membership
from jupyter_ml.services.experiments.comparison import compare
from jupyter_ml.services.experiments.found import NOTED_AT, noted
from jupyter_ml.services.experiments.runs import find_run, load_run, run_series, summaries

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
_RECORDED = ("Parameters", "Status", "StartTime", "EndTime")
_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")


@operation
def create_experiment(ctx: Context, request: Json) -> Json:
    """Create an experiment."""
    return {"ExperimentArn": ctx.add("Experiment", request["ExperimentName"], request=request).arn}


@operation
def update_experiment(ctx: Context, request: Json) -> Json:
    """Change an experiment's display name or description."""
    row = ctx.get("Experiment", request["ExperimentName"])
    return {"ExperimentArn": ctx.update(row, desired=_without(request, "ExperimentName")).arn}


@operation
def delete_experiment(ctx: Context, request: Json) -> Json:
    """Delete an experiment that has no trials."""
    row = ctx.get("Experiment", request["ExperimentName"])
    _refuse_while(row, "trials", [trial.key for trial in ctx.rows("Trial", parent=row.key)])
    ctx.delete(row)
    return {"ExperimentArn": row.arn}


@operation
def create_trial(ctx: Context, request: Json) -> Json:
    """Create a trial in an experiment that exists."""
    experiment = ctx.get("Experiment", request["ExperimentName"])
    row = ctx.add("Trial", request["TrialName"], request=request, parent=experiment.key)
    return {"TrialArn": row.arn}


@operation
def update_trial(ctx: Context, request: Json) -> Json:
    """Change a trial's display name."""
    row = ctx.get("Trial", request["TrialName"])
    return {"TrialArn": ctx.update(row, desired=_without(request, "TrialName")).arn}


@operation
def delete_trial(ctx: Context, request: Json) -> Json:
    """Delete a trial that has no runs."""
    row = ctx.get("Trial", request["TrialName"])
    _refuse_while(row, "trial components", membership.components_of(ctx, row.key))
    ctx.delete(row)
    return {"TrialArn": row.arn}


@reader
def list_trials(ctx: Context, request: Json) -> Json:
    """List trials: all, or those of an experiment or with a run."""
    _require(ctx, request, "Experiment", "TrialComponent")
    return list_rows(ctx, ctx.resource("Trial"), request)


@operation
def create_trial_component(ctx: Context, request: Json) -> Json:
    """Create a run."""
    row = ctx.add("TrialComponent", request["TrialComponentName"], request=request)
    return {"TrialComponentArn": row.arn}


@operation
def update_trial_component(ctx: Context, request: Json) -> Json:
    """Change a run; parameters and artifacts are added to those that it has."""
    row = ctx.get("TrialComponent", request["TrialComponentName"])
    changes = {
        name: value
        for name, value in _without(request, "TrialComponentName").items()
        if not name.endswith("ToRemove")
    }
    for name in _MAPS:
        removed = set(request.get(f"{name}ToRemove", ()))
        if name in changes or removed:
            known: Json = {**row.request, **row.desired}.get(name, {})
            kept = {key: value for key, value in known.items() if key not in removed}
            changes[name] = {**kept, **changes.get(name, {})}
    return {"TrialComponentArn": ctx.update(row, desired=changes).arn}


@operation
def delete_trial_component(ctx: Context, request: Json) -> Json:
    """Delete a run that belongs to no trial; a reactor removes its metrics."""
    row = ctx.get("TrialComponent", request["TrialComponentName"])
    _refuse_while(row, "trials", membership.trials_of(ctx, row.key))
    ctx.delete(row)
    return {"TrialComponentArn": row.arn}


@reader
def describe_trial_component(ctx: Context, request: Json) -> Json:
    """Describe a run, by name or ARN, with its metrics in short."""
    name = request["TrialComponentName"].rpartition("/")[2]
    row = ctx.get("TrialComponent", name)
    metrics = [{**summary, "SourceArn": row.parent} for summary in summaries(ctx, row)]
    return {**ctx.resource("TrialComponent").view(ctx, row), "Metrics": metrics or None}


@reader
def list_trial_components(ctx: Context, request: Json) -> Json:
    """List runs: all, or those of an experiment, a trial or a job."""
    _require(ctx, request, "Experiment", "Trial")
    return list_rows(ctx, ctx.resource("TrialComponent"), request)


@operation
def associate_trial_component(ctx: Context, request: Json) -> Json:
    """Add a run to a trial."""
    trial, component = _pair(ctx, request)
    membership.associate(ctx, trial.key, component.key)
    return {"TrialArn": trial.arn, "TrialComponentArn": component.arn}


@operation
def disassociate_trial_component(ctx: Context, request: Json) -> Json:
    """Take a run out of a trial."""
    trial, component = _pair(ctx, request)
    if not membership.disassociate(ctx, trial.key, component.key):
        raise ResourceNotFound(
            f"Trial component {component.key!r} does not belong to trial {trial.key!r}; "
            "ListTrialComponents with TrialName says which do."
        )
    return {"TrialArn": trial.arn, "TrialComponentArn": component.arn}


@reader
def batch_put_metrics(ctx: Context, request: Json) -> Json:
    """Append points to a run's metrics; they go to its files, not to the store."""
    row = ctx.get("TrialComponent", request["TrialComponentName"])
    folder = str(ctx.workspace.run_dir(row.key))
    writer = _writer(folder, row.id, row.observed.get(NOTED_AT, 0.0))
    for point in request["MetricData"]:
        writer.log(point["MetricName"], point["Value"], point.get("Step"), point["Timestamp"])
    writer.flush()
    return {}


@operation
def create_runs(ctx: Context, request: Json) -> Json:
    """Create runs, each under the next number of its name."""
    origin = request.get("Provenance", {})
    last: dict[str, int] = {}
    new: dict[str, tuple[Json, Json, Json]] = {}
    for run in request["Runs"]:
        base = run["BaseName"]
        if base not in last:
            last[base] = ctx.table.last_number("TrialComponent", base)
        last[base] += 1
        name = f"{base}-{last[base]}"
        given = {member: run[member] for member in _RECORDED if member in run}
        private = {"provenance": run.get("Provenance", origin), "points": run.get("Points")}
        new[name] = (
            {"DisplayName": name, **given},
            noted(ctx, run.get("Metrics", [])),
            {member: value for member, value in private.items() if value},
        )
    ctx.add_all("TrialComponent", new)
    return {"RunNames": list(new)}


@operation
def end_run(ctx: Context, request: Json) -> Json:
    """Note that a run has ended."""
    row = ctx.get("TrialComponent", request["RunName"])
    end = {"Status": request["Status"], "EndTime": epoch(request.get("EndTime", ctx.now()))}
    ctx.update(row, desired=end, observed=noted(ctx, request.get("Metrics", [])))
    return {"TrialComponentArn": row.arn}


@reader
def get_run(ctx: Context, request: Json) -> Json:
    """Show a run: parameters, metrics, inputs, environment and where it came from."""
    return load_run(ctx, find_run(ctx, request["RunName"])).to_wire()


@reader
def get_run_metrics(ctx: Context, request: Json) -> Json:
    """Read a run's metrics, all or a range of them, thinned out to what a chart can show."""
    series = run_series(ctx, find_run(ctx, request["RunName"]))
    names = request.get("Names")
    most = request.get("MaxPoints")
    chosen = [series[name] for name in sorted(series) if names is None or name in names]
    if "From" in request or "To" in request:
        axis = "times" if request.get("Axis") == "Time" else "steps"
        low, high = request.get("From", -math.inf), request.get("To", math.inf)
        chosen = [one.within(axis, low, high) for one in chosen]
    return {"Series": [(one.downsampled(most) if most else one).to_wire() for one in chosen]}


@reader
def compare_runs(ctx: Context, request: Json) -> Json:
    """Compare runs with the first of them."""
    rows = [find_run(ctx, name) for name in request["Names"]]
    return compare([load_run(ctx, row) for row in rows])


@lru_cache(maxsize=32)
def _writer(folder: str, _row: int, _noted_at: float) -> Writer:
    """Return this process's writer for a run; one pair of files serves many batches.

    The row's number keeps a run apart from a deleted one of the same name, whose writer's files
    are gone. What comes after a run's metrics were noted goes to files of its own, so that the
    folder tells that there is more.
    """
    return Writer(folder)


def _pair(ctx: Context, request: Json) -> tuple[Row, Row]:
    trial = ctx.get("Trial", request["TrialName"])
    return trial, ctx.get("TrialComponent", request["TrialComponentName"])


def _require(ctx: Context, request: Json, *kinds: str) -> None:
    for kind in kinds:
        if (name := request.get(f"{kind}Name")) is not None:
            ctx.get(kind, name)


def _refuse_while(row: Row, noun: str, names: list[str]) -> None:
    if names:
        raise ValidationException(
            f"{row.arn} still has {len(names)} {noun}, such as {names[0]!r}; take them away first."
        )


def _without(request: Json, key: str) -> Json:
    return {name: value for name, value in request.items() if name != key}
