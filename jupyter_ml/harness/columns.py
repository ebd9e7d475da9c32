"""The columns that a model was trained on: the frame they came from, their types, a sample row."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Json = dict[str, Any]
_PLAIN = (str, int, float, bool)


def facts(features: Sequence[str] | None, candidates: Iterable[Any]) -> Json:
    """Return what a manifest says of a model's columns, as far as a frame shows it.

    Parameters
    ----------
    features
        Names of the model's columns, where they are known.
    candidates
        Values among which the frame is looked for, the likeliest first; one that has these
        columns and no other goes before one that has more.

    Returns
    -------
    dict
        `sample` (`columns` and one row as `data`), `dtypes` (pandas' names by column) and
        `categories` (`values` and `ordered` by column); empty where no frame has the columns.
    """
    frame = _frame(features, candidates) if features else None
    if frame is None:
        return {}
    found: Json = {"dtypes": {name: str(frame[name].dtype) for name in frame.columns}}
    categories = {name: _categories(frame[name].dtype) for name in frame.columns}
    if known := {name: one for name, one in categories.items() if one}:
        found["categories"] = known
    with contextlib.suppress(TypeError, ValueError, KeyError):
        row = json.loads(frame.iloc[:1].to_json(orient="split", date_format="iso"))
        found["sample"] = {"columns": list(frame.columns), "data": row["data"]}
    return found


def _frame(features: Sequence[str], candidates: Iterable[Any]) -> Any:
    larger = None
    for value in candidates:
        if not (hasattr(value, "iloc") and hasattr(value, "columns") and len(value)):
            continue
        names = [str(column) for column in value.columns]
        if len(set(names)) < len(names) or not set(features) <= set(names):
            continue
        found = value.iloc[:, [names.index(name) for name in features]].set_axis(
            list(features), axis=1
        )
        if names == list(features):
            return found
        if larger is None:
            larger = found
    return larger


def _categories(dtype: Any) -> Json | None:
    """Return the categories of a categorical type whose values JSON can hold, else None."""
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return None
    values = categories.tolist()
    if not all(isinstance(value, _PLAIN) for value in values):
        return None
    return {"values": values, "ordered": bool(dtype.ordered)}
