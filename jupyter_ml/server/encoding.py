"""Answers as JSON that a browser can read."""

from __future__ import annotations

import json
import math
from typing import Any

from jupyter_ml.contract.errors import ModelError, ServiceError


def encode(value: Any) -> str:
    """Return `value` as JSON; numbers that JSON lacks (a loss may be NaN) become null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def error_body(error: ServiceError) -> dict[str, Any]:
    """Return an error as all of our routes answer it."""
    body: dict[str, Any] = {"__type": error.code, "message": error.message}
    if isinstance(error, ModelError):
        body["OriginalStatusCode"] = error.original_status
        body["OriginalMessage"] = error.original_message
    return body


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
