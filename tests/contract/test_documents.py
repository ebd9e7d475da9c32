"""JSON objects from any wire."""

from __future__ import annotations

import pytest

from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import ValidationException


@pytest.mark.parametrize("content", [b'{"a": 1}', '{"a": 1}'])
def test_an_object_is_read(content: str | bytes) -> None:
    assert json_object(content) == {"a": 1}


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert json_object(b'{"a": "\\ud83d\\ude80"}') == {"a": "\U0001f680"}


def test_nothing_is_an_empty_object() -> None:
    assert json_object(b"") == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "The message is not JSON"),
        (b"\xff", "The message is not JSON"),
        (b"[" * 100_000, "The message is not JSON"),
        (b'{"a": "\\ud800"}', r"half of a surrogate pair, \\ud800"),
        ('{"\\uDC00": 1}', r"half of a surrogate pair, \\udc00"),
        (b"[1]", "The message must be an object, not list"),
        (b"null", "The message must be an object, not NoneType"),
    ],
)
def test_what_is_no_object_is_refused_with_what_it_is(content: bytes, says: str) -> None:
    with pytest.raises(ValidationException, match=says):
        json_object(content, "The message")
