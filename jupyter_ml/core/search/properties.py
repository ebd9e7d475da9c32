"""Names of properties, as searches spell them: a path through the record of a resource.

A name such as ``InputDataConfig.DataSource.S3DataSource.S3Uri`` is resolved once, against the
record's shape, and then reads any number of records. Lists are passed through: a property of a
list has the values of all its elements. What is behind the name of a map is a key, which may
hold dots (``HyperParameters.depth``); a list whose elements have names is read as a map of them
(``Tags.team``, ``Metrics.auc``, ``Metrics.auc.Max``).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_ml.contract.model import Shape

    Read = Callable[[Any], Iterator[Any]]

TEXT: Final = "text"
NUMBER: Final = "number"
BOOLEAN: Final = "boolean"
TIME: Final = "time"
FREE: Final = "free"
"""Text or a number, whichever somebody wrote: parameters, hyperparameters, tags."""
WHOLE: Final = "whole"
"""A structure, list or map."""

_TYPES: Final = {"string": TEXT, "blob": TEXT, "boolean": BOOLEAN, "timestamp": TIME}
# Which member names an element of a list, and which ones it then stands for if none is named.
_NAMING: Final[tuple[str, ...]] = ("Key", "MetricName")
_STANDING: Final[tuple[str, ...]] = ("Value", "Last")
_DEEPEST: Final = 4
_ONE_VALUE: Final = {"NumberValue", "StringValue"}


@dataclass(frozen=True)
class Property:
    """A name that was resolved.

    Attributes
    ----------
    name
        As it was given.
    path
        Its parts, spelled as the contract does; a key of a map or list is one part.
    type
        What its values are: `TEXT`, `NUMBER`, `BOOLEAN`, `TIME`, `FREE` or `WHOLE`.
    values
        Yields its values in a record; none where the record lacks it.
    shape
        Of a value.
    """

    name: str
    path: tuple[str, ...]
    type: str
    values: Read
    shape: Shape


def resolve(shape: Shape, name: str) -> Property:
    """Return the property of that name.

    Parameters
    ----------
    shape
        Of the structure that has it.
    name
        Parts joined by dots; members are also found in another case (``metrics.auc``).

    Raises
    ------
    ValidationException
        There is none; names the one that it resembles.
    """
    path, type_, values, found = _resolve(shape, name.split("."), name)
    return Property(name, tuple(path), type_, values, found)


def names(shape: Shape, record: Any = None, depth: int = _DEEPEST) -> Iterator[str]:
    """Yield names of properties: those that the shape has, or with a record, those of its entries.

    Parameters
    ----------
    shape
        Of the structure that has them.
    record
        A value of the shape; names of entries of maps and of named elements come from it.
    depth
        How many parts a name may have.
    """
    for member, inner in shape.members.items():
        value = None if record is None else record.get(member)
        element = inner.element if inner.type in {"list", "map"} else inner
        if depth == 1 or not element.members or _is_value(element):
            yield member
        if isinstance(value, dict) and inner.type == "map":
            yield from (f"{member}.{key}" for key in value)
        elif isinstance(value, list) and (naming := _naming(element)) is not None:
            yield from (f"{member}.{one[naming]}" for one in value if naming in one)
        elif element.type == "structure" and depth > 1 and not _is_value(element):
            some = value if inner.type == "structure" else None
            yield from (f"{member}.{name}" for name in names(element, some, depth - 1))


def _resolve(shape: Shape, parts: list[str], name: str) -> tuple[list[str], str, Read, Shape]:
    if not parts:
        return [], _type(shape), _union if _is_value(shape) else _itself, shape
    if shape.type == "structure":
        return _member(shape, parts, name)
    if shape.type == "map":
        return _entry(shape.element, parts, name)
    if shape.type == "list" and shape.element.type == "structure":
        naming = _naming(shape.element)
        # Such elements hold no structures: what has more parts begins with an element's name.
        if naming is not None and (len(parts) > 1 or parts[0] not in shape.element.members):
            return _entry(shape.element, parts, name, naming)
        path, type_, inner, found = _resolve(shape.element, parts, name)
        return path, type_, _each(inner), found
    msg = f"{name!r} is no property: a {shape.type} has no {parts[0]!r}."
    raise ValidationException(msg)


def _member(shape: Shape, parts: list[str], name: str) -> tuple[list[str], str, Read, Shape]:
    member = _spelled(shape, parts[0])
    if member is None:
        near = difflib.get_close_matches(parts[0], shape.members, 1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(shape.members)}."
        msg = f"{name!r} is no property that can be searched: {shape.name} has no {parts[0]!r}. "
        raise ValidationException(msg + hint)
    path, type_, inner, found = _resolve(shape.members[member], parts[1:], name)

    def values(record: Any) -> Iterator[Any]:
        value = record.get(member)
        return iter(()) if value is None else inner(value)

    return [member, *path], type_, values, found


def _entry(
    element: Shape, parts: list[str], name: str, naming: str | None = None
) -> tuple[list[str], str, Read, Shape]:
    """Resolve a key, and what is asked of the entry: its last part if that is a member."""
    key = ".".join(parts)
    rest: list[str] = []
    if len(parts) > 1 and _spelled(element, parts[-1]) is not None:
        key, rest = ".".join(parts[:-1]), [parts[-1]]
    elif element.type == "structure" and not _is_value(element):
        rest = [member for member in _STANDING if member in element.members][:1]
    path, type_, inner, found = _resolve(element, rest, name)
    type_ = FREE if type_ == TEXT else type_

    def values(entries: Any) -> Iterator[Any]:
        if naming is None:
            return inner(entries[key]) if key in entries else iter(())
        named = (entry for entry in entries if entry.get(naming) == key)
        return (value for entry in named for value in inner(entry))

    return [key, *path], type_, values, found


def _spelled(shape: Shape, part: str) -> str | None:
    if part in shape.members:
        return part
    return next((member for member in shape.members if member.lower() == part.lower()), None)


def _is_value(shape: Shape) -> bool:
    """Return whether a structure holds one value, in the member of its type."""
    return shape.is_union or shape.members.keys() == _ONE_VALUE


def _naming(element: Shape) -> str | None:
    return next((member for member in _NAMING if member in element.members), None)


def _type(shape: Shape) -> str:
    if _is_value(shape):
        return FREE
    if shape.type in {"structure", "map"}:
        return WHOLE
    if shape.type == "list":
        return WHOLE if shape.element.type == "structure" else _type(shape.element)
    return _TYPES.get(shape.type, NUMBER)


def _itself(value: Any) -> Iterator[Any]:
    return iter(value) if isinstance(value, list) else iter((value,))


def _union(value: Any) -> Iterator[Any]:
    return iter(value.values())


def _each(inner: Read) -> Read:
    return lambda elements: (value for element in elements for value in inner(element))
