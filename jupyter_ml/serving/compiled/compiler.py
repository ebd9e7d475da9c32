"""The process that compiles a model; what it finds, good or bad, ends up in `report.json`."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving import codec
from jupyter_ml.serving.compiled.adoption import ROWS
from jupyter_ml.serving.compiled.program import NotConvertibleError
from jupyter_ml.serving.compiled.report import COMPILED, REPORT, Report, native
from jupyter_ml.serving.config import ServeConfig, write_json
from jupyter_ml.serving.handlers import DefaultHandler, load_handler
from jupyter_ml.serving.models import read_manifest
from jupyter_ml.serving.payloads import JSON, decode
from jupyter_ml.serving.selftest import request_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.serving.models import Model

log = logging.getLogger(__name__)

_NICENESS = 10
# Compiling holds the model a second time.
_MAX_BYTES = 256_000_000
_NEEDED = ("numpy", "onnx", "onnxruntime", "skl2onnx", "treelite")


def main(folder: str) -> None:
    """Compile the model of the attempt in the environment into `folder`."""
    os.nice(_NICENESS)
    config = ServeConfig.read(Path(os.environ["JUPYTER_ML_ATTEMPT_DIR"]))
    config.log()
    os.environ.update(config.environment)
    report = compiled(config, Path(folder))
    write_json(Path(folder) / REPORT, report.to_json())


def compiled(config: ServeConfig, folder: Path) -> Report:
    """Compile a model into `folder`; return what came of it."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return _not_installed(", ".join(missing))
    size = sum(path.stat().st_size for path in config.model_dir.rglob("*") if path.is_file())
    if size > _MAX_BYTES:
        return native(
            f"its files have {size / 1e6:.0f} MB, and compiling a model of more than "
            f"{_MAX_BYTES / 1e6:.0f} MB could take the memory of the endpoint"
        )
    handler = load_handler(config)
    if not isinstance(handler, DefaultHandler):
        return native("an inference script answers, and only models are compiled")
    try:
        return _compiled(handler.model, read_manifest(config.model_dir), folder)
    except ImportError as error:
        return _not_installed(error.name or str(error))


def _compiled(model: Model, manifest: Mapping[str, Any], folder: Path) -> Report:
    import numpy as np  # noqa: PLC0415  (an interpreter without it never comes here)
    import onnxruntime  # noqa: PLC0415  (an extra)

    from jupyter_ml.serving.compiled.check import (  # noqa: PLC0415  (needs numpy)
        UnequalError,
        check,
        described,
    )
    from jupyter_ml.serving.compiled.convert import convert  # noqa: PLC0415

    try:
        draft = convert(model)
        for name, content in draft.files.items():
            (folder / name).write_bytes(content)
        checked = check(model, draft, _sample(model, manifest), folder)
    except (NotConvertibleError, UnequalError) as error:
        return native(str(error))
    except Exception as error:  # whatever it is, the model itself goes on serving
        log.exception("Compiling the model failed.")
        return native(f"compiling it failed with {type(error).__name__}: {error}"[:300])
    np.save(folder / ROWS, checked.rows)
    checked.program.write(folder)
    engine = f"ONNX Runtime {onnxruntime.__version__}"
    speedup = round(checked.native_us / checked.compiled_us, 1)
    return Report(COMPILED, described(checked, engine), engine, speedup, len(checked.rows))


def _sample(model: Model, manifest: Mapping[str, Any]) -> Any:
    """Return the row stored with the model as numbers, `None` where there is none."""
    if manifest.get("sample") is None:
        return None
    body = codec.dumps(request_of(manifest["sample"]))
    return decode(body, JSON, replace(model.schema, as_frame=False))[0]


def _not_installed(what: str) -> Report:
    return native(
        f"{what} is not installed in {sys.executable}. Install jupyter_ml[compile] there to have "
        "models compiled when they are deployed"
    )
