"""Endpoints of a workspace as a client sees them, and the models that they serve."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import joblib
import psutil
import pytest
from load import Load
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from jupyter_ml.client import LocalClient
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_S = 60


class Endpoints:
    """Endpoints of a workspace, as a client sees them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.client = LocalClient(fresh_settings(folder, **settings))

    def seen_with(self, **settings: Any) -> Endpoints:
        """Return the same workspace as a client with these settings sees it."""
        return Endpoints(self.folder, **settings)

    def configure(self, name: str, data: Path, **variant: Any) -> None:
        """Create a model and an endpoint configuration of the same name."""
        environment = variant.pop("Environment", {})
        container = {"ModelDataUrl": str(data), "Environment": environment}
        self.client.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
        variant = {"VariantName": "AllTraffic", "ModelName": name, **variant}
        self.client.call(
            "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]}
        )

    def deploy(self, name: str, data: Path, **variant: Any) -> None:
        """Create an endpoint with all that it needs; it is still being created afterwards."""
        self.configure(name, data, **variant)
        self.client.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})

    def update(self, name: str, configuration: str) -> None:
        """Have an endpoint serve another configuration."""
        request = {"EndpointName": name, "EndpointConfigName": configuration}
        self.client.call("UpdateEndpoint", request)

    def status(self, name: str) -> dict[str, Any]:
        """Return the description of an endpoint."""
        return self.client.call("DescribeEndpoint", {"EndpointName": name})

    def live(self) -> list[Any]:
        """Return the attempts that have not ended."""
        with Context(self.client.runtime, Principal("tester", "test")).reading() as ctx:
            return ctx.live_attempts()

    def until(self, condition: Callable[[], Any]) -> None:
        """Look after the endpoints until a condition holds, as the toolkit's waiters do."""
        eventually(lambda: (self.client.attend(), condition())[1], timeout_s=START_S, poll_s=0.1)

    def wait(self, name: str, wanted: str = "InService") -> dict[str, Any]:
        """Wait for a status; return the description."""
        self.until(lambda: self.status(name)["EndpointStatus"] == wanted)
        return self.status(name)

    def invoke(self, name: str, body: Any, **members: Any) -> Any:
        """Return the parsed body of an answer."""
        request = {
            "EndpointName": name,
            "Body": json.dumps(body),
            "ContentType": "application/json",
        }
        return json.loads(self.client.call("InvokeEndpoint", {**request, **members})["Body"])

    def load(self, name: str) -> Load:
        """Return clients that invoke an endpoint without a pause."""
        return Load(lambda: self.invoke(name, []))

    def wait_until_nobody_ticks(self) -> None:
        """Wait for the end of all processes that tick this workspace on their own."""
        command = list(self.client.runtime.tick_command)

        def ticks() -> bool:
            found = psutil.process_iter(["cmdline"])
            return any(process.info["cmdline"] == command for process in found)

        eventually(lambda: not ticks(), timeout_s=START_S)

    def scripted(self, name: str, text: str) -> Path:
        """Return a model.tar.gz that holds this inference script."""
        folder = self.folder / name
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "inference.py").write_text(text)
        return _packed(folder)

    def answering(self, text: str) -> Path:
        """Return a model that answers each request with a text."""
        return self.scripted(
            text,
            "def model_fn(d): return 0\n"
            f"def transform_fn(m, body, ct, accept): return {json.dumps(json.dumps(text))}\n",
        )


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[Endpoints]:
    """Endpoints of a fresh workspace; they end with the test."""
    made = Endpoints(tmp_path)
    yield made
    for endpoint in made.client.call("ListEndpoints", {"MaxResults": 100})["Endpoints"]:
        made.client.call("DeleteEndpoint", {"EndpointName": endpoint["EndpointName"]})
    made.until(lambda: not made.live())


@pytest.fixture(scope="session")
def frame() -> Any:
    """Return the rows that the model of `archive` was fitted on."""
    return load_breast_cancer(as_frame=True).data


@pytest.fixture(scope="session")
def archive(frame: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model.tar.gz as a training job writes it."""
    folder = tmp_path_factory.mktemp("model")
    target = load_breast_cancer().target
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(frame, target)
    joblib.dump(model, folder / "model.joblib")
    manifest = {
        "format": "joblib",
        "file": "model.joblib",
        "features": list(frame.columns),
        "libraries": {"scikit-learn": "0.1"},
        "sample": {"columns": list(frame.columns), "data": [frame.iloc[0].tolist()]},
    }
    (folder / "jupyter_ml.json").write_text(json.dumps(manifest))
    return _packed(folder)


def _packed(folder: Path) -> Path:
    target = folder.with_suffix(".tar.gz")
    with tarfile.open(target, "w:gz") as tar:
        tar.add(folder, ".")
    return target
