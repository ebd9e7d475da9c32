"""Channels as matrices: CSV, LIBSVM and Parquet with the label first, and RecordIO."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack  # type: ignore[import-untyped]

from jupyter_ml.algorithms.recordio import CONTENT_TYPE as RECORDIO
from jupyter_ml.algorithms.recordio import NotRecords, read_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

CSV, LIBSVM, PARQUET = "text/csv", "text/libsvm", "application/x-parquet"
_TYPES = {
    CSV: CSV,
    LIBSVM: LIBSVM,
    "text/x-libsvm": LIBSVM,
    PARQUET: PARQUET,
    RECORDIO: RECORDIO,
}
_ENDINGS = {
    ".csv": CSV,
    ".libsvm": LIBSVM,
    ".svm": LIBSVM,
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".recordio": RECORDIO,
    ".pbr": RECORDIO,
}


class DataError(ValueError):
    """Data that cannot be read; the message names the file and what to do."""

    failure_reason = "ClientError"


class Table(NamedTuple):
    """Features and labels of a channel.

    `features` is of shape (n_rows, n_columns), dense or a CSR matrix; `labels` and `weights`
    (or `None`) are of shape (n_rows,).
    """

    features: Any
    labels: NDArray[Any]
    weights: NDArray[Any] | None


def read_table(folder: Path, content_type: str | None, *, weighted: bool = False) -> Table:
    """Return all files of a channel as one table.

    Parameters
    ----------
    folder
        The channel's folder.
    content_type
        As the channel declares it; by default each file's ending says what it is.
    weighted
        Whether the column after the label holds the weights of the rows.

    Raises
    ------
    DataError
        A file is of another format or the files do not fit together.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [_read(path, _kind(path, content_type)) for path in files]
    if len({part.shape[1] for part, _ in parts}) > 1 and all(_dense(part) for part, _ in parts):
        widths = ", ".join(
            f"{path.name}: {part.shape[1]}" for path, (part, _) in zip(files, parts, strict=True)
        )
        msg = f"The files of {folder.name} differ in their number of feature columns ({widths})."
        raise DataError(msg)
    features, labels = _joined(parts)
    if not weighted:
        return Table(features, labels, None)
    if not _dense(features) or features.shape[1] < 2:
        msg = "csv_weights=1 needs CSV or Parquet with label, weight and at least one feature."
        raise DataError(msg)
    return Table(features[:, 1:], labels, features[:, 0])


def _kind(path: Path, content_type: str | None) -> str:
    if content_type:
        kind = _TYPES.get(content_type.partition(";")[0].strip().lower())
        if kind is None:
            msg = f"Content type {content_type!r} is not one of {', '.join(sorted(set(_TYPES)))}."
            raise DataError(msg)
        return kind
    # SageMaker's own default
    return _ENDINGS.get(path.suffix.lower(), LIBSVM)


def _read(path: Path, kind: str) -> tuple[Any, Any]:
    if kind == LIBSVM:
        return _read_libsvm(path)
    if kind == RECORDIO:
        return _read_recordio(path)
    matrix = _read_parquet(path) if kind == PARQUET else _read_csv(path)
    if matrix.ndim != 2 or matrix.shape[1] < 2 or not len(matrix):
        msg = f"{path.name} must have rows of a label and at least one feature."
        raise DataError(msg)
    return matrix[:, 1:], matrix[:, 0]


def _read_csv(path: Path) -> Any:
    with path.open(newline="", encoding="utf-8") as file:
        first = next(csv.reader(file), [])
    wrong = [cell for cell in first if cell.strip() and not _is_number(cell)]
    if wrong:
        msg = (
            f"{path.name} begins with {wrong[0]!r}, which is no number. CSV for a built-in "
            "algorithm has no header, the label in the first column, and numbers only."
        )
        raise DataError(msg)
    try:
        import pandas as pd  # noqa: PLC0415  (optional; reads CSV several times faster)

        return pd.read_csv(path, header=None, dtype=np.float32).to_numpy()
    except ImportError:
        return np.genfromtxt(path, delimiter=",", dtype=np.float32, ndmin=2)
    except ValueError as error:
        msg = f"{path.name} cannot be read as CSV of numbers: {error}."
        raise DataError(msg) from None


def _read_parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415  (optional)
    except ImportError:
        msg = f"{path.name} is Parquet, and pyarrow is not installed in this interpreter."
        raise DataError(msg) from None
    table = pq.read_table(path)
    return np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float32)


def _read_recordio(path: Path) -> tuple[Any, Any]:
    try:
        return read_records(path)
    except NotRecords as error:
        msg = (
            f"{path.name} cannot be read as {RECORDIO}: {error}. Write it with the SDK's "
            "write_numpy_to_dense_tensor or write_spmatrix_to_sparse_tensor, with labels."
        )
        raise DataError(msg) from None


def _read_libsvm(path: Path) -> tuple[Any, Any]:
    labels: list[float] = []
    values: list[float] = []
    columns: list[int] = []
    starts = [0]
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = text.partition("#")[0].split()
        if not words:
            continue
        try:
            labels.append(float(words[0].partition(":")[0]))
            for word in words[1:]:
                index, _, value = word.partition(":")
                columns.append(int(index))
                values.append(float(value))
        except ValueError:
            msg = (
                f"Line {number} of {path.name} is not LIBSVM (label index:value ...): "
                f"{text[:60]!r}. Declare the channel's ContentType if it is text/csv."
            )
            raise DataError(msg) from None
        starts.append(len(values))
    matrix = csr_matrix((np.asarray(values, np.float32), columns, starts))
    return matrix, np.asarray(labels, np.float32)


def _joined(parts: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    labels = np.concatenate([labels for _, labels in parts])
    blocks = [features for features, _ in parts]
    if all(map(_dense, blocks)):
        return np.concatenate(blocks), labels
    width = max(block.shape[1] for block in blocks)
    widened = [csr_matrix(block) for block in blocks]
    for block in widened:
        block.resize((block.shape[0], width))
    return vstack(widened, format="csr"), labels


def _dense(features: Any) -> bool:
    return not hasattr(features, "tocsr")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def channel_folder(name: str) -> Path | None:
    """Return the folder of a channel, `None` where the job has no such channel."""
    folder = os.environ.get(f"SM_CHANNEL_{name.upper()}")
    return Path(folder) if folder else None
