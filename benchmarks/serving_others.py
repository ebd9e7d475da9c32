"""Other servers in the benchmark of serving: how each is started, asked and read."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import psutil
from load import Request
from measure import environment, virtual_environment
from serving_contestants import MODELS, PEERS, START_S, Server, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SKLEARN = f"scikit-learn=={metadata.version('scikit-learn')}"
_MODEL = ("torch==2.13.0", _SKLEARN, "joblib")


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


def _first_answer(request: Request, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.perf_counter() + START_S
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
