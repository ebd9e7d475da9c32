"""How one of each kind of resource is made and brought to its end.

A new kind needs a recipe here, and nothing else: the suite then runs over it.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract import model
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.search.search import searchable
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.services import registry
from jupyter_ml.testing import ManualClock, ScriptedEngine, fresh_settings
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_ml.core.resources import Resource

Json = dict[str, Any]


class House:
    """A workspace with all services, on an engine that runs nothing."""

    def __init__(self, root: Path, database: str | None) -> None:
        self.clock = ManualClock()
        self.settings = fresh_settings(root, database=database)
        self.engine = ScriptedEngine()
        workspace = Workspace(self.settings)
        self.runtime = Runtime(workspace, registry(), self.engine, clock=self.clock)

    def call(self, operation: str, **request: Any) -> Json:
        """Call an operation as a user, a second after the one before, and let it take effect."""
        self.clock.advance(1)
        answer = Context(self.runtime, Principal("ada", "test")).call(operation, request)
        self.settle()
        return answer

    def settle(self) -> None:
        """Let what was wished take effect; once more, and what that led to does as well."""
        tick(self.runtime)

    def put(self, name: str, files: dict[str, bytes]) -> str:
        """Put an archive into the workspace; return its location."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        artifacts = self.runtime.workspace.artifacts
        return artifacts.put_bytes(buffer.getvalue(), artifacts.uri("tests", name))

    def exists(self, kind: str, key: str) -> bool:
        with Context(self.runtime, Principal("ada", "test")).reading() as ctx:
            return ctx.find(kind, key) is not None

    def ensure(self, kind: str, key: str) -> str:
        """Make a resource that another needs, unless it is there; return its key."""
        if not self.exists(kind, key):
            Subject(self, registry().resources[kind]).create(key)
        return key


@dataclass
class Subject:
    """One kind of resource in a house."""

    house: House
    resource: Resource

    @property
    def kind(self) -> str:
        return self.resource.kind

    def request(self, key: str, **members: Any) -> Json:
        """Return a request that creates one."""
        return {self.resource.key: key, **RECIPES[self.kind](self.house), **members}

    def create(self, key: str, **members: Any) -> Json:
        return self.house.call(f"Create{self.kind}", **self.request(key, **members))

    def describe(self, key: str) -> Json:
        return self.house.call(f"Describe{self.kind}", **{self.resource.key: key})

    def delete(self, key: str) -> Json:
        """Delete one, after its work was ended where it has to be."""
        if self.resource.stops:
            self.house.call(f"Stop{self.kind}", **{self.resource.key: key})
            self.house.settle()
        return self.house.call(f"Delete{self.kind}", **{self.resource.key: key})

    def list(self, **members: Any) -> Json:
        return self.house.call(f"List{self.kind}s", **members)

    def listed(self, **members: Any) -> list[str]:
        """Return the keys on one page."""
        answer = self.list(**members)
        (items,) = (value for name, value in answer.items() if name != "NextToken")
        return [item[self.resource.key] for item in items]


def _training_job(house: House) -> Json:
    return {
        "AlgorithmSpecification": {"TrainingImage": "jupyter-ml/python"},
        "HyperParameters": {
            "depth": "3",
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": house.put("sourcedir.tar.gz", {"train.py": b"pass"}),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def _model(house: House) -> Json:
    location = house.put("model.tar.gz", {"inference.py": b"def model_fn(folder): pass"})
    return {"PrimaryContainer": {"Image": "jupyter-ml/python", "ModelDataUrl": location}}


def _endpoint_config(house: House) -> Json:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": house.ensure("Model", "served"),
        "InitialInstanceCount": 1,
        "InstanceType": "ml.local",
    }
    return {"ProductionVariants": [variant]}


RECIPES: dict[str, Callable[[House], Json]] = {
    "Experiment": lambda _: {"Description": "what leaves"},
    "Trial": lambda house: {"ExperimentName": house.ensure("Experiment", "all")},
    "TrialComponent": lambda _: {"Parameters": {"depth": {"NumberValue": 3}}, "StartTime": 1},
    "TrainingJob": _training_job,
    "Model": _model,
    "EndpointConfig": _endpoint_config,
    "Endpoint": lambda house: {"EndpointConfigName": house.ensure("EndpointConfig", "configured")},
}


@pytest.fixture
def house(tmp_path: Path, database: str | None) -> Iterator[House]:
    house = House(tmp_path, database)
    yield house
    house.runtime.workspace.store.close()


@pytest.fixture
def subject(house: House, kind: str) -> Subject:
    """The kind under test, in a house of its own."""
    return Subject(house, registry().resources[kind])


def kinds(fits: Callable[[Resource], bool] = lambda _: True) -> list[str]:
    """Return the kinds of resource that a test is about."""
    derived = (each for each in registry().resources.values() if each.derives)
    return sorted(each.kind for each in derived if fits(each))


def lists_take(member: str, kind: str) -> bool:
    """Return whether the contract has this member for lists of a kind."""
    shape = model.operation(f"List{kind}s").input
    return shape is not None and member in shape.members


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a `kind` once for each, unless it says for which."""
    said = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "kind" not in metafunc.fixturenames or "kind" in said:
        return
    if "found" in metafunc.fixturenames:  # a test that searches
        found = {resource.kind for resource in searchable(registry().resources).values()}
        metafunc.parametrize("kind", kinds(lambda each: each.kind in found))
    else:
        metafunc.parametrize("kind", kinds())
