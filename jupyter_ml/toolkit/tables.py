"""Tables on their way to an endpoint and back: exact numbers, the caller's index."""

from __future__ import annotations

import json
import math
import reprlib
from typing import Any

from jupyter_ml.contract.errors import UsageError

_MISSING = {"NaT", "<NA>"}  # how pandas writes that a value is missing


def request_body(data: Any) -> str:
    """Return rows as the JSON that endpoints take.

    Parameters
    ----------
    data
        A data frame, a series (one row, its index names the columns), an array of shape
        (n_rows, n_columns) or (n_columns,), or a list of rows or of dicts.

    Returns
    -------
    str
        `{"columns": [...], "data": [[...], ...]}` for a frame, a list of rows otherwise. Numbers
        keep all their digits; what is missing is null.
    """
    if isinstance(data, str | bytes) or not hasattr(data, "__len__"):
        raise UsageError(
            "Rows are a data frame, a series, an array or a list, as in "
            f"endpoint.predict(frame.head()); not {reprlib.repr(data)}."
        )
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):
        data = data.to_frame().T
    if hasattr(data, "columns"):
        columns = [str(name) for name in data.columns]
        cells = [data.iloc[:, place].tolist() for place in range(len(columns))]
        return json.dumps({"columns": columns, "data": _plain(list(zip(*cells, strict=True)))})
    rows = data.tolist() if hasattr(data, "tolist") else data
    if isinstance(rows, dict) or (rows and not isinstance(rows[0], list | tuple | dict)):
        rows = [rows]
    return json.dumps(_plain(rows))


def answer_table(predictions: Any, data: Any) -> Any:
    """Return a model's answers beside the rows that they are for.

    Parameters
    ----------
    predictions
        List of length n_rows; of lists where the model gives several numbers per row, of dicts
        where it names them.
    data
        What was sent.

    Returns
    -------
    Series, DataFrame or list
        With the index of `data` where it is a frame or series.
    """
    if not hasattr(data, "index") or isinstance(data, list | tuple):
        return predictions
    import pandas as pd  # noqa: PLC0415  (the caller has it loaded already)

    index = data.index if hasattr(data, "columns") else [data.name]
    if predictions and isinstance(predictions[0], list | dict):
        return pd.DataFrame(predictions, index=index)
    return pd.Series(predictions, index=index, name="prediction")


def _plain(value: Any) -> Any:
    """Return what JSON can hold: no NaN, no scalars of other libraries."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return None if text in _MISSING else text


def metric_frame(series: list[dict[str, Any]]) -> Any:
    """Return curves as a data frame.

    Parameters
    ----------
    series
        Dicts of `Name`, `Steps`, `Times` and `Values`.

    Returns
    -------
    DataFrame
        One row per step, one column per metric; the last value where a step was logged twice.
    """
    import pandas as pd  # noqa: PLC0415  (slow; only for those who ask for a frame)

    columns = {}
    for item in series:
        curve = pd.Series(item["Values"], index=item["Steps"], dtype=float)
        columns[item["Name"]] = curve[~curve.index.duplicated(keep="last")]
    frame = pd.DataFrame(columns).sort_index()
    frame.index.name = "step"
    return frame
