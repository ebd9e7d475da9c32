"""Who takes part in the benchmark of serving, how each is started, asked and read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from load import Request
from measure import BUILD, environment, virtual_environment

from jupyter_ml.client import LocalClient
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEERS = Path(__file__).parent / "serving_peers"
MODELS = BUILD / "serving"
_START_S = 120.0
_SKLEARN = f"scikit-learn=={metadata.version('scikit-learn')}"
_MODEL = ("torch==2.13.0", _SKLEARN, "joblib")


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Parameters
    ----------
    process
        Whose processor time and memory count, with all its descendants.
    request
        What asks it for the predictions of one row.
    cold_s
        From its start to its first answer, in seconds.
    note
        What it says of itself.
    """

    process: psutil.Process
    request: Request
    cold_s: float
    note: str = ""


@dataclass(frozen=True)
class Peer:
    """Another server, in an environment of its own.

    Parameters
    ----------
    requirements
        What its environment holds; peers with equal ones share it.
    command
        Its command with `{python}`, `{bin}`, `{port}` and `{folder}`, a folder for its files.
    path
        Where requests go.
    body, read
        Rows to the body of a request, and the body of an answer to the predictions.
    prepare
        A command that runs once before; a function that writes files into the folder.
    """

    name: str
    environment: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    path: str = "/predict"
    body: Callable[[Any], str] = lambda rows: json.dumps({"instances": rows})
    read: Callable[[Any], Any] = lambda answer: answer["predictions"]
    settings: dict[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    files: Callable[[Path, int], None] | None = None

    @property
    def python(self) -> Path:
        """Python of its environment, made when it is not there."""
        return virtual_environment(self.environment, *_MODEL, *self.requirements)

    @property
    def version(self) -> str:
        """Name and version of the package that it is."""
        package = self.requirements[0].partition("[")[0]
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return f"{package} {done.stdout.strip()}"

    @contextlib.contextmanager
    def running(self, model: str, rows: Any) -> Iterator[Server]:
        """Run the server until the block ends."""
        python, port = self.python, _free_port()
        folder = MODELS / self.name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        if self.files is not None:
            self.files(folder, port)
        names = {"python": python, "bin": python.parent, "port": port, "folder": folder}
        variables = environment(
            BENCHMARK_MODELS=str(MODELS),
            BENCHMARK_MODEL=model,
            PYTHONPATH=str(PEERS),
            PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            BENTOML_DO_NOT_TRACK="True",
            MLFLOW_DISABLE_TELEMETRY="true",
            RAY_USAGE_STATS_ENABLED="0",
            **self.settings,
        )
        log = folder / "log"
        if self.prepare:
            prepare = [word.format(**names) for word in self.prepare]
            with log.open("w") as file:
                subprocess.run(prepare, env=variables, stdout=file, stderr=file, check=True)
        started = time.perf_counter()
        with log.open("w") as file:
            process = subprocess.Popen(
                [word.format(**names) for word in self.command],
                env=variables,
                cwd=folder,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            request = Request(f"http://127.0.0.1:{port}{self.path}", self.body(rows[:1]))
            _first_answer(request, process, log)
            yield Server(psutil.Process(process.pid), request, time.perf_counter() - started)
        finally:
            _end(process)


def _v2(rows: Any) -> str:
    data = [value for row in rows for value in row]
    shape = [len(rows), len(rows[0])]
    return json.dumps(
        {"inputs": [{"name": "rows", "shape": shape, "datatype": "FP64", "data": data}]}
    )


def _mlserver(batches: bool) -> Callable[[Path, int], None]:  # noqa: FBT001  (one of two)
    def write(folder: Path, port: int) -> None:
        model: dict[str, Any] = {"name": "model", "implementation": "mlserver_runtime.Runtime"}
        if batches:
            model |= {"max_batch_size": 64, "max_batch_time": 0.002}
        settings = {
            "http_port": port,
            "grpc_port": _free_port(),
            "metrics_endpoint": None,
            "host": "127.0.0.1",
            "debug": False,
            # With batching its own process is quicker than one worker beside it.
            "parallel_workers": 0 if batches else 1,
        }
        (folder / "model-settings.json").write_text(json.dumps(model))
        (folder / "settings.json").write_text(json.dumps(settings))

    return write


_BATCHES = {"BENCHMARK_BATCHES": "1"}
_UVICORN = ("--log-level", "warning", "--no-access-log", "--app-dir", str(PEERS))
PEERS_BY_NAME = {
    peer.name: peer
    for peer in (
        Peer(
            "FastAPI",
            "fastapi",
            ("fastapi", "uvicorn[standard]"),
            ("{bin}/uvicorn", "fastapi_app:app", "--port", "{port}", *_UVICORN),
        ),
        *(
            Peer(
                name,
                "mlserver",
                # Its worker does not start with newer ones: "There is no current event loop".
                ("mlserver", "uvloop<0.22"),
                ("{bin}/mlserver", "start", "{folder}"),
                "/v2/models/model/infer",
                _v2,
                lambda answer: answer["outputs"][0]["data"],
                files=_mlserver(batches),
            )
            for name, batches in (("MLServer", False), ("MLServer batching", True))
        ),
        *(
            Peer(
                name,
                "bentoml",
                ("bentoml",),
                (
                    "{bin}/bentoml",
                    "serve",
                    "bentoml_service:Service",
                    "--port",
                    "{port}",
                    "--working-dir",
                    str(PEERS),
                ),
                read=lambda answer: answer,
                settings=settings,
            )
            for name, settings in (("BentoML", {}), ("BentoML batching", _BATCHES))
        ),
        *(
            Peer(
                name,
                "litserve",
                ("litserve",),
                ("{python}", str(PEERS / "litserve_app.py"), "{port}"),
                settings=settings,
            )
            for name, settings in (("LitServe", {}), ("LitServe batching", _BATCHES))
        ),
        Peer(
            "mlflow models serve",
            "mlflow",
            ("mlflow",),
            (
                "{bin}/mlflow",
                "models",
                "serve",
                "--model-uri",
                "{folder}/model",
                "--port",
                "{port}",
                "--env-manager",
                "local",
            ),
            "/invocations",
            lambda rows: json.dumps({"inputs": rows}),
            prepare=("{python}", str(PEERS / "mlflow_save.py"), "{folder}/model"),
        ),
        *(
            Peer(
                name,
                "ray",
                ("ray[serve]",),
                ("{python}", str(PEERS / "ray_app.py"), "{port}"),
                "/",
                settings=settings,
            )
            for name, settings in (("Ray Serve", {}), ("Ray Serve batching", _BATCHES))
        ),
    )
}


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
                card = eventually(lambda: _answering(client), timeout_s=_START_S)
                token = Path(card["TokenFile"]).read_text()
                headers = {"Authorization": f"Bearer {token}"}
                request = Request(card["Url"], self.body(rows[:1]), headers)
                ask(request, request.body)
                cold_s = time.perf_counter() - started
                note = eventually(lambda: _compilation(client), timeout_s=_START_S)
                yield Server(_process(root), request, cold_s, note)
            finally:
                client.call("DeleteEndpoint", name)
                eventually(lambda: client.attend() or not _processes(root), timeout_s=_START_S)


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
                eventually((folder / "ready.json").exists, timeout_s=_START_S)
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


def ask(request: Request, body: str) -> Any:
    """Return what a server answers to a body."""
    sent = urllib.request.Request(request.url, body.encode(), request.all_headers)  # noqa: S310
    with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310  (our own address)
        return json.loads(answer.read())


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


def _first_answer(request: Request, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.perf_counter() + _START_S
    problem = "it never answered"
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            ask(request, request.body)
        except OSError as error:
            problem = str(error)
            if getattr(error, "code", 0) == 422:
                break
            time.sleep(0.01)
        else:
            return
    last = log.read_text(errors="replace").strip().rpartition("\n")[2]
    msg = f"{problem}; the last line of its log: {last[:200]}"
    raise RuntimeError(msg)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        for one in psutil.wait_procs(family, timeout=5)[1]:
            with contextlib.suppress(psutil.Error):
                one.kill()
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
