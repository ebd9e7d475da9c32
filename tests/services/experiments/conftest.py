"""Experiments on a real store, beside a training service that runs nothing."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import types
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.core.context import Context
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.core.operations import Registry, operation
from jupyter_ml.core.resources import Resource
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.services import MECHANISM
from jupyter_ml.testing import ManualClock, ScriptedEngine, fresh_settings
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
TRAINING = "a_training_service_that_runs_nothing"


def create_training_job(ctx: Context, request: Json) -> Json:
    observed = {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting"}
    row = ctx.add("TrainingJob", request["TrainingJobName"], request=request, observed=observed)
    return {"TrainingJobArn": row.arn}


class House:
    """A workspace with experiments and the small training service."""

    def __init__(self, runtime: Runtime, clock: ManualClock) -> None:
        self.runtime = runtime
        self.clock = clock

    def call(self, name: str, **request: Any) -> Json:
        """Call an operation as a user, and let the reactors see it."""
        answer = Context(self.runtime, Principal("ada", "test")).call(name, request)
        tick(self.runtime)
        return answer

    def train(self, name: str, provenance: Json | None = None, **request: Any) -> str:
        """Create a training job, with a source archive where it comes from somewhere."""
        hyperparameters = dict(request.pop("HyperParameters", {}))
        if provenance is not None:
            uri = self.runtime.workspace.artifacts.uri(name, "sourcedir.tar.gz")
            self.runtime.workspace.artifacts.put_bytes(archive(provenance), uri)
            hyperparameters["sagemaker_submit_directory"] = json.dumps(uri)
        request = {"TrainingJobName": name, "HyperParameters": hyperparameters, **request}
        return str(self.call("CreateTrainingJob", **request)["TrainingJobArn"])

    def end(self, name: str, **observed: Any) -> None:
        """End a training job, as its service does."""
        observed = {
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "TrainingStartTime": self.clock.now + 1,
            "TrainingEndTime": self.clock.now + 2,
            **observed,
        }
        with Context(self.runtime, Principal("jupyter_ml", "tick")).writing() as ctx:
            row = ctx.update(ctx.get("TrainingJob", name), observed=observed)
            ctx.emit("TrainingJobEnded", row, {})
        tick(self.runtime)

    def log(self, component: str, **series: list[float]) -> None:
        """Log points of a run, as user code does in its process."""
        writer = Writer(self.run_dir(component))
        for name, values in series.items():
            for step, value in enumerate(values):
                writer.log(name, value, step, self.clock.now + step)
        writer.close()

    def run_dir(self, component: str) -> Path:
        return self.runtime.workspace.run_dir(component)

    def row(self, kind: str, key: str) -> Row | None:
        with Context(self.runtime, Principal("ada", "test")).reading() as ctx:
            return ctx.find(kind, key)


def archive(provenance: Json) -> bytes:
    """Return a source archive that says where it comes from."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in (
            ("cell.py", "print()"),
            (".jupyter_ml/provenance.json", json.dumps(provenance)),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    module = types.ModuleType(TRAINING)
    create_training_job.__module__ = TRAINING
    module.RESOURCES = (  # type: ignore[attr-defined]
        Resource("TrainingJob", "TrainingJobName", "training-job/{key}", "TrainingJobStatus"),
    )
    members = ("TrainingJobName", "HyperParameters", "ExperimentConfig", "InputDataConfig")
    module.MEMBERS = {  # type: ignore[attr-defined]
        "CreateTrainingJob": dict.fromkeys(
            (*members, "AlgorithmSpecification", "ResourceConfig"), "used"
        )
    }
    module.create_training_job = operation(create_training_job)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, TRAINING, module)
    return Registry([TRAINING, "jupyter_ml.services.experiments", *MECHANISM])


@pytest.fixture
def house(tmp_path: Path, registry: Registry) -> House:
    clock = ManualClock()
    workspace = Workspace(fresh_settings(tmp_path))
    return House(Runtime(workspace, registry, ScriptedEngine(), clock=clock), clock)
