"""Requests into rows for the model, and its predictions into responses: JSON, CSV and npy."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from jupyter_ml.serving import codec, npy
from jupyter_ml.serving.columns import PayloadError, Schema, check_count, order_of, shown
from jupyter_ml.serving.dtypes import restored
from jupyter_ml.serving.npy import NPY

JSON = "application/json"
CSV = "text/csv"
_LARGEST_FIELD = 1 << 30
_FORMS = (
    'a list of rows, {"instances": [...]}, {"columns": [...], "data": [...]} or a list of records'
)
# Types of numpy that Python's own numbers hold exactly; 32-bit floats would get more digits.
_LISTED = ("d", "l", "q", "i", "?")
_NUMBERS = (*_LISTED, "f")
_FEW = 16


class Table(NamedTuple):
    """Rows as they were sent; `columns` where the sender named them."""

    columns: tuple[str, ...] | None
    rows: list[Any]


def decode(body: bytes, content_type: str, schema: Schema) -> Any:
    """Return the rows of a request as the model takes them.

    Parameters
    ----------
    body
        The request's body.
    content_type
        `application/json`, `text/csv` or `application/x-npy`; parameters after a semicolon are
        ignored.
    schema
        What the model takes.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float64, or a data frame
        In the model's order of columns.

    Raises
    ------
    PayloadError
        The body cannot be read, or its columns are not the model's.
    """
    kind = content_type if content_type == JSON else media_type(content_type)
    if kind == JSON:
        try:
            value = codec.loads(body)
        except ValueError as error:
            msg = f"The body is not JSON: {error}. Send {_FORMS}."
            raise PayloadError(msg) from None
        array = None if schema.as_frame else _array_of_plain_rows(value, schema)
        if array is not None:
            return array
        table = _table_of_value(value, schema)
    elif kind == CSV:
        table = _table_of_plain_csv(body, schema) or _table_of_csv(body, schema)
    elif kind == NPY:
        array = npy.rows_of(body, schema)
        return _framed(array, schema) if schema.as_frame else npy.numbers(array)
    else:
        msg = f"Content type {content_type!r} is not served; send {JSON}, {CSV} or {NPY}."
        raise PayloadError(msg, 415)
    if not table.rows:
        msg = "The request has no rows."
        raise PayloadError(msg)
    return _arranged(table, schema)


def encode(predictions: Any, accept: str) -> tuple[bytes, str]:
    """Return predictions as a body and its content type, by the `Accept` header.

    Raises
    ------
    PayloadError
        None of JSON, CSV and npy is accepted.
    """
    kind = JSON if accept == JSON else acceptable(accept)
    if kind == JSON:
        return codec.dumps({"predictions": _listed(predictions)}), JSON
    predictions = _plain(predictions)
    if kind == NPY:
        return npy.written(predictions), NPY
    rows = predictions.tolist() if hasattr(predictions, "tolist") else list(predictions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(row if isinstance(row, list | tuple) else _fields_of(row) for row in rows)
    return text.getvalue().encode(), CSV


def written_each(predictions: Any) -> list[bytes] | None:
    """Return the JSON of each row of predictions as `encode` writes it for one row alone.

    Returns
    -------
    list of bytes or None
        `None` where predictions are not an array of numbers, one or a list for each row.
    """
    dtype = getattr(predictions, "dtype", None)
    if getattr(dtype, "char", "") not in _NUMBERS or predictions.ndim not in {1, 2}:
        return None
    text = codec.dumps(_plain(predictions))
    if predictions.ndim == 1:
        return [b'{"predictions":[%b]}' % one for one in text[1:-1].split(b",")]
    return [b'{"predictions":[[%b]]}' % one for one in text[2:-2].split(b"],[")]


def _fields_of(value: Any) -> list[Any]:
    """Return what stands in a line for a number, or for a record of numbers and lists."""
    if not isinstance(value, dict):
        return [value]
    parts = (part if isinstance(part, list) else [part] for part in value.values())
    return [field for part in parts for field in part]


def acceptable(accept: str) -> str:
    """Return the content type to answer with, of those that `accept` names in its order."""
    for part in accept.split(","):
        kind = media_type(part)
        if kind in {"", "*/*", "application/*", JSON}:
            return JSON
        if kind in {CSV, "text/*"}:
            return CSV
        if kind == NPY:
            return NPY
    msg = f"Accept {accept!r} cannot be served; ask for {JSON}, {CSV} or {NPY}."
    raise PayloadError(msg, 406)


def media_type(header: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return header.split(";", 1)[0].strip().lower()


def _listed(predictions: Any) -> Any:
    """Return predictions as lists where they are few, for which lists are written faster."""
    dtype = getattr(predictions, "dtype", None)
    if getattr(dtype, "char", "") in _LISTED and predictions.size <= _FEW:
        return predictions.tolist()
    return _plain(predictions)


def _plain(predictions: Any) -> Any:
    """Return predictions as an array of numbers or as lists."""
    if hasattr(predictions, "to_numpy"):  # a frame or a series
        predictions = predictions.to_numpy()
    kind = getattr(getattr(predictions, "dtype", None), "kind", None)
    if kind is None:
        return predictions
    if kind not in "biuf":
        return predictions.tolist()
    # Numbers of 32 bits are written with no digit too many where they lie one after another.
    flags = getattr(predictions, "flags", None)
    return predictions if flags is None or flags.c_contiguous else predictions.copy()


def _array_of_plain_rows(value: Any, schema: Schema) -> Any:
    """Return lists of numbers as the array that they are; `None` for what must be looked at."""
    if type(value) is dict:
        value = value.get("instances")
    if type(value) is not list or not value or type(value[0]) is not list:
        return None
    import numpy as np  # noqa: PLC0415  (the model's own; a script's handler may need none)

    try:
        array = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    fits = array.ndim == 2 and schema.n_features in (None, array.shape[1])
    return array if fits else None


def _table_of_value(value: Any, schema: Schema) -> Table:
    if isinstance(value, dict):
        if "instances" in value:
            value = value["instances"]
        elif "data" in value:
            return Table(_names(value.get("columns")), _rows(value["data"], schema))
        else:
            value = [value]
    rows = _rows(value, schema)
    if rows and isinstance(rows[0], dict):
        return _table_of_records(rows, schema)
    return Table(None, rows)


def _names(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list | None):
        msg = f"The columns are {shown(value)}, not a list of names."
        raise PayloadError(msg)
    return tuple(map(str, value)) if value else None


def _rows(value: Any, schema: Schema) -> list[Any]:
    if not isinstance(value, list):
        msg = f"The body holds {type(value).__name__}, not rows. Send {_FORMS}."
        raise PayloadError(msg)
    if value and not isinstance(value[0], list | dict):
        # One flat list is one row, or one value for each row of a model with a single column.
        return [[item] for item in value] if schema.n_features == 1 else [value]
    return value


def _table_of_records(records: list[Any], schema: Schema) -> Table:
    columns = tuple(records[0])
    is_listed = columns == ("features",) and isinstance(records[0]["features"], list)
    if schema.features is not None and not is_listed:
        order_of(columns, schema.features)
    rows = []
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or record.keys() != records[0].keys():
            wrong = set(record) ^ set(columns) if isinstance(record, dict) else record
            msg = f"Record {number} has other columns than the first one: {shown(wrong)}."
            raise PayloadError(msg)
        rows.append(record["features"] if is_listed else [record[name] for name in columns])
    return Table(None if is_listed else columns, rows)


def _table_of_plain_csv(body: bytes, schema: Schema) -> Table | None:
    """Return rows that are numbers alone, read as JSON; `None` where they are anything else.

    The parser of JSON reads them ten times as fast as that of CSV with a conversion of each field.
    """
    if schema.as_frame:
        return None
    lines = body.strip().replace(b"\r\n", b"\n")
    columns = None
    first, _, rest = lines.partition(b"\n")
    try:
        head = _table_of_csv(first + b"\n" + rest.partition(b"\n")[0], schema)
        if head.columns:
            columns, lines = head.columns, rest
        rows = codec.loads(b"[[" + lines.replace(b"\n", b"],[") + b"]]")
    except (PayloadError, ValueError):
        return None
    is_plain = all(set(map(type, row)) <= {int, float} for row in rows)
    is_even = rows[0] and len(set(map(len, rows))) == 1
    return Table(columns, rows) if is_even and is_plain else None


def _table_of_csv(body: bytes, schema: Schema) -> Table:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"The CSV is not UTF-8: {error}."
        raise PayloadError(msg) from None
    # The module's own limit is below that of a body, which is held to here.
    csv.field_size_limit(_LARGEST_FIELD)
    try:
        rows: list[list[Any]] = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        msg = f"The body is not CSV: {error}."
        raise PayloadError(msg) from None
    columns = None
    if rows and _is_header(rows[0], rows[1:2], schema):
        columns = tuple(name.strip() for name in rows.pop(0))
    names = columns or schema.features or ()
    # Of an array, all fields are numbers and read at once.
    keep = [not schema.as_frame or _is_text(name, schema) for name in names]
    if not names:
        keep = [not schema.as_frame] * max(map(len, rows), default=0)
    return Table(columns, [_fields(row, keep) for row in rows])


def _is_text(name: str, schema: Schema) -> bool:
    return name in schema.dtypes and schema.dtypes[name].is_text


def _fields(row: list[str], keep: list[bool]) -> list[Any]:
    kept = [*keep, *[False] * (len(row) - len(keep))]
    return [
        (field if field.strip() else None) if text else _value(field)
        for field, text in zip(row, kept, strict=False)
    ]


def _is_header(first: list[str], following: list[list[str]], schema: Schema) -> bool:
    if schema.features is not None and not set(schema.features).isdisjoint(
        name.strip() for name in first
    ):
        return True
    if any(_is_number(field) for field in first):
        return False
    return not schema.as_frame or any(_is_number(field) for row in following for field in row)


def _is_number(field: str) -> bool:
    return isinstance(_value(field), int | float)


def _value(field: str) -> Any:
    field = field.strip()
    for convert in (int, float):
        try:
            return convert(field)
        except ValueError:
            continue
    return field or None


def _arranged(table: Table, schema: Schema) -> Any:
    order = None
    if table.columns is not None and schema.features is not None:
        order = order_of(table.columns, schema.features)
    if schema.as_frame:
        _check_shape(table, schema)
        return _frame(table, schema)
    array = _array(table, schema)
    if order is not None and order != list(range(len(order))):
        array = array[:, order]
    return array


def _check_shape(table: Table, schema: Schema) -> None:
    width = len(table.columns) if table.columns else _width(table.rows[0], 1)
    check_count(width, schema)
    for number, row in enumerate(table.rows, 1):
        if _width(row, number) != width:
            msg = f"Row {number} has {len(row)} values, not {width}."
            raise PayloadError(msg)


def _width(row: Any, number: int) -> int:
    if not isinstance(row, list):
        msg = f"Row {number} is {shown(row)}, not a list of values. Send {_FORMS}."
        raise PayloadError(msg)
    return len(row)


def _array(table: Table, schema: Schema) -> Any:
    import numpy as np  # noqa: PLC0415  (the model's own; a script's handler may need none)

    try:
        array = np.asarray(table.rows, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        pass
    else:
        named = None if table.columns is None else len(table.columns)
        # A model that a script loads may not tell how many values it takes.
        if array.ndim == 2 and {named, schema.n_features} <= {None, array.shape[1]}:
            return array
    _check_shape(table, schema)
    for number, row in enumerate(table.rows, 1):
        for index, value in enumerate(row):
            try:
                np.float64(np.nan if value is None else value)
            except (ValueError, TypeError, OverflowError):
                name = shown(table.columns[index]) if table.columns else str(index + 1)
                msg = f"Row {number}, column {name}: {shown(value)} is not a number."
                raise PayloadError(msg) from None
    msg = "The rows are not numbers."
    raise PayloadError(msg)


def _framed(array: Any, schema: Schema) -> Any:
    import pandas as pd  # noqa: PLC0415  (only models that take frames need it)

    columns = None if schema.features is None else list(schema.features)
    return restored(pd.DataFrame(array, columns=columns), schema.dtypes)


def _frame(table: Table, schema: Schema) -> Any:
    import pandas as pd  # noqa: PLC0415  (only models that take frames need it)

    seen: set[str] = set()
    for name in table.columns or ():
        if name in seen:
            msg = f"The column {shown(name)} is named twice."
            raise PayloadError(msg)
        seen.add(name)
    columns = table.columns or schema.features
    frame = pd.DataFrame(table.rows, columns=None if columns is None else list(columns))
    if table.columns is not None and schema.features is not None:
        frame = frame[list(schema.features)]
    return restored(frame, schema.dtypes)
