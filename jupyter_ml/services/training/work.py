"""The plan of a training job as work for an engine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.externals import require_extra
from jupyter_ml.core.inject import inject_dir
from jupyter_ml.engine import machine
from jupyter_ml.engine.instance_types import instance_type
from jupyter_ml.engine.work import Work

if TYPE_CHECKING:
    from jupyter_ml.core.artifacts import Artifacts
    from jupyter_ml.core.workspace import Workspace
    from jupyter_ml.engine.instance_types import InstanceType
    from jupyter_ml.services.training.plan import ChannelPlan, TrainingPlan

Json = dict[str, Any]
GRACE_S = 120
_ARCHIVES = ("model.tar.gz", "output.tar.gz")
# After the program has ended, the harness packs what it made.
_PACKING_S = 60
# What runs in a job's processes besides the user's program.
_PRELOAD = (
    *("jupyter_ml.core.metrics.metrics", "jupyter_ml.core.values.values"),
    "jupyter_ml.harness.archive",
    *("jupyter_ml.harness.channels", "jupyter_ml.harness.child", "jupyter_ml.harness.bootstrap"),
    *("jupyter_ml.harness.external", "jupyter_ml.harness.layout", "jupyter_ml.harness.model"),
    *("jupyter_ml.harness.program", "jupyter_ml.harness.requirements", "jupyter_ml.engine.view"),
    *("jupyter_ml.harness.training", "runpy"),
)


def run_name(job: str) -> str:
    """Return the name of the run (trial component) that a training job is."""
    return f"{job}-aws-training-job"


def model_uri(workspace: Workspace, plan: TrainingPlan) -> str:
    """Return where the job's model.tar.gz is published."""
    return _output_uri(workspace, plan, "model.tar.gz")


def work_of(plan: TrainingPlan, arn: str, workspace: Workspace) -> Work:
    """Return the work of a plan.

    Raises
    ------
    ValidationException
        A location, the interpreter or the instance type does not exist.
    """
    size = instance_type(plan.instance_type, workspace.root)
    inject = str(inject_dir(workspace.root))
    paths = [inject, *filter(None, [plan.environment.get("PYTHONPATH")])]
    run = str(workspace.run_dir(run_name(plan.name)))
    description = _description(plan, arn, workspace, size)
    return Work(
        argv=(_interpreter(plan), str(Path(__file__).with_name("run.py"))),
        env={
            **plan.environment,
            "PYTHONPATH": os.pathsep.join(paths),
            "JUPYTER_ML_RUN_DIR": run,
        },
        instance_type=plan.instance_type,
        cpus=size.cpus,
        memory_mb=size.memory_mb,
        gpus=size.gpus,
        members=plan.instance_count,
        max_runtime_s=plan.max_runtime_s,
        grace_s=GRACE_S + _PACKING_S,
        retries=plan.retries,
        files={"training.json": json.dumps(description)},
        outputs=() if _uploads(plan, workspace) else _outputs(plan, workspace),
        # Libraries read variables when they are imported: a job with its own is started anew.
        warm=not plan.environment,
        preload=_PRELOAD,
        keep_alive_s=plan.keep_alive_s,
        isolated=plan.isolated,
        mounts=plan.literal,
        # The harness brings data and takes outputs away, as SageMaker does from outside.
        hands_on=plan.isolated or plan.literal,
    )


def _description(plan: TrainingPlan, arn: str, workspace: Workspace, size: InstanceType) -> Json:
    artifacts, settings = workspace.artifacts, workspace.settings
    place = artifacts.external(plan.source_uri) if plan.source_uri else None
    if place is not None:
        require_extra(place)
    is_here = plan.source_uri and place is None
    source = artifacts.resolve(str(plan.source_uri)) if is_here else None
    if source is not None and not source.is_file():
        raise ValidationException(
            f"{plan.source_uri!r} (hyperparameter sagemaker_submit_directory) does not exist; put "
            "a sourcedir.tar.gz there."
        )
    return {
        "name": plan.name,
        "arn": arn,
        "region": settings.region,
        "program": plan.program,
        "command": list(plan.command),
        "isolated": plan.isolated,
        "literal": plan.literal,
        "module": plan.algorithm.module if plan.algorithm else None,
        "source": str(source) if source else None,
        "source_place": place.to_json() if place else None,
        "source_uri": plan.source_uri or "",
        "hyperparameters": dict(plan.hyperparameters),
        "environment": dict(plan.environment),
        "channels": [_channel(channel, artifacts) for channel in plan.channels],
        "uploads": _uploads(plan, workspace),
        # Where external buckets are, the job's own Python may have nothing that speaks to them.
        "python": sys.executable,
        "buckets": str(artifacts.root),
        "metric_definitions": [
            {"Name": name, "Regex": regex} for name, regex in plan.metric_definitions
        ],
        "instance_type": plan.instance_type,
        "cpus": max(1, int(size.cpus or machine.here().cpus)),
        "gpus": size.gpus,
        "run_dir": str(workspace.run_dir(run_name(plan.name))),
        "grace_s": GRACE_S,
        "free_floor_bytes": settings.free_floor_mb << 20,
    }


def _channel(channel: ChannelPlan, artifacts: Artifacts) -> Json:
    place = artifacts.external(channel.uri)
    if place is not None:
        require_extra(place)
        if channel.kind != "S3Prefix":
            raise ValidationException(
                f"Channel {channel.name!r}: {channel.uri!r} is in an external bucket, of which "
                f"only S3Prefix is read, not {channel.kind}."
            )
    return {
        "name": channel.name,
        "uri": channel.uri,
        "path": "" if place else str(artifacts.resolve(channel.uri)),
        "kind": channel.kind,
        "sharded": channel.sharded,
        "content_type": channel.content_type,
        "external": place.to_json() if place else None,
    }


def _outputs(plan: TrainingPlan, workspace: Workspace) -> tuple[tuple[str, str], ...]:
    return tuple((f"out/{name}", _output_uri(workspace, plan, name)) for name in _ARCHIVES)


def _uploads(plan: TrainingPlan, workspace: Workspace) -> list[Json]:
    """Return what the job itself brings to an external bucket; empty where outputs stay here."""
    found = []
    for path, uri in _outputs(plan, workspace):
        place = workspace.artifacts.external(uri)
        if place is not None:
            require_extra(place)
            found.append({"path": path, "uri": uri, "place": place.to_json()})
    return found


def _output_uri(workspace: Workspace, plan: TrainingPlan, name: str) -> str:
    base = plan.output_uri or workspace.artifacts.uri()
    uri = "/".join((base.rstrip("/"), plan.name, "output", name))
    if workspace.artifacts.external(uri) is None:
        workspace.artifacts.resolve(uri)
    return uri


def _interpreter(plan: TrainingPlan) -> str:
    path = plan.interpreter or sys.executable
    if not (Path(path).is_absolute() and os.access(path, os.X_OK)):
        raise ValidationException(
            f"JUPYTER_ML_PYTHON={path!r} is not the absolute path of a Python that can be run."
        )
    return path
