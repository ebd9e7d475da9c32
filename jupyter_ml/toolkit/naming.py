"""Numbered names: a cell that runs again makes `cancer-2`, never an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import (
    ResourceInUse,
    ResourceNotFound,
    UsageError,
    ValidationException,
)
from jupyter_ml.toolkit.arguments import require_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.client import Client

# What says that a name is taken; some resources say it as SageMaker does, in a validation error.
TAKEN = (ResourceInUse, ValidationException)
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_LONGEST = 57  # 63 of SageMaker, less "-99999"
_TRIES = 100


def is_name(word: str) -> bool:
    """Return whether SageMaker would take a word as a name with a number behind it."""
    return bool(_NAME.fullmatch(word)) and len(word) <= _LONGEST


def checked(name: str) -> str:
    """Return the name when SageMaker would take it with a number behind it.

    Raises
    ------
    UsageError
        It has other characters than letters, digits and hyphens, or is too long; proposes one.
    """
    require_text(name, "A name", "ml.train('train.py', name='cancer')")
    if is_name(name):
        return name
    better = re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-")[:_LONGEST].strip("-")
    hint = f" Try {better!r}." if better else ""
    msg = (
        f"{name!r} cannot be a name: letters, digits and single hyphens between them, "
        f"at most {_LONGEST} of them.{hint}"
    )
    raise UsageError(msg)


def last_number(client: Client, kind: str, base: str) -> int:
    """Return the highest N of the resources `base-N` that exist, or 0.

    Parameters
    ----------
    client
        Of the workspace to look in.
    kind
        `"TrainingJob"`, `"TrialComponent"`, `"Model"` ...
    base
        The name without its number.
    """
    request = {"ResourceType": kind, "BaseName": base}
    return int(client.call("GetLastNumber", request)["Number"])


def exists(client: Client, kind: str, name: str) -> bool:
    """Return whether there is a resource of that kind and name."""
    try:
        client.call(f"Describe{kind}", {f"{kind}Name": name})
    except (ResourceNotFound, ValidationException):
        return False
    return True


def create_numbered(client: Client, kind: str, base: str, create: Callable[[str], object]) -> str:
    """Create a resource under the next free number; return its name.

    Somebody else may take the number first; then the next one is tried.
    """
    number = last_number(client, kind, checked(base))
    for _ in range(_TRIES):
        number += 1
        try:
            create(f"{base}-{number}")
        except TAKEN:
            if not exists(client, kind, f"{base}-{number}"):
                raise
            continue
        return f"{base}-{number}"
    msg = f"{_TRIES} numbers after {base}-{number - _TRIES} are taken; choose another name."
    raise ResourceInUse(msg)
