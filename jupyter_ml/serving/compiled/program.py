"""A compiled model at work: sessions of ONNX Runtime, one after another, and the model behind them.

Needs numpy and onnxruntime; both are imported when a program is loaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.serving.models import Model

FILE = "program.json"
# Larger values do not fit the 32-bit floats of scikit-learn's trees; the model says so itself.
_LARGEST = 3.4e38


class NotConvertibleError(Exception):
    """A model has no compiled form; the message says why."""


@dataclass(frozen=True)
class Step:
    """One ONNX model of a program.

    Parameters
    ----------
    file
        Its name in the program's folder.
    dtype
        Type of its input.
    single
        Whether the rows are rounded to 32 bits first, as scikit-learn's trees do.
    columns
        Names of its inputs where each column is one; empty where all are one matrix.
    """

    file: str
    dtype: str = "float64"
    single: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finish:
    """What becomes of the scores of a tree ensemble.

    Parameters
    ----------
    base
        Added to each score.
    divisor
        Number of trees where scores are averages.
    link
        `identity`, `sigmoid`, `softmax`, `exponential` or `label`: the place of the largest score
        in the model's `classes_`.
    """

    base: tuple[float, ...] = (0.0,)
    divisor: float = 1.0
    link: str = "identity"


@dataclass(frozen=True)
class Program:
    """How a compiled model predicts.

    Parameters
    ----------
    steps, finish
        What is computed; no finish where the last step answers as the model does.
    dtype, tail
        Type of the model's own answers, and their shape for one row.
    finite_only
        Whether rows with missing or infinite values are left to the model.
    max_rows
        The model itself is faster for more rows than this; `None` where it never is.
    """

    steps: tuple[Step, ...]
    finish: Finish | None = None
    dtype: str = "float64"
    tail: tuple[int, ...] = ()
    finite_only: bool = True
    max_rows: int | None = None

    def write(self, folder: Path) -> None:
        """Write the program beside the files of its steps."""
        (folder / FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Program:
        """Return the program in `folder`."""
        values = json.loads((folder / FILE).read_text())
        finish = values.pop("finish")
        if finish is not None:
            finish = Finish(**{**finish, "base": tuple(finish["base"])})
        steps = (
            Step(**{**step, "columns": tuple(step["columns"])}) for step in values.pop("steps")
        )
        values["tail"] = tuple(values["tail"])
        return cls(steps=tuple(steps), finish=finish, **values)


@dataclass(frozen=True)
class _Session:
    run: Callable[..., list[Any]]
    step: Step
    names: tuple[str, ...]
    outputs: list[str] = field(default_factory=list)

    def __call__(self, rows: Any) -> Any:
        if self.step.single:
            rows = rows.astype("float32", copy=False)
        rows = rows.astype(self.step.dtype, copy=False)
        if not self.step.columns:
            return self.run(self.outputs, {self.names[0]: rows})[0]
        columns = {name: rows[:, at : at + 1] for at, name in enumerate(self.names)}
        return self.run(self.outputs, columns)[0]


class Compiled:
    """A loaded program: arrays of float64 rows to what the model would answer.

    Parameters
    ----------
    folder
        Of the program and its steps.
    classes
        `classes_` of the model, where it has them.
    """

    def __init__(self, folder: Path, program: Program, classes: Any) -> None:
        self.program = program
        self._sessions = [_open(folder, step) for step in program.steps]
        self._classes = classes

    def __call__(self, rows: Any) -> Any:
        """Return the predictions for an array of shape (n_rows, n_features)."""
        if self.program.finite_only:
            return self._run(rows)
        import numpy as np  # noqa: PLC0415  (the rows are its own)

        # What does not fit 32 bits becomes infinite, as it does in the model itself.
        with np.errstate(over="ignore"):
            return self._run(rows)

    def _run(self, rows: Any) -> Any:
        program = self.program
        for session in self._sessions:
            rows = session(rows)
        if program.finish is not None:
            rows = finished(rows, program.finish, self._classes)
        return rows.reshape(-1, *program.tail).astype(program.dtype, copy=False)

    def covers(self, rows: Any) -> bool:
        """Return whether the program, and not the model itself, is to answer these rows."""
        program = self.program
        if program.max_rows is not None and len(rows) > program.max_rows:
            return False
        # NaN fails both comparisons.
        return not program.finite_only or (rows.min() > -_LARGEST and rows.max() < _LARGEST)


def natively(model: Model) -> Callable[[Any], Any]:
    """Return how the model itself predicts an array, as a frame where it takes one."""
    schema = model.schema
    if not schema.as_frame:
        return model.predict

    def predict(rows: Any) -> Any:
        import pandas as pd  # noqa: PLC0415  (only models that take frames need it)

        from jupyter_ml.serving.dtypes import restored  # noqa: PLC0415

        columns = None if schema.features is None else list(schema.features)
        return model.predict(restored(pd.DataFrame(rows, columns=columns), schema.dtypes))

    return predict


def classes_of(model: Model) -> Any:
    """Return the labels of a classifier, `None` for anything else."""
    return getattr(model.estimator, "classes_", None)


def finished(scores: Any, finish: Finish, classes: Any) -> Any:
    """Return what a tree ensemble answers for the sums of its trees' leaves."""
    import numpy as np  # noqa: PLC0415  (the scores are its own)

    if finish.divisor != 1.0:
        scores = scores / scores.dtype.type(finish.divisor)
    else:
        scores = scores + np.asarray(finish.base, dtype=scores.dtype)
    if finish.link == "label":
        places = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
        return places if classes is None else classes.take(places)
    if finish.link == "sigmoid":
        return 1 / (1 + np.exp(-scores))
    if finish.link == "exponential":
        return np.exp(scores)
    if finish.link == "softmax":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return scores


def _open(folder: Path, step: Step) -> _Session:
    import onnxruntime  # noqa: PLC0415  (an extra)

    options = onnxruntime.SessionOptions()
    # One row is too little work to share; a thread that waits for more would take a core.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = str(folder / step.file)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        msg = f"ONNX Runtime cannot run it ({' '.join(str(error).split())[:160]})"
        raise NotConvertibleError(msg) from error
    names = step.columns or (session.get_inputs()[0].name,)
    return _Session(session.run, step, names, [session.get_outputs()[0].name])
