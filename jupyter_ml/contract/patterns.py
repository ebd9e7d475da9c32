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
    text = _QUANTIFIED_END.sub("", pattern).replace(_SURROGATES, r"\U00010000-\U0010FFFF")
    folded = _CATEGORY.sub(_members_of_category, text)
    try:
        compiled = re.compile(folded)
    except re.error as error:
        raise ValueError(f"Pattern {pattern!r} is not understood: {error}.") from error
    if folded == text:
        return lambda value: compiled.fullmatch(value) is not None
    return lambda value: compiled.fullmatch(_fold(value)) is not None


def _members_of_category(match: re.Match[str]) -> str:
    name = match[1]
    if name == "Alnum":
        return "a-zA-Z0-9"
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
