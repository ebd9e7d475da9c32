"""The front's side of compiling: in a process of its own, while the model itself serves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.compiled.report import COMPILING, REPORT, Report, native
from jupyter_ml.serving.config import write_json
from jupyter_ml.serving.interpreters import command, environment
from jupyter_ml.serving.loading import INFERENCE_SCRIPT

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.serving.config import ServeConfig

_LIMIT_S = 300.0
# Of each worker, and of the compiler, which holds the model and the converters beside them.
_MEMORY_MB = 512


def known(config: ServeConfig, model: str) -> dict[str, Any]:
    """Return what is to be said of the model, called `model`, before it is compiled."""
    if not config.compiles:
        return native("compiling is switched off by JUPYTER_ML_COMPILE=off").to_json()
    if model == INFERENCE_SCRIPT:
        return native("an inference script answers, and only models are compiled").to_json()
    report = config.compiled_dir / REPORT
    if report.exists():
        found: dict[str, Any] = json.loads(report.read_text())
        return found
    if config.compiled_dir.exists():
        return native("compiling it took this process with it, see the log").to_json()
    needed_mb, has_mb = _MEMORY_MB * (config.workers + 1), config.memory_mb
    if has_mb is not None and has_mb < needed_mb:
        return native(
            f"the endpoint is held to {has_mb} MB of memory, and compiling begins at {needed_mb} MB"
        ).to_json()
    return Report(COMPILING, "The model serves itself while it is being compiled.").to_json()


async def compiled(config: ServeConfig) -> dict[str, Any]:
    """Compile the model in its own interpreter; return the report, whatever happens.

    The process has its own memory and modules, so that neither its work nor its end is felt by
    requests; it is killed with this task.
    """
    folder = config.compiled_dir
    try:
        folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            *command(config, "compiled.compiler", str(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            env=environment(config, config.workers),
        )
    except OSError as error:
        return native(f"the compiler could not be started ({error})").to_json()
    try:
        status = await asyncio.wait_for(process.wait(), _LIMIT_S)
    except asyncio.CancelledError:
        # An endpoint that ends in an orderly way may compile when it runs again.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except TimeoutError:
        return _noted(folder, f"compiling it took more than {_LIMIT_S:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    try:
        found: dict[str, Any] = json.loads((folder / REPORT).read_text())
    except (OSError, ValueError):
        return _noted(folder, f"the compiler ended with status {status}, see the log")
    return found


def _noted(folder: Path, reason: str) -> dict[str, Any]:
    """Return the report on a compiler that left none, and leave it for the next start."""
    report = native(reason).to_json()
    with contextlib.suppress(OSError):
        write_json(folder / REPORT, report)
    return report
