"""Whether a compiled model answers as the model does, and whether it is worth it."""

from __future__ import annotations

import statistics
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_ml.serving.compiled.program import Compiled, classes_of, natively
from jupyter_ml.serving.compiled.rows import drawn, odd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.serving.compiled.convert import Draft
    from jupyter_ml.serving.compiled.program import Program
    from jupyter_ml.serving.models import Model

# Relative to the largest answer; labels must agree exactly.
TOLERANCES = {"float64": 1e-9, "float32": 1e-5}
_ALONE = 16
_MANY = 1024
_TIMED_S = 0.5
_WORTH_IT = 1.2


class UnequalError(Exception):
    """The compiled model answers otherwise, or is not faster; the message says where."""


@dataclass(frozen=True)
class Checked:
    """A program that may serve.

    Parameters
    ----------
    program
        It, with its answers' type, what it covers and up to how many rows.
    rows
        What both predicted.
    tolerance
        The largest relative difference that was allowed; 0 for labels.
    native_us, compiled_us
        Time for one row, in microseconds.
    """

    program: Program
    rows: Any
    tolerance: float
    native_us: float
    compiled_us: float


def check(model: Model, draft: Draft, sample: Any, folder: Path) -> Checked:
    """Compare a converted model, whose files are in `folder`, with the model.

    Raises
    ------
    UnequalError
        They differ, or the compiled one is not faster.
    """
    schema = model.schema
    width = schema.n_features or 0
    kinds = [schema.dtypes.get(name) for name in schema.features or ()]
    whole = [kind is not None and "int" in kind.name.lower() for kind in kinds] or [False] * width
    rows = drawn(width, sample, draft.edges, whole)
    native = natively(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.asarray(native(rows))
        program = replace(draft.program, dtype=str(wanted.dtype), tail=wanted.shape[1:])
        compiled = Compiled(folder, program, classes_of(model))
        tolerance = TOLERANCES.get(str(wanted.dtype), 0.0)
        compare(compiled(rows), wanted, rows, tolerance)
        for at in range(_ALONE):
            one = slice(at, at + 1)
            compare(compiled(rows[one]), wanted[one], rows[one], tolerance)
        # A step that takes 32 bits is given what fits them.
        is_narrow = any(step.dtype == "float32" for step in program.steps)
        finite_only = is_narrow or not _agree_on_odd(compiled, native, odd(rows), tolerance)
        program = replace(program, finite_only=finite_only)
        one, many = rows[:1], np.resize(rows, (_MANY, width))
        native_s, compiled_s = _timed(native, compiled, one)
        if native_s < _WORTH_IT * compiled_s:
            msg = (
                f"compiled it takes {compiled_s * 1e6:.0f} µs for one row, itself "
                f"{native_s * 1e6:.0f} µs"
            )
            raise UnequalError(msg)
        max_rows = _crossing((native_s, compiled_s), _timed(native, compiled, many))
    program = replace(program, max_rows=max_rows)
    return Checked(program, rows, tolerance, native_s * 1e6, compiled_s * 1e6)


def differences(found: Any, wanted: Any, tolerance: float) -> Any:
    """Return for each row whether its answers differ by more than the tolerance."""
    if not tolerance:
        unequal = found != wanted
    else:
        largest = np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
        both_nan = np.isnan(found) & np.isnan(wanted)
        close = np.abs(found - wanted) <= tolerance * largest
        unequal = ~(close | (found == wanted) | both_nan)
    return np.asarray(unequal).reshape(len(wanted), -1).any(axis=1)


def compare(found: Any, wanted: Any, rows: Any, tolerance: float) -> None:
    """Raise `UnequalError`, with the row, where answers differ."""
    if found.shape != wanted.shape:
        msg = f"compiled it answers in the shape {found.shape}, not {wanted.shape}"
        raise UnequalError(msg)
    unequal = differences(found, wanted, tolerance)
    if unequal.any():
        at = int(unequal.argmax())
        row = ", ".join(f"{value:.6g}" for value in rows[at][:6])
        more = ", …" if rows.shape[1] > 6 else ""
        msg = f"compiled it answers {found[at]} for the row [{row}{more}], itself {wanted[at]}"
        raise UnequalError(msg)


def _agree_on_odd(
    compiled: Callable[[Any], Any], native: Callable[[Any], Any], rows: Any, tolerance: float
) -> bool:
    for row in rows:
        try:
            wanted = np.asarray(native(row[None]))
            found = compiled(row[None])
        except Exception:  # noqa: BLE001  (whoever refuses, the model itself is to answer)
            return False
        if found.shape != wanted.shape or differences(found, wanted, tolerance).any():
            return False
    return True


def _timed(
    native: Callable[[Any], Any], compiled: Callable[[Any], Any], rows: Any
) -> tuple[float, float]:
    """Return the median seconds of a call of each, measured in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    deadline = time.perf_counter() + _TIMED_S
    while len(taken[0]) < 3 or (len(taken[0]) < 200 and time.perf_counter() < deadline):
        for predict, times in zip((native, compiled), taken, strict=True):
            started = time.perf_counter()
            predict(rows)
            times.append(time.perf_counter() - started)
    return statistics.median(taken[0]), statistics.median(taken[1])


def _crossing(one: tuple[float, float], many: tuple[float, float]) -> int | None:
    """Return up to how many rows the compiled model is faster; `None` where it always is."""
    if many[1] <= many[0]:
        return None
    gained, lost = one[0] - one[1], many[1] - many[0]
    return max(1, int(1 + (_MANY - 1) * gained / (gained + lost)))


def described(checked: Checked, engine: str) -> str:
    """Return one or two sentences on what was compiled and what was found."""
    program = checked.program
    equal = f"equal within {checked.tolerance:g}" if checked.tolerance else "equal"
    sentence = (
        f"Compiled by {engine}: {checked.native_us / checked.compiled_us:.0f} times faster for one "
        f"row ({checked.native_us:.0f} µs -> {checked.compiled_us:.0f} µs), checked {equal} on "
        f"{len(checked.rows)} rows."
    )
    left = []
    if program.max_rows is not None:
        left.append(f"more than {program.max_rows} rows at once")
    if program.finite_only:
        left.append("rows with missing or infinite values")
    return f"{sentence} The model itself answers {' and '.join(left)}." if left else sentence
