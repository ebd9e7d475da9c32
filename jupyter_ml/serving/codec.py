"""JSON with the fastest parser at hand; a worker's interpreter may have the standard one only."""

from __future__ import annotations

import json
import math
from typing import Any

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


def loads(body: bytes) -> Any:
    """Return the value that `body` spells; NaN and Infinity are taken as Python writes them.

    Raises
    ------
    ValueError
        `body` is not JSON.
    """
    if orjson is not None:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # `json.dumps` writes NaN, which orjson refuses and the standard parser takes
    try:
        value = json.loads(body)
    except RecursionError:
        msg = "it is nested too deeply"
        raise ValueError(msg) from None
    if b"\\ud" in body.lower():
        # The standard parser takes half a character, too, which could not be answered with.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def dumps(value: Any) -> bytes:
    """Return `value` as JSON; arrays become lists, NaN becomes null.

    Raises
    ------
    TypeError
        Something in `value` has no JSON form.
    """
    if orjson is not None:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(_finite(value), separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    msg = f"{type(value).__name__} has no JSON form; return lists, numbers, strings or arrays."
    raise TypeError(msg)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return value
