"""Sizes, durations and counts as people read them."""

from __future__ import annotations

_KIB = 1024
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def size(bytes_: float) -> str:
    """Return a number of bytes, such as ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if bytes_ < _KIB:
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= _KIB
    return f"{bytes_:.1f} TiB"


def duration(seconds: float) -> str:
    """Return a duration, such as ``1.2 s`` or ``3 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
    return f"{seconds // _DAY_S:.0f} d {seconds % _DAY_S // _HOUR_S:.0f} h"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 job`` or ``2 jobs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def number(value: float | None) -> str:
    """Return a measured value in four significant digits; nothing for nothing."""
    return "" if value is None else f"{value:.4g}"
