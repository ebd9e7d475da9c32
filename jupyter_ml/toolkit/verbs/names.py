"""From a word on a line to the resource that it means."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import ResourceNotFound, UsageError, ValidationException
from jupyter_ml.toolkit.arguments import require_text
from jupyter_ml.toolkit.naming import is_name, last_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.client import Client

KINDS = ("TrainingJob", "Endpoint")
_LISTS = {
    "TrainingJob": "TrainingJobSummaries",
    "Endpoint": "Endpoints",
    "TrialComponent": "TrialComponentSummaries",
}
_NOUNS = {"TrainingJob": "training job", "TrialComponent": "run"}
_NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}


def find(client: Client, word: str, kinds: Sequence[str] = KINDS) -> tuple[str, str]:
    """Return the kind and the name of what a word means.

    A word is a name, or a name without its number, which means the newest: ``cancer`` is
    ``cancer-3`` if there is nothing of the name ``cancer`` itself.

    Raises
    ------
    UsageError
        There is nothing of that name; names what resembles it.
    """
    require_text(word, f"The name of a {' or '.join(map(_noun, kinds))}", _example(kinds))
    for kind in kinds:
        if _exists(client, kind, word):
            return kind, word
    for kind in kinds:
        number = last_number(client, kind, word) if is_name(word) else 0
        if number:
            return kind, f"{word}-{number}"
    near = difflib.get_close_matches(word, names_of(client, kinds), n=1, cutoff=0.5)
    what = " or ".join(_noun(kind) for kind in kinds)
    hint = f" Did you mean {near[0]}?" if near else ""
    msg = f"There is no {what} {word!r}.{hint}"
    raise UsageError(msg)


def names_of(client: Client, kinds: Sequence[str] = KINDS) -> list[str]:
    """Return the names of all resources of some kinds, newest first."""
    return [
        item[f"{kind}Name"]
        for kind in kinds
        for item in paginate(client, f"List{kind}s", _NEWEST, _LISTS[kind])
    ]


def _example(kinds: Sequence[str]) -> str:
    return "ml.endpoint('cancer')" if kinds == ("Endpoint",) else "ml.job('cancer-1')"


def _exists(client: Client, kind: str, name: str) -> bool:
    try:
        client.call(f"Describe{kind}", {f"{kind}Name": name})
    except (ResourceNotFound, ValidationException):
        return False
    return True


def _noun(kind: str) -> str:
    return _NOUNS.get(kind, kind.lower())
