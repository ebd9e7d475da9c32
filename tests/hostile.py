"""Requests that nobody sends by accident: drawn from the shapes, then made worse."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import strategies as st

from jupyter_ml.contract import drawing, model

Json = dict[str, Any]

_DEEP: Final = 3000
# JSON texts, so that what no Python value becomes can be sent as well.
_VALUES: Final = (
    "null",
    "true",
    "-1",
    "0",
    "7",
    "0.5",
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 400,
    '""',
    '"a"',
    '"%_/\\\\"',
    '"\\u0000"',
    '"\\ud800"',
    '"\u96ea\u00e9\U0001f680"',
    json.dumps("x" * 100_000),
    json.dumps("-" * 3000),
    "[]",
    "{}",
    '{"Foo":1}',
    '{"\\ud800":"\\ud800","":null}',
    "[" * _DEEP + "]" * _DEEP,
    '{"a":' * _DEEP + "1" + "}" * _DEEP,
    '{"SubExpressions":[' * 400 + '{"Filters":[]}' + "]}" * 400,
    "[" + ",".join(["{}"] * 5000) + "]",
)
_BODIES: Final = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"{}{}",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b'{"a":1,"a":2}',
    b"[" * 100_000,
    b'{"' + b"a" * 200_000 + b'":1}',
)
_MARK: Final = "here stands something hostile"


def bodies(operation: str) -> st.SearchStrategy[bytes]:
    """Return a strategy for bodies: fitting, nearly fitting, and anything but that."""
    return st.one_of(
        _named(operation).map(_text),
        drawing.broken_requests(operation).map(_text),
        hostile(operation),
        st.sampled_from(_BODIES),
    )


def requests(operation: str) -> st.SearchStrategy[Json]:
    """Return a strategy for requests that are Python values, fitting or nearly so."""
    return st.one_of(_named(operation), drawing.broken_requests(operation))


@st.composite
def hostile(draw: st.DrawFn, operation: str) -> bytes:
    """Draw a fitting request in which one member at any depth is something hostile."""
    request = draw(_named(operation))
    shape = model.operation(operation).input
    members = list(shape.members) if shape is not None else []
    holder: Any = request
    key: Any = draw(st.sampled_from([*members, "Unheard", "\ud800"]))
    while isinstance(holder.get(key), dict) and holder[key] and draw(st.booleans()):
        holder = holder[key]
        key = draw(st.sampled_from(list(holder)))
    holder[key] = _MARK
    return _text(request).replace(
        json.dumps(_MARK).encode(), draw(st.sampled_from(_VALUES)).encode()
    )


def _named(operation: str) -> st.SearchStrategy[Json]:
    """Return fitting requests that often name what exists."""
    shape = model.operation(operation).input
    members = shape.members if shape is not None else {}
    names = [name for name in members if name.endswith("Name") and members[name].type == "string"]
    paths = [name for name in members if name == "Path"]  # below the folder of the server

    def fit(pair: tuple[Json, bool]) -> Json:
        request, is_known = pair
        below = {name: f"./{request[name]}" for name in paths}
        return {**request, **below, **dict.fromkeys(names if is_known else (), "a")}

    return st.tuples(drawing.requests(operation), st.booleans()).map(fit)


def _text(request: Json) -> bytes:
    return json.dumps(request, default=lambda value: value.decode("latin-1")).encode()
