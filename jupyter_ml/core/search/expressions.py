"""Search expressions: conditions on the properties of a record, nested by And and Or.

An expression is parsed once into predicates. A property that a record lacks fulfils
`NotEquals` and `NotExists` and nothing else; one that has several values, because lists are on
its path, fulfils a condition where any of them does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.search.properties import (
    BOOLEAN,
    FREE,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Property,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Json = dict[str, Any]
    Predicate = Callable[[Any], bool]
    Test = Callable[[Iterable[Any]], bool]
    Resolve = Callable[[str], Property]

MOST_CONDITIONS: Final = 50
"""Filters, nested filters and subexpressions in one expression, at all depths together."""

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "GreaterThan": lambda value, given: value > given,
    "GreaterThanOrEqualTo": lambda value, given: value >= given,
    "LessThan": lambda value, given: value < given,
    "LessThanOrEqualTo": lambda value, given: value <= given,
}
_WITHOUT_VALUE: Final = frozenset({"Exists", "NotExists"})
_WITH_TEXT: Final = frozenset({"Contains", "In"})
_SPELLINGS: Final = {
    NUMBER: "an integer or a decimal, such as 0.8",
    TIME: "a time in ISO 8601, such as 2030-01-31T12:00:00",
    BOOLEAN: "true or false",
}


@dataclass(frozen=True)
class Condition:
    """One filter: a property, an operator and the text it is compared with ("" for none)."""

    subject: Property
    operator: str
    value: str

    def given(self) -> Any:
        """Return the value in the type of the property.

        Raises
        ------
        ValidationException
            It is not of that type.
        """
        return _typed(self.subject, self.value)


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    holds
        Whether a record fulfils it.
    necessary
        Conditions of which every record that fulfils it fulfils each: what a database may
        select by beforehand.
    members
        The top-level members of records that it reads.
    """

    holds: Predicate
    necessary: tuple[Condition, ...] = ()
    members: frozenset[str] = frozenset()


EVERYTHING: Final = Expression(lambda _record: True)


def parse(expression: Json, named: Resolve) -> Expression:
    """Return the parsed form of a contract-shaped expression.

    Parameters
    ----------
    expression
        A `SearchExpression`.
    named
        Returns the property that a name means.

    Raises
    ------
    ValidationException
        A property that there is not, an operator that its type lacks, a value of another type,
        nothing at all, or more than `MOST_CONDITIONS`.
    """
    count = _count(expression)
    if count > MOST_CONDITIONS:
        msg = (
            f"The SearchExpression has {count} filters, nested filters and subexpressions; "
            f"{MOST_CONDITIONS} are allowed."
        )
        raise ValidationException(msg)
    return _parse(expression, named)


def both(one: Expression, other: Expression) -> Expression:
    """Return the expression that holds where both do."""
    return _joined([one, other], every=True)


def condition(spelled: Json, named: Resolve) -> Expression:
    """Return one filter as an expression; raises as `parse` does."""
    operator = spelled.get("Operator", "Equals")
    value = spelled.get("Value")
    found = named(spelled["Name"])
    if operator in _WITHOUT_VALUE:
        if value is not None:
            msg = f"{operator} takes no Value; it asks whether {found.name!r} is there."
            raise ValidationException(msg)
    elif value is None:
        msg = f"The filter {operator} of {found.name!r} needs a Value."
        raise ValidationException(msg)
    parsed = Condition(found, operator, value or "")
    test = _test(parsed)
    members = frozenset(found.path[:1])
    return Expression(lambda record: test(found.values(record)), (parsed,), members)


def _parse(expression: Json, named: Resolve) -> Expression:
    parts = [
        *(condition(spelled, named) for spelled in expression.get("Filters", ())),
        *(_nested(nested, named) for nested in expression.get("NestedFilters", ())),
        *(_parse(inner, named) for inner in expression.get("SubExpressions", ())),
    ]
    if not parts:
        msg = "A SearchExpression needs at least one of Filters, NestedFilters, SubExpressions."
        raise ValidationException(msg)
    return _joined(parts, every=expression.get("Operator", "And") == "And")


def _joined(parts: list[Expression], *, every: bool) -> Expression:
    tests = [part.holds for part in parts]
    members = frozenset().union(*(part.members for part in parts))
    if every or len(parts) == 1:
        necessary = tuple(found for part in parts for found in part.necessary)
        return Expression(lambda record: all(t(record) for t in tests), necessary, members)
    return Expression(lambda record: any(t(record) for t in tests), (), members)


def _nested(nested: Json, named: Resolve) -> Expression:
    """Return the expression that one element of a list fulfils all filters."""
    outer = nested["NestedPropertyName"]
    whole = named(outer)
    if whole.shape.type != "list" or whole.type != WHOLE:
        msg = (
            f"{outer!r} is no list of structures, whose elements NestedFilters compare; "
            "use Filters."
        )
        raise ValidationException(msg)

    def inside(name: str) -> Property:
        prefix = f"{outer}."
        if not name.startswith(prefix):
            msg = f"The name of a nested filter begins with {prefix!r}, unlike {name!r}."
            raise ValidationException(msg)
        return resolve(whole.shape.element, name.removeprefix(prefix))

    element = _joined([condition(one, inside) for one in nested["Filters"]], every=True)
    members = frozenset(whole.path[:1])
    return Expression(lambda record: any(map(element.holds, whole.values(record))), (), members)


def _count(expression: Json) -> int:
    """Return how many conditions there are, without recursion: expressions may be very deep."""
    count, rest = 0, [expression]
    while rest:
        one = rest.pop()
        inner = one.get("SubExpressions", ())
        nested = one.get("NestedFilters", ())
        count += len(inner) + len(nested) + len(one.get("Filters", ()))
        count += sum(len(each["Filters"]) for each in nested)
        rest.extend(inner)
    return count


def _test(parsed: Condition) -> Test:
    if parsed.operator in _WITHOUT_VALUE:
        wanted = parsed.operator == "Exists"
        return lambda values: (next(iter(values), None) is not None) is wanted
    if parsed.operator in _WITH_TEXT:
        return _textual(parsed)
    if parsed.subject.type == WHOLE:
        raise _unfit(parsed, "compares single values")
    if parsed.operator in _ORDERS:
        return _ordered(parsed, _ORDERS[parsed.operator])
    equal = _equal(parsed)
    if parsed.operator == "Equals":
        return lambda values: any(map(equal, values))
    return lambda values: not any(map(equal, values))


def _textual(parsed: Condition) -> Test:
    if parsed.subject.type not in {TEXT, FREE, WHOLE}:
        raise _unfit(parsed, "is for text")
    if parsed.operator == "Contains":
        return lambda values: any(parsed.value in text for text in _texts(values))
    if parsed.subject.type == WHOLE:
        raise _unfit(parsed, "compares single values")
    choices = {choice.strip() for choice in parsed.value.split(",")}
    numbers = {number for choice in choices if (number := _number(choice)) is not None}
    return lambda values: any(
        value in choices if isinstance(value, str) else value in numbers for value in values
    )


def _equal(parsed: Condition) -> Predicate:
    given = parsed.given()
    if parsed.subject.type == TIME and float(given).is_integer():
        # A time without fractions means that second: nobody knows the fractions of ours.
        return lambda value: math.floor(value) == given
    if parsed.subject.type != FREE:
        return lambda value: bool(value == given)
    number = _number(parsed.value)
    return lambda value: bool(value == (given if isinstance(value, str) else number))


def _ordered(parsed: Condition, order: Callable[[Any, Any], bool]) -> Test:
    if parsed.subject.type in {TEXT, BOOLEAN}:
        raise _unfit(parsed, "is for numbers and times")
    if parsed.subject.type != FREE:
        given = parsed.given()
        return lambda values: any(order(value, given) for value in values)
    least = _number(parsed.value)
    if least is None:
        raise _wrong(parsed.subject, parsed.value, NUMBER)

    def test(values: Iterable[Any]) -> bool:
        numbers = map(_number, values)
        return any(number is not None and order(number, least) for number in numbers)

    return test


def _typed(found: Property, text: str) -> Any:
    if found.type == NUMBER:
        number = _number(text)
        if number is None:
            raise _wrong(found, text, NUMBER)
        return number
    if found.type == TIME:
        return _time(found, text)
    if found.type == BOOLEAN:
        if text.lower() not in {"true", "false"}:
            raise _wrong(found, text, BOOLEAN)
        return text.lower() == "true"
    return text


def _number(value: Any) -> float | None:
    """Return a number, or the one that a text spells; `None` for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if isinstance(value, str) and not math.isfinite(number) else number


def _time(found: Property, text: str) -> float:
    number = _number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _wrong(found, text, TIME) from None


def _texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)


def _unfit(parsed: Condition, text: str) -> ValidationException:
    found = parsed.subject
    kind = "a structure or list" if found.type == WHOLE else f"a {found.type}"
    return ValidationException(f"{parsed.operator} {text}; {found.name!r} is {kind}.")


def _wrong(found: Property, text: str, type_: str) -> ValidationException:
    return ValidationException(f"The Value {text!r} of {found.name!r} must be {_SPELLINGS[type_]}.")
