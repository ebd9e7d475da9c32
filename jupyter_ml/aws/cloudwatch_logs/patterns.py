"""Filter patterns: ``ERROR``, ``"not found"``, ``?WARN ?ERROR``, ``-debug``, ``%regex%``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([^\s"]+))(?:\s+|$)')


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what decides whether a message fulfils a pattern.

    Raises
    ------
    ValidationException
        The pattern is of a kind that is not read here.
    """
    text = pattern.strip()
    if text.startswith(("{", "[")):
        raise ValidationException(
            f"The filter pattern {pattern!r} looks into fields, which is not done here; use words, "
            '"phrases", ?alternatives, -exclusions or a %regular expression%.'
        )
    groups: dict[str, list[Callable[[str], bool]]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise ValidationException(f"The filter pattern {pattern!r} has no end of a phrase.")
        groups[found[1]].append(_term(found))
        at = found.end()

    def matches(message: str) -> bool:
        return (
            all(term(message) for term in groups[""])
            and not any(term(message) for term in groups["-"])
            # beside words that must be there, alternatives decide nothing
            and (not groups["?"] or bool(groups[""]) or any(term(message) for term in groups["?"]))
        )

    return matches


def _term(found: re.Match[str]) -> Callable[[str], bool]:
    if found[3] is None:
        word = re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[4]
        return lambda message: word in message
    try:
        expression = re.compile(found[3])
    except re.error as error:
        raise ValidationException(f"{found[3]!r} is no regular expression: {error}.") from None
    return lambda message: expression.search(message) is not None
