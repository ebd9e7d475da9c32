"""Arrays as numpy writes them to `.npy` files: no text to read, whatever the size."""

from __future__ import annotations

import functools
import io
import tokenize
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.columns import PayloadError, Schema, check_count

if TYPE_CHECKING:
    from collections.abc import Sequence

NPY = "application/x-npy"
_KINDS = "biufUSmM"
_MAGIC = b"\x93NUMPY"
# What comes of a head that numpy takes for a literal of Python, and is none.
_NO_LITERAL = (SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


def rows_of(body: bytes, schema: Schema) -> Any:
    """Return the array in `body` as rows: one row, or one row for each entry.

    Raises
    ------
    PayloadError
        It is no array, or not of the model's width.
    """
    import numpy as np  # noqa: PLC0415  (the model's own)

    try:
        dtype, shape, by_column, start = _header(_head(body))
        array = np.frombuffer(body, dtype, offset=start)
        array = array.reshape(shape, order="F" if by_column else "C")
    except (ValueError, EOFError, *_NO_LITERAL) as error:
        msg = f"The body is not a .npy array: {error}. Write it with numpy.save."
        raise PayloadError(msg) from None
    if array.ndim == 1:
        # As in JSON: one row, or one value for each row of a model with a single column.
        array = array.reshape(-1, 1) if schema.n_features == 1 else array.reshape(1, -1)
    if array.ndim != 2:
        msg = f"The array has {array.ndim} dimensions; send one row, or rows and columns."
        raise PayloadError(msg)
    if not len(array):
        msg = "The request has no rows."
        raise PayloadError(msg)
    check_count(array.shape[1], schema)
    return array


def numbers(array: Any) -> Any:
    """Return the rows as float64; raise `PayloadError` where they are no numbers."""
    try:
        return array.astype("float64", copy=False)
    except (ValueError, TypeError):
        msg = f"The array holds {array.dtype} values, and the model takes numbers."
        raise PayloadError(msg) from None


def written(predictions: Any) -> bytes:
    """Return predictions as the content of a `.npy` file; text as numpy's strings.

    Raises
    ------
    PayloadError
        They have no one type.
    """
    import numpy as np  # noqa: PLC0415  (the model's own)

    array = np.asarray(predictions)
    if array.dtype.kind == "O":
        array = np.asarray(array.tolist())
    if array.dtype.kind not in _KINDS:
        msg = f"The predictions have the type {array.dtype}, which {NPY} cannot hold; ask for JSON."
        raise PayloadError(msg, 406)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _head(body: bytes) -> bytes:
    """Return what comes before the values, by its own account of its length."""
    if not body.startswith(_MAGIC):
        msg = "it does not begin as one"
        raise ValueError(msg)
    size = 2 if body[6:7] == b"\x01" else 4
    return body[: 8 + size + int.from_bytes(body[8 : 8 + size], "little")]


@functools.lru_cache(maxsize=64)
def _header(head: bytes) -> tuple[Any, Sequence[int], bool, int]:
    """Return type, shape, order and length; requests of one client have the same head."""
    import numpy as np  # noqa: PLC0415  (the model's own)

    file = io.BytesIO(head)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file))
    if read is None:
        msg = "its version is not known"
        raise ValueError(msg)
    shape, by_column, dtype = read(file)
    if dtype.kind not in _KINDS:
        msg = f"it holds {dtype}, not numbers or text"
        raise ValueError(msg)
    return dtype, shape, by_column, file.tell()
