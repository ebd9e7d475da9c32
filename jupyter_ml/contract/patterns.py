r"""Java's regular expressions, as the service models have them, in Python.

Java knows Unicode categories such as ``\p{L}`` and writes characters beyond U+FFFF as surrogate
pairs; Python's `re` knows neither. Categories are matched by folding: each character that is
not ASCII is replaced by a private one that stands for its category, and ``\p{L}`` by the ASCII
letters and the private character for L.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PRIVATE: Final = {major: chr(0xF8F0 + index) for index, major in enumerate("LMNPSZC")}
_ASCII_CLASSES: Final = {"Alnum": "a-zA-Z0-9", "ASCII": r"\x00-\x7F", "Print": r"\x20-\x7E"}
_SURROGATES: Final = r"\uD800\uDC00-\uDBFF\uDFFF"
_CATEGORY: Final = re.compile(r"\\p\{(\w+)\}")
_QUANTIFIED_END: Final = re.compile(r"\$\{\d+,\d+\}$")


@cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a whole string satisfies a pattern of the model.

    Parameters
    ----------
    pattern : str
        Regular expression in Java's dialect.

    Raises
    ------
    ValueError
        If the pattern uses what is translated neither here nor by `re`.
    """
    folded = translated(pattern)
    try:
        compiled = re.compile(folded)
    except re.error as error:
        raise ValueError(f"Pattern {pattern!r} is not understood: {error}.") from error
    if folded.isascii():
        return lambda value: compiled.fullmatch(value) is not None
    return lambda value: compiled.fullmatch(_fold(value)) is not None


def translated(pattern: str) -> str:
    """Return the pattern in Python's dialect, for strings whose characters are folded.

    Raises
    ------
    ValueError
        If the pattern uses a Unicode category that is not known.
    """
    text = _QUANTIFIED_END.sub("", pattern).replace(_SURROGATES, r"\U00010000-\U0010FFFF")
    text = text.removesuffix(r"\z")  # the end, which a match of the whole string reaches anyway
    return _CATEGORY.sub(_members_of_category, text)


def _members_of_category(match: re.Match[str]) -> str:
    before = match.string[: match.start()]
    members = _members(match[1])
    is_in_brackets = before.rfind("[") > before.rfind("]")
    return members if is_in_brackets else f"[{members}]"


def _members(name: str) -> str:
    if name in _ASCII_CLASSES:
        return _ASCII_CLASSES[name]
    if name not in _PRIVATE:
        raise ValueError(f"Unicode category {name!r} is not understood.")
    ascii_members = (chr(code) for code in range(128) if unicodedata.category(chr(code))[0] == name)
    return "".join(map(re.escape, ascii_members)) + _PRIVATE[name]


def _fold(value: str) -> str:
    if value.isascii():
        return value
    return "".join(
        char if char.isascii() else _PRIVATE[unicodedata.category(char)[0]] for char in value
    )
