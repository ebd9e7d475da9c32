"""Tensors of the Open Inference Protocol, version 2, into rows of `/invocations` and back; pure."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.columns import PayloadError, Schema, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]

OUTPUT = "predictions"
"""The name of the one tensor that an endpoint answers."""

# Of each datatype, how `struct` packs a value: that checks its range and rounds to its precision.
_CODES = {
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
}
_DATATYPES = (*_CODES, "BOOL", "BYTES")
_TYPES: Mapping[str, set[type]] = {"BOOL": {bool}, "BYTES": {str}}
_BY_DTYPE = (("bool", "BOOL"), ("int", "INT64"), ("uint", "UINT64"))
_BINARY = "the binary data extension is not served: send and ask for tensors as JSON"
# What may be said besides, and must be true: nothing of it changes the answer.
_PARAMETERS: Mapping[str, tuple[Any, ...]] = {
    "binary_data": (False,),
    "binary_data_output": (False,),
    "content_type": ("np", "pd", "str"),
}


@dataclass(frozen=True)
class Call:
    """One request for predictions.

    Parameters
    ----------
    identity
        What the caller calls the request; `None` where it does not.
    body
        The same rows as `/invocations` takes them.
    """

    identity: str | None
    body: Json


def parsed(request: Any, features: Sequence[str] | None) -> Call:
    """Return what a request of the protocol asks for.

    One input of two dimensions is rows of all columns; otherwise each input is the column of its
    name.

    Parameters
    ----------
    request
        The parsed body.
    features
        Names of the model's columns, where they are known.

    Raises
    ------
    PayloadError
        The request is not of the protocol, or asks for what is not served.
    """
    members = _checked(request, "The request", {"id", "parameters", "inputs", "outputs"})
    for output in _list(members.get("outputs") or [], "outputs"):
        wanted = _checked(output, "An output", {"name", "parameters"}).get("name")
        if wanted != OUTPUT:
            msg = f"Output {wanted!r} is not served; the endpoint answers {OUTPUT!r}."
            raise PayloadError(msg)
    identity = members.get("id")
    if identity is not None and not isinstance(identity, str):
        msg = f"The id is {identity!r}, not a string."
        raise PayloadError(msg)
    inputs = [_input(given) for given in _list(members.get("inputs"), "inputs")]
    if not inputs:
        msg = "The request has no inputs."
        raise PayloadError(msg)
    (name, shape, values), *more = inputs
    is_column = len(shape) == 1 or (shape[1] == 1 and features is not None and name in features)
    if more or is_column:
        return Call(identity, _by_column(inputs))
    width = shape[1]
    rows = [values[start : start + width] for start in range(0, len(values), width or 1)]
    return Call(identity, {"data": rows})


def answered(predictions: Any) -> Json:
    """Return predictions, as parsed from JSON, as the tensor `predictions`.

    Raises
    ------
    ValueError
        They are no tensor: not a list, of uneven rows, or of no one type.
    """
    if not isinstance(predictions, list):
        msg = f"it is {type(predictions).__name__}, not a list of predictions"
        raise ValueError(msg)  # noqa: TRY004  (what came back, not how this was called)
    shape = _shape(predictions)
    values = _flat(predictions, shape)
    return {"name": OUTPUT, "shape": shape, "datatype": _datatype(values), "data": values}


def inputs_of(schema: Schema) -> list[Json]:
    """Return what a model takes as the protocol describes it; -1 stands for any size.

    A model with named columns has an input for each, any other has one for all.
    """
    if schema.features is None:
        width = -1 if schema.n_features is None else schema.n_features
        return [{"name": "rows", "datatype": "FP64", "shape": [-1, width]}]
    return [
        {"name": name, "datatype": _datatype_of_column(name, schema), "shape": [-1]}
        for name in schema.features
    ]


def _datatype_of_column(name: str, schema: Schema) -> str:
    dtype = schema.dtypes.get(name)
    if dtype is None:
        return "FP64"
    if dtype.is_text:
        return "BYTES"
    folded = dtype.name.lower()
    return next((found for start, found in _BY_DTYPE if folded.startswith(start)), "FP64")


def _by_column(inputs: list[tuple[str, list[int], list[Any]]]) -> Json:
    for name, shape, _ in inputs:
        if len(shape) == 2 and shape[1] != 1:
            msg = (
                f"Input {name!r} has the shape {shape} beside other inputs. Send one input of "
                "[rows, columns], or one input of [rows] for each column, by its name."
            )
            raise PayloadError(msg)
        if shape[0] != inputs[0][1][0]:
            msg = f"Input {name!r} has {shape[0]} rows, and {inputs[0][0]!r} has {inputs[0][1][0]}."
            raise PayloadError(msg)
    columns = [name for name, _, _ in inputs]
    rows = [list(row) for row in zip(*(values for _, _, values in inputs), strict=True)]
    return {"columns": columns, "data": rows}


def _input(given: Any) -> tuple[str, list[int], list[Any]]:
    """Return name, shape and flat values of one input."""
    members = _checked(given, "An input", {"name", "shape", "datatype", "parameters", "data"})
    name, shape, datatype = members.get("name"), members.get("shape"), members.get("datatype")
    if not isinstance(name, str) or not name:
        msg = f"An input has the name {name!r}, not a text."
        raise PayloadError(msg)
    if datatype not in _DATATYPES:
        msg = f"Input {name!r} has the datatype {datatype!r}, not one of {listed(_DATATYPES)}."
        raise PayloadError(msg)
    sizes = shape if isinstance(shape, list) else []
    is_shape = all(type(size) is int and size >= 0 for size in sizes)
    if not is_shape or len(sizes) not in {1, 2}:
        msg = (
            f"Input {name!r} has the shape {shape!r}; the endpoint takes [rows] or [rows, columns]."
        )
        raise PayloadError(msg)
    if "data" not in members:
        msg = f"Input {name!r} has no data."
        raise PayloadError(msg)
    values = _values(name, members["data"], sizes)
    return name, sizes, _typed(name, values, datatype)


def _values(name: str, data: Any, shape: list[int]) -> list[Any]:
    """Return the values in the order of rows, whether they came flat or nested."""
    values = _list(data, f"data of input {name!r}")
    is_nested = bool(values) and isinstance(values[0], list)
    try:
        if is_nested and _shape(values) != shape:
            msg = f"its data is nested as {_shape(values)}"
            raise ValueError(msg)  # noqa: TRY301  (said below, with the shape)
        values = _flat(values, shape) if is_nested else values
    except ValueError as error:
        msg = f"Input {name!r} has the shape {shape}, but {error}."
        raise PayloadError(msg) from None
    if len(values) != math.prod(shape):
        msg = (
            f"Input {name!r} has the shape {shape}, which is {math.prod(shape)} values, but its "
            f"data has {len(values)}."
        )
        raise PayloadError(msg)
    return values


def _typed(name: str, values: list[Any], datatype: str) -> list[Any]:
    """Return the values with the precision of their datatype."""
    is_float = datatype.startswith("FP")
    allowed: set[type] = _TYPES.get(datatype) or ({int, float, type(None)} if is_float else {int})
    if not set(map(type, values)) <= allowed:
        wrong = next(value for value in values if type(value) not in allowed)
        msg = f"Input {name!r}: {wrong!r} is no value of the datatype {datatype}."
        raise PayloadError(msg)
    if datatype in _TYPES:
        return values
    if is_float:
        # JSON has no NaN: null is what is missing, as everywhere here.
        values = [math.nan if value is None else value for value in values]
    code = f"<{len(values)}{_CODES[datatype]}"
    try:
        return list(struct.unpack(code, struct.pack(code, *values)))
    except (struct.error, OverflowError):
        msg = f"Input {name!r} has a value that the datatype {datatype} cannot hold."
        raise PayloadError(msg) from None


def _checked(given: Any, what: str, known: set[str]) -> Json:
    """Return an object of the protocol; refuse members and parameters that nobody would heed."""
    if not isinstance(given, dict):
        msg = f"{what} is {type(given).__name__}, not an object."
        raise PayloadError(msg)
    if unknown := sorted(given.keys() - known):
        msg = f"{what} has members that are not served: {listed(unknown)}."
        raise PayloadError(msg)
    parameters = given.get("parameters") or {}
    if not isinstance(parameters, dict):
        msg = f"{what} has parameters that are {type(parameters).__name__}, not an object."
        raise PayloadError(msg)
    for key, value in parameters.items():
        if value in _PARAMETERS.get(key, ()) and isinstance(value, bool | str):
            continue
        is_binary = key.startswith("binary_data")
        why = _BINARY if is_binary else "it is not served, and nothing is taken and ignored"
        msg = f"{what} has the parameter {key!r} with the value {value!r}: {why}."
        raise PayloadError(msg)
    return given


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        msg = f"The {what} must be a list, not {type(value).__name__}."
        raise PayloadError(msg)
    return value


def _shape(nested: list[Any]) -> list[int]:
    shape = []
    level: Any = nested
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    return shape


def _flat(nested: list[Any], shape: list[int]) -> list[Any]:
    values = nested
    for size in shape[1:]:
        if not all(isinstance(part, list) and len(part) == size for part in values):
            msg = "its rows are uneven"
            raise ValueError(msg)
        values = [value for part in values for value in part]
    if any(isinstance(value, list) for value in values):
        msg = "its rows are uneven"
        raise ValueError(msg)
    return values


def _datatype(values: list[Any]) -> str:
    kinds = set(map(type, values))
    if kinds <= {int} and kinds:
        return "INT64"
    if kinds <= {int, float, type(None)}:
        return "FP64"
    if kinds == {bool}:
        return "BOOL"
    if kinds == {str}:
        return "BYTES"
    msg = f"its values have no one type of {listed(('FP64', 'INT64', 'BOOL', 'BYTES'))}"
    raise ValueError(msg)
