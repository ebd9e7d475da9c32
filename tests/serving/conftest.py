"""Real serving processes for the tests, with models made small."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import joblib
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "t" * 32
START_S = 60
LIMIT = 6_291_456


def script(folder: Path, text: str) -> Path:
    """Return a model folder with this inference script and no model."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text(text)
    return folder


@dataclass
class Served:
    """A serving process and how to reach it."""

    attempt_dir: Path
    process: subprocess.Popen[bytes]
    port: int = field(default=0)

    def read(self, name: str) -> Any:
        """Return a JSON file of the attempt, or `None` while it is not there."""
        path = self.attempt_dir / name
        return json.loads(path.read_text()) if path.exists() else None

    def wait(self) -> Served:
        """Wait until it is ready; return it."""
        eventually(lambda: self.read("ready.json") or self._ended(), timeout_s=START_S)
        assert self.process.poll() is None, self.log()
        self.port = self.read("address.json")["port"]
        return self

    def start_again(self) -> Served:
        """End the process and start it in the same attempt, as its supervisor does."""
        self.process.terminate()
        self.process.wait(START_S)
        for name in ("ready.json", "address.json"):
            (self.attempt_dir / name).unlink()
        environment = {**os.environ, "JUPYTER_ML_ATTEMPT_DIR": str(self.attempt_dir)}
        self.process = _started(self.attempt_dir, environment)
        return self

    def wait_for_end(self) -> int:
        """Wait for the end of the process; return its exit status."""
        return self.process.wait(START_S)

    def log(self) -> str:
        """Return what it printed."""
        return (self.attempt_dir / "log").read_text()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> tuple[int, bytes]:
        """Return status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        connection.request(method, path, body, {**authorization, **(headers or {})})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def invoke(
        self, body: Any, content_type: str = "application/json", **headers: str
    ) -> tuple[int, Any]:
        """Return status and parsed body of an invocation."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.request(
            "POST", "/invocations", payload, {"Content-Type": content_type, **headers}
        )
        text = answer.decode()
        return status, json.loads(text) if text.startswith("{") else text

    def _ended(self) -> bool:
        return self.process.poll() is not None


def launch(
    attempt_dir: Path,
    model_dir: Path,
    environ: dict[str, str] | None = None,
    pass_fds: tuple[int, ...] = (),
    **settings: Any,
) -> Served:
    """Start a serving process for the model in `model_dir`; its caller ends it.

    Nothing is compiled unless a test asks for it: that would only take time from the others.
    """
    attempt_dir.mkdir()
    model = {"model_dir": str(model_dir), "compiles": False}
    config = {"endpoint": "e", "token": TOKEN, **model, **settings}
    (attempt_dir / "serve.json").write_text(json.dumps(config))
    environment = {**os.environ, "JUPYTER_ML_ATTEMPT_DIR": str(attempt_dir), **(environ or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return Served(attempt_dir, _started(attempt_dir, environment, pass_fds))


def _started(
    attempt_dir: Path, environment: dict[str, str], pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    with (attempt_dir / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyter_ml.serving"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
        )


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start serving processes that end with the test."""
    started: list[Served] = []

    def start(model_dir: Path, **how: Any) -> Served:
        started.append(launch(tmp_path / f"attempt-{len(started)}", model_dir, **how))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, its folder and the rows it was fitted on."""

    model_dir: Path
    estimator: Any
    frame: Any


@pytest.fixture(scope="session")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Gradient boosting on the breast cancer data, stored with a manifest."""
    frame = load_breast_cancer(as_frame=True).data
    target = load_breast_cancer().target
    estimator = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(frame, target)
    folder = tmp_path_factory.mktemp("cancer")
    joblib.dump(estimator, folder / "model.joblib")
    manifest = {
        "format": "joblib",
        "file": "model.joblib",
        "class": "GradientBoostingClassifier",
        "outputs": ["model"],
        "features": list(frame.columns),
        "n_features": frame.shape[1],
        "libraries": {"scikit-learn": "0.1.0"},
        "sample": frame.iloc[0].tolist(),
    }
    (folder / "jupyter_ml.json").write_text(json.dumps(manifest))
    return Fitted(folder, estimator, frame)


@pytest.fixture(scope="session")
def cancer_endpoint(cancer: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the gradient boosting model, for tests that leave it as it is."""
    served = launch(tmp_path_factory.mktemp("endpoint") / "attempt", cancer.model_dir)
    yield served.wait()
    served.process.kill()
    served.process.wait()
