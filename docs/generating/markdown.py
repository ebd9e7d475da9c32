"""How docstrings, code and tables are written on the pages."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def quoted(value: Any) -> str:
    """Return a docstring as it is written."""
    return f"```text\n{docstring(value)}\n```"


def docstring(value: Any) -> str:
    """Return the docstring of something."""
    return inspect.cleandoc(value.__doc__ or "")


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, its cells in one line each."""
    lines = [
        list(heads),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    drawn = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + " --- |" * len(lines[0]), *drawn[1:]])
