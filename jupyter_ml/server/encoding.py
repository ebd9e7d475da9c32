"""Answers as JSON that a browser can read."""

from __future__ import annotations

from typing import Any

import orjson

from jupyter_ml.contract.errors import ModelError, ServiceError


def encode(value: Any) -> str:
    """Return `value` as JSON; numbers that JSON lacks (a loss may be NaN) become null."""
    return orjson.dumps(value).decode()


def error_body(error: ServiceError) -> dict[str, Any]:
    """Return an error as all of our routes answer it."""
    body: dict[str, Any] = {"__type": error.code, "message": error.message}
    if isinstance(error, ModelError):
        body["OriginalStatusCode"] = error.original_status
        body["OriginalMessage"] = error.original_message
    return body
