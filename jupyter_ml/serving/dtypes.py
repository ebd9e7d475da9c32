"""The types of a data frame's columns, which JSON and CSV lose, as the model was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.columns import PayloadError, listed, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TEXTS = ("object", "str", "string", "category", "datetime64", "timedelta64")
_NUMBERS = ("int", "uint", "float", "Int", "UInt", "Float")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class Dtype:
    """The type of one column.

    Parameters
    ----------
    name
        As pandas writes it, such as `float64` or `datetime64[ns, UTC]`.
    categories
        The values of a categorical column, in its order; `None` for other types.
    ordered
        Whether the categories are.
    """

    name: str
    categories: tuple[Any, ...] | None = None
    ordered: bool = False

    @property
    def is_text(self) -> bool:
        """Whether a field of a CSV file means its text."""
        return self.name.startswith(_TEXTS)

    @property
    def needs_frame(self) -> bool:
        """Whether an array of numbers cannot hold the column."""
        return not self.name.startswith((*_NUMBERS, "bool"))


def dtypes_of(manifest: Mapping[str, Any]) -> dict[str, Dtype]:
    """Return the types of the columns that a manifest names, by column."""
    categories = manifest.get("categories") or {}
    found = {}
    for column, name in (manifest.get("dtypes") or {}).items():
        known = categories.get(column)
        if known:
            found[column] = Dtype(name, tuple(known["values"]), known["ordered"])
        elif name != "category":  # categories that JSON cannot hold: what is sent is what counts
            found[column] = Dtype(name)
    return found


def restored(frame: Any, dtypes: Mapping[str, Dtype]) -> Any:
    """Return a frame with the types that the model was trained with.

    A gap among numbers or truths is a NaN, also where the types are not known: as an object, it
    would make the whole column one of objects, which no model of numbers takes.

    Raises
    ------
    PayloadError
        A value does not belong to its column; names row, column and value.
    """
    known = {name: _column(frame[name], dtypes[name]) for name in frame if name in dtypes}
    frame = frame.assign(**known) if known else frame
    gaps = [name for name in frame if name not in dtypes and _has_only_gaps(frame[name])]
    try:
        return frame.astype(dict.fromkeys(gaps, "float64")) if gaps else frame
    except OverflowError:
        msg = f"A number in the columns {listed([str(name) for name in gaps])} is too large."
        raise PayloadError(msg) from None


def _has_only_gaps(series: Any) -> bool:
    """Return whether a column of objects is one only because a number or a truth is missing."""
    return series.dtype == object and all(
        value is None or isinstance(value, bool | int | float) for value in series
    )


def _column(series: Any, dtype: Dtype) -> Any:
    name = dtype.name
    if dtype.categories is not None:
        return _categorical(series, dtype)
    if name.startswith("datetime64"):
        example = "2024-01-31T12:00:00+00:00" if "," in name else "2024-01-31T12:00:00"
        wanted = f"a date and time as the model takes them, such as {example}"
        return _converted(series, lambda some: _times(some, name), wanted)
    if name.startswith("timedelta64"):
        return _converted(series, lambda some: _spans(some, name), "a duration, such as '1 days'")
    if name.startswith(_NUMBERS):
        return _converted(series, lambda some: _numbers(some, name), "a number")
    if name == "bool":
        return _converted(series, _truths, "true or false")
    return series


def _converted(series: Any, convert: Callable[[Any], Any], wanted: str) -> Any:
    try:
        return convert(series)
    except (ValueError, TypeError, OverflowError):
        for number in range(len(series)):
            one = series.iloc[number : number + 1]
            try:
                convert(one)
            except (ValueError, TypeError, OverflowError):
                value = shown(one.iloc[0])
                msg = f"Row {number + 1}, column {series.name!r}: {value} is not {wanted}."
                raise PayloadError(msg) from None
        msg = f"Column {series.name!r} does not hold {wanted} in every row."
        raise PayloadError(msg) from None


def _categorical(series: Any, dtype: Dtype) -> Any:
    import pandas as pd  # noqa: PLC0415  (the series is its own)

    categories = dtype.categories or ()
    codes: dict[Any, int] = {str(value): code for code, value in enumerate(categories)}
    codes.update((value, code) for code, value in enumerate(categories))
    found = []
    for number, value in enumerate(series, 1):
        if pd.api.types.is_scalar(value) and pd.isna(value):
            found.append(-1)
            continue
        code = codes.get(value if pd.api.types.is_scalar(value) else str(value))
        if code is None:
            code = codes.get(str(value))
        if code is None:
            known = listed([str(one) for one in categories])
            msg = (
                f"Row {number}, column {series.name!r}: {shown(value)} is not one of the "
                f"categories that the model was trained with ({known})."
            )
            raise PayloadError(msg)
        found.append(code)
    kind = pd.CategoricalDtype(list(categories), ordered=dtype.ordered)
    return pd.Series(pd.Categorical.from_codes(found, dtype=kind), series.index, name=series.name)


def _times(series: Any, name: str) -> Any:
    import pandas as pd  # noqa: PLC0415  (the series is its own)

    if pd.api.types.is_numeric_dtype(series) and series.notna().any():
        times = pd.to_datetime(series, unit="ms", utc="," in name)  # as pandas' to_json writes them
    else:
        times = pd.to_datetime(series, format="ISO8601", utc="," in name)
    return times.astype(name)


def _spans(series: Any, name: str) -> Any:
    import pandas as pd  # noqa: PLC0415  (the series is its own)

    is_number = pd.api.types.is_numeric_dtype(series)
    spans: Any = pd.to_timedelta(series, unit="ms") if is_number else pd.to_timedelta(series)
    return spans.astype(name)


def _numbers(series: Any, name: str) -> Any:
    import pandas as pd  # noqa: PLC0415  (the series is its own)

    numbers = pd.to_numeric(series)
    if name.startswith(("int", "uint")):
        # What is missing or has decimals is left for the model to judge.
        is_whole = numbers.notna().all() and (numbers == numbers.round()).all()
        return numbers.astype(name) if is_whole else numbers
    return numbers.astype(name)


def _truths(series: Any) -> Any:
    if series.dtype == bool:
        return series
    given = series.dropna()
    # A value that is neither becomes missing, which bool cannot hold.
    truths = given.map(lambda value: _TRUTHS.get(str(value).strip().lower()))
    truths = truths.astype("boolean").astype(bool)
    return truths if len(given) == len(series) else truths.astype("float64").reindex(series.index)
