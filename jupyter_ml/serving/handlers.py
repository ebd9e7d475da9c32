"""Who answers `/invocations`: the user's `inference.py`, or the default handler of a model.

SageMaker's rules: `model_fn`, `input_fn`, `predict_fn` and `output_fn` may each be defined or left
to the default; `transform_fn` replaces the last three.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.columns import PayloadError, Schema
from jupyter_ml.serving.models import Model, describe_model, load_estimator, read_manifest
from jupyter_ml.serving.payloads import (
    CSV,
    JSON,
    acceptable,
    decode,
    encode,
    media_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from jupyter_ml.serving.config import ServeConfig

_ARGUMENTS = {
    "model_fn": ("model_dir",),
    "input_fn": ("body", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "body", "content_type", "accept"),
}


class HandlerError(Exception):
    """The inference script cannot be used; the message says why."""


@dataclass(frozen=True)
class DefaultHandler:
    """Answers JSON and CSV rows with `model.predict`; requests may share a call."""

    model: Model

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the rows of a request; raises `PayloadError`."""
        return decode(body, content_type, self.model.schema)


class ScriptHandler:
    """Answers with the functions of an inference script, the rest by the default handler.

    Parameters
    ----------
    functions
        The script's functions by name.
    model
        What `model_fn` returned or the default loaded.
    default
        How to predict with it by default; `None` where it has no `predict`.
    """

    def __init__(
        self, functions: dict[str, Callable[..., Any]], model: Any, default: Model | None
    ) -> None:
        self._functions = functions
        self._model = model
        self._default = default

    def transform(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the response's body and content type for one request."""
        functions = self._functions
        payload = body.decode() if media_type(content_type) in {JSON, CSV} else body
        if "transform_fn" in functions:
            answer = functions["transform_fn"](self._model, payload, content_type, accept)
            return _as_response(answer, accept)
        if "input_fn" in functions:
            data = functions["input_fn"](payload, content_type)
        else:
            schema = self._default.schema if self._default else Schema()
            data = decode(body, content_type, schema)
        if "predict_fn" in functions:
            prediction = functions["predict_fn"](data, self._model)
        else:
            prediction = self._model.predict(data)
        if "output_fn" in functions:
            return _as_response(functions["output_fn"](prediction, accept), accept)
        if isinstance(prediction, bytes | str):
            return _as_response(prediction, accept)
        return encode(prediction, accept)


def load_handler(config: ServeConfig) -> DefaultHandler | ScriptHandler:
    """Load the model and return who answers for it.

    Raises
    ------
    HandlerError
        The script is missing or its functions do not go together.
    ModelFilesError
        The model's files cannot be told.
    Exception
        Whatever loading the model or the script raises.
    """
    manifest = read_manifest(config.model_dir)
    functions = _script_functions(config)
    if "model_fn" in functions:
        model = functions["model_fn"](str(config.model_dir))
    else:
        model = load_estimator(config.model_dir, manifest)
    if not functions.keys() - {"model_fn"}:
        return DefaultHandler(describe_model(model, manifest))
    default = describe_model(model, manifest) if hasattr(model, "predict") else None
    if default is None and not {"predict_fn", "transform_fn"} & functions.keys():
        msg = f"The model is a {type(model).__name__} without predict(); define predict_fn."
        raise HandlerError(msg)
    return ScriptHandler(functions, model, default)


def _script_functions(config: ServeConfig) -> dict[str, Callable[..., Any]]:
    code = config.model_dir / "code"
    wanted = config.program or os.environ.get("SAGEMAKER_PROGRAM")
    path = code / (wanted or "inference.py")
    if not path.exists():
        if wanted is None:
            return {}
        msg = f"The inference script {wanted!r} is not in the model's code folder."
        raise HandlerError(msg)
    module = _import_script(path, code)
    functions = {name: getattr(module, name) for name in _ARGUMENTS if hasattr(module, name)}
    if not functions:
        msg = f"{path.name} defines none of {', '.join(_ARGUMENTS)}."
        raise HandlerError(msg)
    extra = functions.keys() & {"input_fn", "predict_fn", "output_fn"}
    if "transform_fn" in functions and extra:
        msg = f"{path.name} defines transform_fn, which replaces {', '.join(sorted(extra))}."
        raise HandlerError(msg)
    for name, function in functions.items():
        _check_arguments(name, function)
    return functions


def _check_arguments(name: str, function: Callable[..., Any]) -> None:
    arguments = _ARGUMENTS[name]
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        msg = f"{name} must take ({', '.join(arguments)}): {error}."
        raise HandlerError(msg) from None


def _import_script(path: Path, code: Path) -> ModuleType:
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        msg = f"{path.name} is not a Python file."
        raise HandlerError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _as_response(answer: Any, accept: str) -> tuple[bytes, str]:
    if isinstance(answer, tuple):
        body, content_type = answer
    else:
        body, content_type = answer, _first_type(accept)
    if not isinstance(content_type, str) or not content_type.isprintable():
        msg = f"The handler returned the content type {content_type!r}; return one line of text."
        raise TypeError(msg)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray):
        msg = f"The handler returned {type(body).__name__}; return str, bytes or (body, type)."
        raise TypeError(msg)
    return bytes(body), content_type


def _first_type(accept: str) -> str:
    first = media_type(accept.split(",", 1)[0])
    try:
        return acceptable(accept)
    except PayloadError:
        return first
