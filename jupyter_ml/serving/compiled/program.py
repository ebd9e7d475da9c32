"""A compiled model at work: sessions of ONNX Runtime, one after another, and the model behind them.

Needs numpy and onnxruntime; both are imported when a program is loaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.serving.models import Model

FILE = "program.json"
# A row whose values have a larger sum of squares may hold one that does not fit the 32-bit floats
# of scikit-learn's trees; the model says so itself.
_LARGEST_SQUARE = 1e76


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
    columns
        Names of its inputs where each column is one; empty where all are one matrix.
    """

    file: str
    dtype: str = "float64"
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
    dtype
        Type of the scores.
    link
        `identity`, `sigmoid`, `softmax`, `exponential` or `label`: the place of the largest score
        in the model's `classes_`.
    """

    base: tuple[float, ...] = (0.0,)
    divisor: float = 1.0
    dtype: str = "float64"
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
    dtype: Any
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    by_column: bool

    def __call__(self, rows: Any) -> Any:
        if rows.dtype != self.dtype:
            rows = rows.astype(self.dtype)
        if not self.by_column:
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
        import numpy as np  # noqa: PLC0415  (the model's own)

        self._sessions = [_open(folder, step) for step in program.steps]
        self._shape = (-1, *program.tail)
        self._dtype = np.dtype(program.dtype)
        self._finish = None if program.finish is None else finisher(program.finish, classes)

    def __call__(self, rows: Any) -> Any:
        """Return the predictions for an array of shape (n_rows, n_features)."""
        for session in self._sessions:
            rows = session(rows)
        if self._finish is not None:
            rows = self._finish(rows)
        # After a pause each operation of numpy costs microseconds, even one that changes nothing.
        if rows.ndim != len(self._shape):
            rows = rows.reshape(self._shape)
        return rows if rows.dtype == self._dtype else rows.astype(self._dtype)

    def covers(self, rows: Any) -> bool:
        """Return whether the program, and not the model itself, is to answer these rows."""
        program = self.program
        if program.max_rows is not None and len(rows) > program.max_rows:
            return False
        if not program.finite_only:
            return True
        values = rows.ravel()
        # One pass finds what is missing, infinite or huge: NaN fails the comparison.
        return bool(values.dot(values) < _LARGEST_SQUARE)


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


def finisher(finish: Finish, classes: Any) -> Callable[[Any], Any]:
    """Return what turns the sums of a tree ensemble's leaves into its answers."""
    import numpy as np  # noqa: PLC0415  (the model's own)

    base = np.asarray(finish.base, dtype=finish.dtype)
    divisor = base.dtype.type(finish.divisor)
    labels = np.arange(max(2, len(base))) if classes is None else classes
    # Of one row each label as an array: nothing is to be computed.
    alone = [labels[place : place + 1] for place in range(len(labels))]

    def scaled(sums: Any) -> Any:
        return sums + base if finish.divisor == 1.0 else sums / divisor

    def label(sums: Any) -> Any:
        scores = scaled(sums)
        if scores.size == 1:
            return alone[1 if scores.item() > 0 else 0]
        if scores.shape[1] == 1:
            return labels.take((scores[:, 0] > 0).view("int8"))
        if len(scores) == 1:
            return alone[scores.argmax()]
        return labels.take(scores.argmax(axis=1))

    def softmax(sums: Any) -> Any:
        scores = scaled(sums)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    links: dict[str, Callable[[Any], Any]] = {
        "identity": scaled,
        "label": label,
        "sigmoid": lambda sums: 1 / (1 + np.exp(-scaled(sums))),
        "exponential": lambda sums: np.exp(scaled(sums)),
        "softmax": softmax,
    }
    return links[finish.link]


def _open(folder: Path, step: Step) -> _Session:
    import numpy as np  # noqa: PLC0415  (the model's own)
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
    outputs = (session.get_outputs()[0].name,)
    return _Session(session.run, np.dtype(step.dtype), names, outputs, bool(step.columns))
