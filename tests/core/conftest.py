"""A small service of our own kind, on a real store, without an engine."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.core.context import Context
from jupyter_ml.core.operations import Registry, operation
from jupyter_ml.core.resources import Resource
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import ManualClock, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVICE = "a_service_of_the_core_tests"


def create_experiment(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Create an experiment."""
    row = ctx.add("Experiment", request["ExperimentName"], request=request)
    return {"ExperimentArn": row.arn}


def create_model_package(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Create a numbered resource: twice is seen by the number."""
    number = len(ctx.rows("Experiment")) + 1
    ctx.add("Experiment", f"package-{number}", request={})
    return {"ModelPackageArn": f"package-{number}"}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """One resource with one operation; the others are derived."""
    module = types.ModuleType(SERVICE)
    create_experiment.__module__ = create_model_package.__module__ = SERVICE
    module.RESOURCES = (Resource("Experiment", "ExperimentName", "experiment/{key}"),)  # type: ignore[attr-defined]
    module.MEMBERS = {  # type: ignore[attr-defined]
        "CreateExperiment": {
            "ExperimentName": "used",
            "DisplayName": "used",
            "Description": "used",
            "Tags": "used",
        },
        "CreateModelPackage": {"ClientToken": "used", "ModelPackageDescription": "used"},
    }
    module.create_experiment = operation(create_experiment)  # type: ignore[attr-defined]
    module.create_model_package = operation(create_model_package)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, SERVICE, module)
    return Registry([SERVICE, "jupyter_ml.core.tagging"])


@pytest.fixture
def clock() -> ManualClock:
    """A clock that goes when it is told."""
    return ManualClock()


@pytest.fixture
def workspace(tmp_path: Path, database: str | None) -> Iterator[Workspace]:
    """An empty workspace."""
    workspace = Workspace(fresh_settings(tmp_path, database=database))
    yield workspace
    workspace.store.close()


@pytest.fixture
def runtime(workspace: Workspace, registry: Registry, clock: ManualClock) -> Runtime:
    """The workspace with the small service."""
    return Runtime(workspace, registry, engine=None, clock=clock)  # type: ignore[arg-type]


@pytest.fixture
def call(runtime: Runtime) -> Callable[..., dict[str, Any]]:
    """Call an operation as a user."""

    def call(name: str, **request: Any) -> dict[str, Any]:
        return Context(runtime, Principal("ada", "test")).call(name, request)

    return call
