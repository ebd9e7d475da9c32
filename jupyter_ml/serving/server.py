"""The serving process from start to end: load, test, tell, serve, stop without dropping a request.

The listening socket is the supervisor's (`JUPYTER_ML_LISTEN_FD`), so callers wait instead of being
refused while the process starts again; without one the process binds a port of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.detach import detach
from jupyter_ml.engine.environment import background
from jupyter_ml.harness.archive import notes_of
from jupyter_ml.serving.app import App, Backend
from jupyter_ml.serving.compiled.report import COMPILED, COMPILING
from jupyter_ml.serving.compiling import compiled, known
from jupyter_ml.serving.config import ServeConfig, write_json, write_text
from jupyter_ml.serving.failure import failure_of
from jupyter_ml.serving.loading import load, settle
from jupyter_ml.serving.models import ModelFilesError, read_manifest
from jupyter_ml.serving.stats import Stats
from jupyter_ml.serving.workers import WorkerFailedError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

log = logging.getLogger(__name__)

_METRICS_EVERY_S = 1.0
_BACKLOG = 2048


def serve(attempt_dir: Path) -> int:
    """Serve the endpoint of `attempt_dir` until SIGTERM; return the exit status.

    Writes `ready.json` when the model answers, `failure.json` when it cannot be loaded.
    """
    for name in ("ready.json", "failure.json"):
        (attempt_dir / name).unlink(missing_ok=True)
    try:
        config = ServeConfig.read(attempt_dir)
        config.log()
        write_text(attempt_dir / "token", config.token)
        config = config.brought()
        config.unpack()
        return _run(with_interpreter(config))
    except WorkerFailedError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001  (the boundary: all of it is reported)
        failure = failure_of(error, "Loading the model")
    log.error("%s", failure["Message"], extra={"traceback": failure["Traceback"]})
    write_json(attempt_dir / "failure.json", failure)
    _spawn_tick(attempt_dir)
    return 1


def with_interpreter(config: ServeConfig) -> ServeConfig:
    """Return the configuration with the Python that trained the model, unless it names one.

    Raises
    ------
    ModelFilesError
        That Python is gone.
    """
    manifest = read_manifest(config.model_dir)
    if "interpreter" not in manifest and config.model_data is not None:
        manifest = notes_of(config.model_data)  # a script's model has no manifest
    interpreter = config.interpreter or manifest.get("interpreter")
    if interpreter in {None, sys.executable}:
        return replace(config, interpreter=None)
    if config.interpreter is None and not os.access(interpreter, os.X_OK):
        raise ModelFilesError(
            f"{interpreter} (Python {manifest.get('python', 'unknown')}), which trained the model, "
            "is gone. Name another Python with the same libraries as JUPYTER_ML_PYTHON in the "
            "model's Environment."
        )
    return replace(config, interpreter=interpreter)


def _run(config: ServeConfig) -> int:
    try:
        import uvloop  # noqa: PLC0415  (an extra: faster where it is)
    except ImportError:
        asyncio.run(_serve(config))
    else:
        uvloop.run(_serve(config))
    return 0


async def _serve(config: ServeConfig) -> None:
    try:
        import uvicorn  # noqa: PLC0415  (a worker imports this package without it)
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"{sys.executable} has no uvicorn, which serves endpoints. Install jupyter_ml there "
            "with its dependencies, or name the model's Python as JUPYTER_ML_PYTHON."
        ) from error

    listener = _listening_socket(config)
    stats = Stats()
    with contextlib.suppress(OSError, ValueError):
        stats.restore(json.loads((config.attempt_dir / "metrics.json").read_text()))
    async with _backend(config) as (backend, ready):
        settle()
        app = App(config, backend, stats, ready)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_protocol(),
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(config.timeout_s) + 1,
            )
        )
        ready["compilation"] = known(config, ready["model"])
        write_json(config.attempt_dir / "ready.json", ready)
        _spawn_tick(config.attempt_dir)
        tasks = [
            asyncio.create_task(_report(config.attempt_dir, app)),
            asyncio.create_task(_compile(config, backend, ready)),
        ]
        # uvicorn drains, puts these handlers back and raises the signal again: then it is over.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        try:
            await server.serve(sockets=[listener])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _protocol() -> Any:
    """Return uvicorn's protocol with a short way for invocations, where its parser is installed."""
    try:
        from jupyter_ml.serving.shortcut import Shortcut  # noqa: PLC0415  (it needs httptools)
    except ImportError:
        return "auto"
    return Shortcut


async def _compile(config: ServeConfig, backend: Backend, ready: dict[str, Any]) -> None:
    """Compile the model once it serves, change over to what passed, and tell."""
    report = ready["compilation"]
    if report["Status"] == COMPILING:
        report = await compiled(config)
        if report["Status"] == COMPILED:
            report = await backend.adopt(config.compiled_dir) or report
            settle()
        write_json(config.attempt_dir / "ready.json", {**ready, "compilation": report})
    log.info("%s", report["Message"])


@contextlib.asynccontextmanager
async def _backend(config: ServeConfig) -> AsyncIterator[tuple[Backend, dict[str, Any]]]:
    if config.shares_process:
        inference, ready = await load(config)
        yield inference, ready.to_json()
        return
    pool = WorkerPool(config)
    try:
        yield pool, await pool.start()
    finally:
        await pool.stop()


def _listening_socket(config: ServeConfig) -> socket.socket:
    inherited = os.environ.get("JUPYTER_ML_LISTEN_FD")
    if inherited is not None:
        return socket.socket(fileno=int(inherited))
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    # asyncio sets it on connections of sockets that tell their protocol, which this one does not;
    # without it a body waits 40 ms for the caller to acknowledge the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    host, port = listener.getsockname()
    write_json(config.attempt_dir / "address.json", {"host": host, "port": port})
    return listener


async def _report(attempt_dir: Path, app: App) -> None:
    """Keep `metrics.json` fresh, for readers that must not wait for this process."""
    written: object = None
    while True:
        metrics = app.metrics()
        state = (metrics["requests"], metrics["workers"])
        if state != written:
            # A full disk costs the figures, never the endpoint.
            with contextlib.suppress(OSError):
                write_json(attempt_dir / "metrics.json", metrics)
                written = state
        await asyncio.sleep(_METRICS_EVERY_S)


def _spawn_tick(attempt_dir: Path) -> None:
    try:
        command = ServeConfig.read(attempt_dir).tick
    except (OSError, ValueError, KeyError, json.JSONDecodeError):
        return
    if not command:
        return
    try:
        detach(command, attempt_dir / "tick.log", background(os.environ))
    except (OSError, subprocess.CalledProcessError):
        log.exception("The workspace could not be told; it looks for itself in a while.")
