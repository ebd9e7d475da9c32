"""What descriptions of experiments, trials and runs say beyond what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]

ENDED: Final = frozenset({"Completed", "Failed", "Stopped"})
_MESSAGE_LIMIT: Final = 1024


def describe_group(_ctx: Context, row: Row) -> Json:
    """Return an experiment's or trial's members that updates may have changed."""
    return {**_authors(row), "DisplayName": row.key, **_given(row.request), **row.desired}


def describe_component(ctx: Context, row: Row) -> Json:
    """Return a run's members that updates or its job may have changed."""
    view = {**_authors(row), "DisplayName": row.key, **_given(row.request), **row.desired}
    source = row.observed.get("Source")
    if source is None:
        return view
    return {**view, "TrialComponentSource": source, "Sources": [source], **job_state(ctx, row)}


def job_state(ctx: Context, row: Row) -> Json:
    """Return the state of a run's training job: the last one seen where the job is gone.

    Returns
    -------
    dict
        Of `Status`, `StartTime`, `EndTime` and `OutputArtifacts`, as far as they are known.
    """
    if row.parent is None or row.observed.get("EndTime") is not None:
        return {}
    job = row.parent.rpartition("/")[2]
    try:
        return state_of(ctx.call("DescribeTrainingJob", {"TrainingJobName": job}))
    except ServiceError:
        return {}


def state_of(job: Json) -> Json:
    """Return the state that a training job's description gives its run."""
    status = job["TrainingJobStatus"]
    message = str(job.get("FailureReason") or job.get("SecondaryStatus", ""))
    state: Json = {"Status": {"PrimaryStatus": status, "Message": message[:_MESSAGE_LIMIT]}}
    for member, source in (("StartTime", "TrainingStartTime"), ("EndTime", "TrainingEndTime")):
        if job.get(source) is not None:
            state[member] = job[source]
    if status in ENDED:
        state.setdefault("EndTime", job["LastModifiedTime"])
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if model:
        state["OutputArtifacts"] = {
            "SageMaker.ModelArtifact": {"MediaType": "application/gzip", "Value": model}
        }
    return state


def _given(request: Mapping[str, Any]) -> Json:
    return {name: request[name] for name in ("DisplayName",) if name in request}


def _authors(row: Row) -> Json:
    author = {"UserProfileName": row.observed.get("Author", row.owner)}
    return {"CreatedBy": author, "LastModifiedBy": author}
