"""Our endpoint in the benchmark of serving, and our server without a model."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from load import Request
from measure import environment
from serving_contestants import MODELS, PEERS, START_S, Server, ask

from jupyter_ml.client import LocalClient
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Ours:
    """Our endpoint, deployed in a workspace of its own and asked at its own URL."""

    name: str
    compiles: bool

    def read(self, answer: Any) -> Any:
        """Return the predictions of an answer."""
        return answer["predictions"]

    def body(self, rows: Any) -> str:
        """Return the body of a request."""
        return json.dumps({"instances": rows})

    @contextlib.contextmanager
    def running(self, model: str, rows: Any) -> Iterator[Server]:
        """Deploy, wait until the model is compiled, and delete when the block ends."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
            client = LocalClient(fresh_settings(Path(root)))
            _create(client, _archive(model, Path(root)), "on" if self.compiles else "off")
            started = time.perf_counter()
            name = {"EndpointName": "benchmark"}
            client.call("CreateEndpoint", {**name, "EndpointConfigName": "benchmark"})
            try:
                card = eventually(lambda: _answering(client), timeout_s=START_S)
                token = Path(card["TokenFile"]).read_text()
                headers = {"Authorization": f"Bearer {token}"}
                request = Request(card["Url"], self.body(rows[:1]), headers)
                ask(request, request.body)
                cold_s = time.perf_counter() - started
                note = eventually(lambda: _compilation(client), timeout_s=START_S)
                yield Server(_process(root), request, cold_s, note)
            finally:
                client.call("DeleteEndpoint", name)
                eventually(lambda: client.attend() or not _processes(root), timeout_s=START_S)


@dataclass(frozen=True)
class NoModel(Ours):
    """Our server without a model."""

    @contextlib.contextmanager
    def running(self, model: str, rows: Any) -> Iterator[Server]:
        """Run the server until the block ends."""
        del model
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
            folder = Path(root)
            (folder / "model").mkdir()
            config = {"endpoint": "none", "token": "t" * 32, "compiles": False}
            (folder / "serve.json").write_text(json.dumps(config))
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, str(PEERS / "no_model.py")],
                env=environment(JUPYTER_ML_ATTEMPT_DIR=root),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                eventually((folder / "ready.json").exists, timeout_s=START_S)
                port = json.loads((folder / "address.json").read_text())["port"]
                headers = {"Authorization": f"Bearer {config['token']}"}
                url = f"http://127.0.0.1:{port}/invocations"
                request = Request(url, self.body(rows[:1]), headers)
                ask(request, request.body)
                cold_s = time.perf_counter() - started
                yield Server(psutil.Process(process.pid), request, cold_s)
            finally:
                process.terminate()
                process.wait()


def _create(client: LocalClient, archive: Path, compiles: str) -> None:
    container = {"ModelDataUrl": str(archive), "Environment": {"JUPYTER_ML_COMPILE": compiles}}
    client.call("CreateModel", {"ModelName": "benchmark", "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": "benchmark"}
    config = {"EndpointConfigName": "benchmark", "ProductionVariants": [variant]}
    client.call("CreateEndpointConfig", config)


def _archive(model: str, root: Path) -> Path:
    folder = root / "model"
    shutil.copytree(MODELS / model, folder)
    manifest = {"format": "joblib", "file": "model.joblib", "n_features": 20}
    (folder / "jupyter_ml.json").write_text(json.dumps(manifest))
    target = root / "model.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        archive.add(folder, ".")
    return target


def _answering(client: LocalClient) -> Any:
    client.attend()
    card = client.call("WatchEndpoint", {"EndpointName": "benchmark"})["Card"]
    if card["EndpointStatus"] == "Failed":
        raise RuntimeError(card["FailureReason"])
    return card if card["EndpointStatus"] == "InService" and card.get("Url") else None


def _compilation(client: LocalClient) -> str | None:
    watched = client.call("WatchEndpoint", {"EndpointName": "benchmark"})
    found = watched.get("Compilation", {})
    return found.get("Message") if found.get("Status") != "Compiling" else None


def _processes(root: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            folder = process.environ().get("JUPYTER_ML_ATTEMPT_DIR", "")
            if folder.startswith(root) and "jupyter_ml.serving" in process.cmdline():
                found.append(process)
    return found


def _process(root: str) -> psutil.Process:
    return min(_processes(root), key=lambda process: process.create_time())
