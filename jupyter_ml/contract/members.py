"""Refuses request members that no service has said what it does with.

A service classifies the members of each operation it has in a table: ``{path: word}``, where the
word is ``used``, ``recorded: <reason>`` or ``rejected: <reason and what to do>``. A path is a
member's name, or the names from the top joined by dots, leaving out list indexes and map keys.
Every top-level member is listed; a nested one that is not listed inherits from its parent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_ml.contract.model import Shape

_WORD: Final = re.compile(r"used|(recorded|rejected): \S.*")
_REJECTED: Final = "rejected: "


def check_members(operation: str, request: Mapping[str, Any], table: Mapping[str, str]) -> None:
    """Refuse what a request asks for and the service does not do.

    A rejected member may be there if it asks for nothing: `False`, an empty text, list or map.

    Parameters
    ----------
    operation : str
        Name of the operation, such as ``CreateTrainingJob``.
    request : Mapping
        A request that satisfies the operation's shape.
    table : Mapping of str to str
        Words by path.

    Raises
    ------
    ValidationException
        If the request has a member that is rejected or that the table does not have.
    """
    refusals: list[str] = []
    for name, value in request.items():
        word = table.get(name)
        if word is None and value is not None:
            refusals.append(
                f"{operation} has no meaning for {name} here: the member is newer than this "
                f"program (botocore {model.botocore_version()}); leave it out or update jupyter_ml."
            )
    rejects = any(word.startswith(_REJECTED) for word in table.values())
    refusals.extend(
        f"{operation} does not take {path}: {table[path].removeprefix(_REJECTED).rstrip('.')}."
        for path in dict.fromkeys(_rejected(request, "", table) if rejects else ())
    )
    if refusals:
        raise ValidationException(" ".join(refusals))


def audit_members(operation: str, table: Mapping[str, str]) -> list[str]:
    """Return what is wrong with an operation's table; empty if nothing is.

    Found are top-level members of the model that the table lacks, paths that the model lacks,
    and words that are not of the grammar.
    """
    shape = model.operation(operation).input
    members = shape.members if shape else {}
    problems = [f"{operation}: {name} is not classified" for name in members if name not in table]
    for path, word in table.items():
        if shape is None or not _leads_somewhere(shape, path):
            problems.append(f"{operation}: {path} is not in the model")
        if not _WORD.fullmatch(word):
            problems.append(f"{operation}: {path} has no such word: {word!r}")
    return problems


def _rejected(value: Any, path: str, table: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of rejected members that ask for something."""
    if isinstance(value, list):
        for item in value:
            yield from _rejected(item, path, table)
    elif isinstance(value, dict):
        for name, given in value.items():
            inner = f"{path}.{name}" if path else name
            if table.get(inner, "").startswith(_REJECTED):
                if _asks(given):
                    yield inner
            elif any(known.startswith(f"{inner}.") for known in table):
                yield from _rejected(given, inner, table)


def _asks(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _leads_somewhere(shape: Shape, path: str) -> bool:
    for name in path.split("."):
        while shape.type in {"list", "map"}:
            shape = shape.element
        if name not in shape.members:
            return False
        shape = shape.members[name]
    return True
