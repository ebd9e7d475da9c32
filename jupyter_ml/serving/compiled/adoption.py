"""A process that holds a model takes its compiled double from the attempt's folder."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.compiled.program import FILE, Compiled, Program, classes_of, natively

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.serving.models import Model

ROWS = "rows.npy"


def is_there(folder: Path) -> bool:
    """Return whether `folder` holds a program that passed its check."""
    return (folder / FILE).exists()


def with_compiled(model: Model, folder: Path) -> Model:
    """Return `model` with the program in `folder` in front of it.

    Both predict the stored rows once more: this process may have started long after the check,
    with other versions of the libraries.

    Raises
    ------
    UnequalError
        Their answers differ.
    ImportError
        onnxruntime is not installed here.
    """
    import numpy as np  # noqa: PLC0415  (the model's own)

    from jupyter_ml.serving.compiled.check import TOLERANCES, compare  # noqa: PLC0415

    compiled = Compiled(folder, Program.read(folder), classes_of(model))
    native = natively(model)
    rows = np.load(folder / ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.asarray(native(rows))
        compare(compiled(rows), wanted, rows, TOLERANCES.get(str(wanted.dtype), 0.0))

    def predict(rows: Any) -> Any:
        # Requests that were read before the program was there may hold frames.
        if hasattr(rows, "columns"):
            return model.predict(rows)
        return compiled(rows) if compiled.covers(rows) else native(rows)

    return replace(model, predict=predict, schema=replace(model.schema, as_frame=False))
