"""What the toolkit's functions are called with: refused in a sentence where it is of no use."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from typing import Any

from jupyter_ml.contract.errors import UsageError


def require_text(value: Any, what: str, example: str) -> None:
    """Refuse what is no text; `what` names the argument, `example` shows a call that works."""
    _require(isinstance(value, str), value, f"{what} is a text", example)


def require_path(value: Any, what: str, example: str) -> None:
    """Refuse what is no path."""
    is_path = isinstance(value, str | os.PathLike) and str(value) != ""
    _require(is_path, value, f"{what} is a path", example)


def require_names(value: Any, what: str, example: str) -> None:
    """Refuse what does not give things by names, which are texts."""
    is_named = isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    _require(is_named, value, f"{what} are given by name", example)


def require_number(value: Any, what: str, example: str) -> None:
    """Refuse what is no number; truths and texts are none, numpy's numbers are."""
    is_number = not isinstance(value, str | bytes | bool) and _converts(value)
    _require(is_number, value, f"{what} is a number", example)


def require_whole(value: Any, what: str, example: str) -> None:
    """Refuse what is no whole number."""
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    _require(is_whole, value, f"{what} is a whole number", example)


def require_kind(value: Any, kind: type, what: str, example: str) -> None:
    """Refuse what is not of a type."""
    _require(isinstance(value, kind), value, what, example)


def _require(is_good: bool, value: Any, what: str, example: str) -> None:  # noqa: FBT001
    if not is_good:
        raise UsageError(f"{what}, as in {example}; not {reprlib.repr(value)}.")


def _converts(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
