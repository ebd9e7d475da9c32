"""Hypothesis strategies that draw requests from the shapes; for tests, ours and others'.

Strategies are cached by shape and limited in depth: beyond the limit only required members are
drawn. Drawn requests satisfy the contract; `broken_requests` breaks them in one place.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from jupyter_ml.contract import model
from jupyter_ml.contract.patterns import matcher, translated
from jupyter_ml.contract.validator import required_members, safe_pattern

if TYPE_CHECKING:
    from jupyter_ml.contract.model import Shape

Json = dict[str, Any]

_DEPTH: Final = 3
_MOST_ELEMENTS: Final = 2
_MOST_OPTIONAL: Final = 3
_LONGEST_TEXT: Final = 40
# Characters that the validator lets pass wherever there is text.
_UNICODE: Final = st.characters(codec="utf-8", exclude_characters="\0")
_ASCII: Final = st.characters(codec="ascii", exclude_characters="\0")
_WRONG: Final[tuple[Any, ...]] = ("text", "", 7, -1, 10**12, 0.5, True, [], [[]], {}, {"Foo": 1})


def requests(operation: str) -> st.SearchStrategy[Json]:
    """Return a strategy for requests of an operation that satisfy the contract."""
    shape = model.operation(operation).input
    return st.just({}) if shape is None else values(shape)


def values(shape: Shape, depth: int = _DEPTH) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a shape.

    Parameters
    ----------
    shape : Shape
        Of any type.
    depth : int
        Levels of structures below which only required members are drawn.
    """
    return _values(shape, max(depth, 0))


@st.composite
def broken_requests(draw: st.DrawFn, operation: str) -> Json:
    """Draw a request that satisfies the contract but for one place, if that breaks it at all."""
    request: Json = draw(requests(operation))
    holder, key = draw(st.sampled_from([(request, "Unheard"), *_places(request)]))
    if isinstance(holder, dict) and draw(st.booleans()):
        holder.pop(key, None)
    else:
        holder[key] = draw(st.sampled_from(_WRONG))
    return request


def _places(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        inner: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return []
    return [(value, key) for key, _ in inner] + [
        place for _, child in inner for place in _places(child)
    ]


@cache
def _values(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    match shape.type:
        case "structure":
            return _structures(shape, depth)
        case "list":
            least = int(shape.minimum or 0)
            return st.lists(
                st.deferred(lambda: _values(shape.element, depth)),
                min_size=least,
                max_size=least if depth == 0 else _most(shape, least + _MOST_ELEMENTS),
            )
        case "map":
            least = int(shape.minimum or 0)
            return st.dictionaries(
                _values(shape.key, depth),
                st.deferred(lambda: _values(shape.element, depth)),
                min_size=least,
                max_size=least if depth == 0 else _most(shape, least + _MOST_ELEMENTS),
            )
        case "string":
            return _texts(shape)
    return _scalars(shape)


def _structures(shape: Shape, depth: int) -> st.SearchStrategy[Json]:
    if shape.is_union:
        return st.sampled_from(list(shape.members)).flatmap(
            lambda name: st.fixed_dictionaries({name: _values(shape.members[name], depth - 1)})
        )
    required = required_members(shape)
    base = {name: st.deferred(_later(shape.members[name], depth)) for name in required}
    optional = [name for name in shape.members if name not in base]
    if depth == 0 or not optional:
        return st.fixed_dictionaries(base)
    chosen = st.lists(st.sampled_from(optional), unique=True, max_size=_MOST_OPTIONAL)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            base | {name: st.deferred(_later(shape.members[name], depth)) for name in names}
        )
    )


def _later(shape: Shape, depth: int) -> Any:
    return lambda: _values(shape, max(depth - 1, 0))


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    least = int(shape.minimum or 0)
    most = _most(shape, max(least, _LONGEST_TEXT))
    if shape.pattern is None:
        return st.text(_UNICODE, min_size=least, max_size=most)
    pattern = safe_pattern(shape.pattern)
    matches, longest = matcher(pattern), shape.maximum
    expression = re.compile(translated(pattern))
    # What stands for a Unicode category is no member of it: such patterns are drawn in ASCII.
    alphabet = _UNICODE if expression.pattern.isascii() else _ASCII
    drawn = st.from_regex(expression, fullmatch=True, alphabet=alphabet)
    return drawn.filter(
        lambda text: least <= len(text) and (longest is None or len(text) <= longest)
    ).filter(matches)


def _scalars(shape: Shape) -> st.SearchStrategy[Any]:
    match shape.type:
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.integers(0, 4_000_000_000).map(float)
        case "blob":
            return st.binary(max_size=_LONGEST_TEXT)
        case "float" | "double":
            return st.floats(shape.minimum, shape.maximum, allow_nan=False, allow_infinity=False)
    least = int(shape.minimum or 0)
    most = least + 1_000_000 if shape.maximum is None else int(shape.maximum)
    return st.integers(least, most)


def _most(shape: Shape, wanted: int) -> int:
    return wanted if shape.maximum is None else min(wanted, int(shape.maximum))
