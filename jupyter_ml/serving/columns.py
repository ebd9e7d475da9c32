"""Whether a caller's columns are the model's: by name where names are known, else by number."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_ml.serving.dtypes import Dtype

_SHOWN = 10
_LONGEST = 80


class PayloadError(Exception):
    """A request that the model cannot answer; the message says what is wrong with it.

    Parameters
    ----------
    message
        What is wrong, and what to send instead.
    status
        HTTP status: 400 for the content, 415 and 406 for content types.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Schema:
    """What a model takes.

    Parameters
    ----------
    features
        Names of the columns in the model's order, where they are known.
    n_features
        Number of columns, where it is known.
    as_frame
        Whether the model is given a data frame (else a float64 array).
    dtypes
        Types of the frame's columns, where they are known.
    """

    features: tuple[str, ...] | None = None
    n_features: int | None = None
    as_frame: bool = False
    dtypes: Mapping[str, Dtype] = field(default_factory=dict)


def order_of(columns: Sequence[str], features: Sequence[str]) -> list[int]:
    """Return where each of the model's `features` stands in `columns`.

    Raises
    ------
    PayloadError
        A column is missing, unexpected, misspelt or given twice; each is named.
    """
    position = {name: index for index, name in enumerate(columns)}
    missing = [name for name in features if name not in position]
    if not missing and len(columns) == len(features):
        return [position[name] for name in features]
    known = set(features)
    unexpected = [name for name in position if name not in known]
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    problems = []
    if missing:
        problems.append(f"missing {listed(missing)}")
    if unexpected:
        problems.append(f"unexpected {listed([_near(name, missing) for name in unexpected], '')}")
    if twice:
        problems.append(f"given twice {listed(twice)}")
    message = f"The columns are not the model's: {'; '.join(problems)}."
    raise PayloadError(message)


def check_count(width: int, schema: Schema, row: int = 1) -> None:
    """Raise `PayloadError` unless a row of `width` values fits; `row` is its 1-based number."""
    if schema.n_features is None or width == schema.n_features:
        return
    names = f" ({listed(schema.features)})" if schema.features else ""
    message = (
        f"The model takes {schema.n_features} columns{names}; row {row} has {width}. "
        "Send one value for each column, in this order, or send the columns by name."
    )
    raise PayloadError(message)


def _near(name: str, missing: Sequence[str]) -> str:
    folded = {candidate.casefold(): candidate for candidate in missing}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"'{name}' (did you mean '{folded[close[0]]}'?)" if close else f"'{name}'"


def listed(names: Sequence[str], quote: str = "'") -> str:
    """Return the first ten names in quotes, and how many more there are."""
    some = [f"{quote}{_short(name)}{quote}" for name in names[:_SHOWN]]
    rest = len(names) - len(some)
    return ", ".join(some) + (f" and {rest} more" if rest else "")


def shown(value: object) -> str:
    """Return a value as a message shows it: the beginning of one that fills megabytes."""
    return repr(_short(value)) if isinstance(value, str) else _short(repr(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
