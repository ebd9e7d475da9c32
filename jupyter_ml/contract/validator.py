"""Checks a request against its shape and names every violation in AWS's words.

Checked are types, required and unknown members, lengths and ranges, enums, patterns and unions.
Lengths come before patterns, so that a pattern never sees more than it was written for; two of
SageMaker's patterns take exponential time and are replaced by equals. Deviations from the model
are listed, each with its reason, in ``relaxations.json``.

A shape is compiled once into nested functions; each takes a value, its path and the list of
violations, and returns the value in its JSON form (times as epoch seconds, tuples as lists,
members that are `None` left out). Checking what was checked changes nothing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.patterns import matcher

if TYPE_CHECKING:
    from jupyter_ml.contract.model import Shape

Check = Callable[[Any, str, list[str]], Any]

_RELAXATIONS: Final = Path(__file__).with_name("relaxations.json")
_SHOWN_CHARACTERS: Final = 200
_SHOWN_CHOICES: Final = 20
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "list": (list, tuple),
    "map": (Mapping,),
    "structure": (Mapping,),
}


def validate(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request in its JSON form, after checking it.

    Parameters
    ----------
    operation : str
        Name of the operation, such as ``CreateTrainingJob``.
    request : Mapping
        Members by their names on the wire.

    Raises
    ------
    ValidationException
        If anything breaks the contract; the message names every violation.
    UnknownOperationException
        If there is no such operation.
    """
    shape = model.operation(operation).input
    if shape is None:
        if request:
            raise ValidationException(f"{operation} takes nothing, but got {', '.join(request)}.")
        return {}
    checked: dict[str, Any] = validate_shape(shape, request)
    return checked


def validate_shape(shape: Shape, value: Any) -> Any:
    """Return a value in its JSON form, after checking it against a shape.

    Raises
    ------
    ValidationException
        If anything breaks the contract; the message names every violation.
    """
    violations: list[str] = []
    try:
        checked = _check_of(shape)(value, "", violations)
    except RecursionError:
        raise ValidationException("The request is nested too deeply to be read.") from None
    if violations:
        count = len(violations)
        noun = "error" if count == 1 else "errors"
        raise ValidationException(f"{count} validation {noun} detected: {'; '.join(violations)}")
    return checked


@cache
def relaxations() -> dict[str, list[dict[str, Any]]]:
    """Return every deviation from the model, with its reason, as the file has them."""
    loaded: dict[str, list[dict[str, Any]]] = json.loads(_RELAXATIONS.read_text(encoding="utf-8"))
    return loaded


def required_members(shape: Shape) -> tuple[str, ...]:
    """Return the names of the members that a structure really requires here."""
    optional = {
        member
        for relaxation in relaxations()["optional"]
        if relaxation["shape"] == shape.name
        for member in relaxation["members"]
    }
    return tuple(name for name in shape.required if name not in optional)


def safe_pattern(pattern: str) -> str:
    """Return a pattern of the model, or its equal that takes no exponential time."""
    equals = {entry["pattern"]: entry["use"] for entry in relaxations()["patterns"]}
    return str(equals.get(pattern, pattern))


def extra_patterns(shape: Shape) -> list[str]:
    """Return the patterns of what a shape takes here beyond its own."""
    return [entry["pattern"] for entry in relaxations()["values"] if shape.name in entry["shapes"]]


_checks: dict[Shape, Check] = {}


def _check_of(shape: Shape) -> Check:
    """Return the compiled check; two threads that compile at once make equal ones."""
    known = _checks.get(shape)
    if known is None:
        known = _checks[shape] = _compile(shape)
    return known


def _compile(shape: Shape) -> Check:
    if shape.is_document:
        return lambda value, _path, _violations: value
    return _COMPILERS.get(shape.type, _number_check)(shape)


def _structure_check(shape: Shape) -> Check:
    checks: dict[str, tuple[Check | None, Shape, str]] = {
        name: (None, member, _wire_case(name)) for name, member in shape.members.items()
    }
    required = required_members(shape)

    def check(value: Any, path: str, violations: list[str]) -> Any:
        if not _is_type(shape, value, path, violations):
            return value
        prefix = f"{path}." if path else ""
        checked = {}
        for name, given in value.items():
            if given is None:
                continue
            entry = checks.get(name)
            if entry is None:
                violations.append(_unknown(shape, name, prefix))
                continue
            compiled, member, wire_name = entry
            if compiled is None:
                # Members are compiled when first seen: shapes may contain themselves.
                compiled = _check_of(member)
                checks[name] = (compiled, member, wire_name)
            checked[name] = compiled(given, prefix + wire_name, violations)
        violations.extend(
            _says("null", prefix + _wire_case(name), "Member must not be null")
            for name in required
            if name not in checked
        )
        if shape.is_union and len(checked) != 1:
            names = ", ".join(shape.members)
            text = f"Member must have exactly one of [{names}] set"
            violations.append(_says(_shown(value), path, text))
        return checked

    return check


def _list_check(shape: Shape) -> Check:
    def check(value: Any, path: str, violations: list[str]) -> Any:
        if not _is_type(shape, value, path, violations):
            return value
        _check_length(shape, value, path, violations)
        element = _check_of(shape.element)
        return [
            element(item, f"{path}.{number}.member", violations)
            for number, item in enumerate(value, start=1)
        ]

    return check


def _map_check(shape: Shape) -> Check:
    def check(value: Any, path: str, violations: list[str]) -> Any:
        if not _is_type(shape, value, path, violations):
            return value
        _check_length(shape, value, path, violations)
        key, element = _check_of(shape.key), _check_of(shape.element)
        return {
            key(name, f"{path}.key", violations): element(item, f"{path}.{name}", violations)
            for name, item in value.items()
        }

    return check


def _string_check(shape: Shape) -> Check:
    allowed, pattern, secret = frozenset(shape.enum), shape.pattern, shape.is_sensitive
    least, most = shape.minimum or 0, shape.maximum
    matches = matcher(safe_pattern(pattern)) if pattern else None
    also = {extra: matcher(extra) for extra in extra_patterns(shape)}

    def check(value: Any, path: str, violations: list[str]) -> Any:
        if not isinstance(value, str):
            _is_type(shape, value, path, violations)
            return value
        if len(value) < least or (most is not None and len(value) > most):
            _check_length(shape, value, path, violations)
            return value
        broken = None
        if allowed and value not in allowed:
            broken = f"Member must satisfy enum value set: {_listed(shape.enum)}"
        elif matches and not matches(value):
            broken = f"Member must satisfy regular expression pattern: {pattern}"
        if broken and not any(extra(value) for extra in also.values()):
            broken += "".join(f", or: {extra}" for extra in also)
            violations.append(_says(None if secret else _shown(value), path, broken))
        elif broken := _unstorable(value):
            violations.append(_says(None, path, broken))
        return value

    return check


def _unstorable(text: str) -> str | None:
    """Return why no file and no database can hold a text, if none can."""
    if "\0" in text:
        return "Member must not hold the character NUL"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "Member must not hold half of a surrogate pair, which is no character"
    return None


def _number_check(shape: Shape) -> Check:
    is_real = shape.type in {"float", "double"}
    least, most = shape.minimum, shape.maximum

    def check(value: Any, path: str, violations: list[str]) -> Any:
        if is_real and isinstance(value, str) and value in _NOT_FINITE:
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float) if is_real else int):
            violations.append(_wrong_type(shape, value, path))
        elif least is not None and value < least:
            text = f"Member must have value greater than or equal to {least}"
            violations.append(_says(_shown(value), path, text))
        elif most is not None and value > most:
            text = f"Member must have value less than or equal to {most}"
            violations.append(_says(_shown(value), path, text))
        return value

    return check


def _type_check(shape: Shape) -> Check:
    def check(value: Any, path: str, violations: list[str]) -> Any:
        _is_type(shape, value, path, violations)
        return value

    return check


def _timestamp_check(_shape: Shape) -> Check:
    return _check_timestamp


def _check_timestamp(value: Any, path: str, violations: list[str]) -> Any:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            datetime.fromtimestamp(value, UTC)  # refuses what no client could read back
            return value
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        in_utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return in_utc.timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError, OSError):
        text = "Member must be a time: epoch seconds, ISO 8601 text or a datetime"
        violations.append(_says(_shown(value), path, text))
        return value


def _blob_check(shape: Shape) -> Check:
    def check(value: Any, path: str, violations: list[str]) -> Any:
        if hasattr(value, "read"):
            return value
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            _check_length(shape, value, path, violations)
        else:
            violations.append(_wrong_type(shape, value, path))
        return value

    return check


_COMPILERS: Final[dict[str, Callable[[Shape], Check]]] = {
    "structure": _structure_check,
    "list": _list_check,
    "map": _map_check,
    "string": _string_check,
    "timestamp": _timestamp_check,
    "blob": _blob_check,
    "boolean": _type_check,
}


def _is_type(shape: Shape, value: Any, path: str, violations: list[str]) -> bool:
    if isinstance(value, _TYPES[shape.type]):
        return True
    violations.append(_wrong_type(shape, value, path))
    return False


def _wrong_type(shape: Shape, value: Any, path: str) -> str:
    shown = None if shape.is_sensitive else _shown(value)
    kind = type(value).__name__
    return _says(shown, path, f"Member must be of type {shape.type}, not {kind}")


def _check_length(shape: Shape, value: Any, path: str, violations: list[str]) -> None:
    if shape.minimum is not None and len(value) < shape.minimum:
        text = f"Member must have length greater than or equal to {shape.minimum}"
    elif shape.maximum is not None and len(value) > shape.maximum:
        text = f"Member must have length less than or equal to {shape.maximum}, not {len(value)}"
    else:
        return
    shown = None if shape.is_sensitive or shape.type == "blob" else _shown(value)
    violations.append(_says(shown, path, text))


def _unknown(shape: Shape, name: Any, prefix: str) -> str:
    near = difflib.get_close_matches(str(name), shape.members, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    text = f"Member is not in the model of {shape.name}{hint}"
    return _says(None, prefix + _wire_case(str(name)), text)


def _says(shown: str | None, path: str, text: str) -> str:
    value = "Value" if shown is None else f"Value {shown}"
    said = f"{value} at '{path or 'request'}' failed to satisfy constraint: {text}"
    return said.encode(errors="backslashreplace").decode()  # what is wrong may be no character


def _shown(value: Any) -> str:
    text = f"'{value}'"
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}...'"


def _listed(choices: tuple[str, ...]) -> str:
    rest = len(choices) - _SHOWN_CHOICES
    more = f", ... {rest} more" if rest > 0 else ""
    return f"[{', '.join(choices[:_SHOWN_CHOICES])}{more}]"


def _wire_case(name: str) -> str:
    return name[:1].lower() + name[1:]
