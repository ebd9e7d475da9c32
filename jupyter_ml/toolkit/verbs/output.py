"""What verbs return: text and tables that read well in a terminal and in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display import words

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, repr=False)
class Text:
    """Plain text, shown as it is; a terminal ends with `exit_status` after it."""

    text: str
    exit_status: int = 0

    def __repr__(self) -> str:
        return self.text.rstrip("\n")

    def _repr_html_(self) -> str:
        return words.preformatted(repr(self))


@dataclass(frozen=True, repr=False)
class Table:
    """Rows below a heading; `note` stands below them, or alone when there are no rows.

    Parameters
    ----------
    columns
        Headings.
    rows
        One sequence of cells per row, as many as there are headings.
    note
        A sentence below the table.
    exit_status
        What a terminal ends with after it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    exit_status: int = 0

    def __repr__(self) -> str:
        if not self.rows:
            return self.note
        return "\n".join(
            [words.lines([self.columns, *self.rows]), *([self.note] * bool(self.note))]
        )

    def _repr_html_(self) -> str:
        return words.card(words.table(self.columns, self.rows), words.quiet(self.note))
