"""A training job's run follows the job: it is made, ended and deleted with it."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import ResourceNotFound, ServiceError
from jupyter_ml.core.events.events import hidden
from jupyter_ml.core.operations import on
from jupyter_ml.core.provenance import read_provenance
from jupyter_ml.services.experiments import membership
from jupyter_ml.services.experiments.found import noted
from jupyter_ml.services.experiments.runs import JOB_SUFFIX, RESERVED, numbers_in, summaries
from jupyter_ml.services.experiments.views import ENDED, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.events.events import Event

Json = dict[str, Any]

_MOST_ARTIFACTS: Final = 60
_LONGEST_NAME: Final = 120


@on("CreateTrainingJob", kind="TrainingJob")
def training_created(ctx: Context, event: Event) -> None:
    """Make the run of a new training job."""
    job = _job(ctx, event)
    if job is None or ctx.find("TrialComponent", _component(job)) is not None:
        return
    origin = _provenance(ctx, job)
    config = job.get("ExperimentConfig", {})
    request = {
        "TrialComponentName": _component(job),
        "DisplayName": config.get("TrialComponentDisplayName") or config.get("RunName"),
        "Parameters": parameters_of(job, origin),
        "InputArtifacts": artifacts_of(job, origin),
        "MetadataProperties": _metadata(origin),
    }
    row = ctx.add(
        "TrialComponent",
        _component(job),
        request={name: value for name, value in request.items() if value},
        observed={
            "Source": {
                "SourceArn": job["TrainingJobArn"],
                "SourceType": "SageMakerTrainingJob",
            },
            "Author": event.principal,
            **state_of(job),
        },
        private={
            "job": job["TrainingJobName"],
            "provenance": origin,
        },
        parent=job["TrainingJobArn"],
    )
    if trial := _trial(ctx, job, config):
        membership.associate(ctx, trial, row.key)


@on("TrainingJobEnded", kind="TrainingJob")
def training_ended(ctx: Context, event: Event) -> None:
    """Note in a training job's run how the job ended, and its metrics in short."""
    job = _job(ctx, event)
    row = ctx.find("TrialComponent", f"{event.key}{JOB_SUFFIX}")
    if job is None or row is None:
        return
    state = state_of(job)
    if state["Status"]["PrimaryStatus"] in ENDED:
        ctx.update(row, observed={**state, **noted(ctx, summaries(ctx, row))})


@on("DeleteTrainingJob", kind="TrainingJob")
def training_deleted(ctx: Context, event: Event) -> None:
    """Delete the run of a deleted training job: its name is free again, and so is its run's."""
    row = ctx.find("TrialComponent", f"{event.key}{JOB_SUFFIX}")
    if row is None or ctx.find("TrainingJob", str(event.key)) is not None:
        return
    for trial in membership.trials_of(ctx, row.key):
        membership.disassociate(ctx, trial, row.key)
    ctx.delete(row)
    _remove_files(ctx.workspace.run_dir(row.key))


@on("DeleteTrialComponent", kind="TrialComponent")
def component_deleted(ctx: Context, event: Event) -> None:
    """Remove the metrics of a deleted run, unless its name is in use again."""
    if ctx.find("TrialComponent", str(event.key)) is None:
        _remove_files(ctx.workspace.run_dir(str(event.key)))


def parameters_of(job: Json, origin: Json) -> Json:
    """Return the parameters of a training job's run: hyperparameters, numbers, the machine.

    Secrets by their name or looks are hidden; what script mode adds for itself is left out.
    """
    parameters = {name: _parameter(text) for name, text in numbers_in(origin).items()}
    for name, text in job.get("HyperParameters", {}).items():
        if not name.startswith("sagemaker_"):
            parameters[name] = _parameter(hidden(name, text))
    resources = job.get("ResourceConfig", {})
    machine = {
        "ImageUri": job.get("AlgorithmSpecification", {}).get("TrainingImage"),
        "InstanceType": resources.get("InstanceType"),
        "InstanceCount": resources.get("InstanceCount"),
    }
    for name, value in machine.items():
        if value is not None:
            parameters[f"{RESERVED}{name}"] = (
                {"StringValue": value} if isinstance(value, str) else {"NumberValue": float(value)}
            )
    return parameters


def artifacts_of(job: Json, origin: Json) -> Json:
    """Return the input artifacts of a training job's run: channels, and hashes of variables."""
    artifacts: Json = {}
    for channel in job.get("InputDataConfig", ()):
        uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")
        if uri:
            media = channel.get("ContentType") or "application/octet-stream"
            artifacts[channel["ChannelName"]] = {"MediaType": media, "Value": uri}
    numbers = numbers_in(origin)
    for item in origin.get("inputs") or ():
        is_artifact = item.get("sha256") and item["name"] not in numbers
        if is_artifact and len(artifacts) < _MOST_ARTIFACTS:
            value = f"sha256:{item['sha256']}"
            artifacts.setdefault(item["name"], {"MediaType": "application/python", "Value": value})
    return artifacts


def _parameter(text: str) -> Json:
    """Return a hyperparameter, which script mode may have written as JSON, as a parameter."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"StringValue": text}
    if isinstance(value, str):
        return {"StringValue": value}
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and math.isfinite(value):
        return {"NumberValue": float(value)}
    return {"StringValue": text}


def _job(ctx: Context, event: Event) -> Json | None:
    """Return the description of the event's training job, `None` where it is gone."""
    try:
        return ctx.call("DescribeTrainingJob", {"TrainingJobName": event.key})
    except ResourceNotFound:
        return None


def _component(job: Json) -> str:
    return f"{job['TrainingJobName']}{JOB_SUFFIX}"


def _provenance(ctx: Context, job: Json) -> Json:
    """Return what the submitter wrote into the job's source about where it comes from."""
    location = _parameter(job.get("HyperParameters", {}).get("sagemaker_submit_directory", ""))
    try:
        archive = ctx.workspace.artifacts.resolve(location["StringValue"])
    except (ServiceError, KeyError):  # a built-in algorithm has none
        return {}
    return read_provenance(archive)


def _metadata(origin: Json) -> Json:
    commit = (origin.get("git") or {}).get("commit")
    metadata = {"CommitId": commit, "GeneratedBy": origin.get("notebook")}
    return {name: value for name, value in metadata.items() if value}


def _trial(ctx: Context, job: Json, config: Json) -> str | None:
    """Return the trial that a job's run shall belong to; it and its experiment are made if new."""
    experiment = config.get("ExperimentName")
    trial: str | None = config.get("TrialName")
    if trial is None and experiment is None:
        return None
    trial = trial or f"{job['TrainingJobName']}-trial"[:_LONGEST_NAME]
    if ctx.find("Trial", trial) is not None:
        return trial
    experiment = experiment or "Default"
    if ctx.find("Experiment", experiment) is None:
        ctx.call("CreateExperiment", {"ExperimentName": experiment})
    ctx.call("CreateTrial", {"TrialName": trial, "ExperimentName": experiment})
    return trial


def _remove_files(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
