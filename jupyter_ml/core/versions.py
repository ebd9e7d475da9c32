"""Reading what another version of this program wrote into a file of the workspace."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from jupyter_ml.core.store.failures import StoreError


def known(kind: type[Any], values: dict[str, Any], what: str) -> dict[str, Any]:
    """Return those of some values that a dataclass has fields for.

    A field that a newer version added and left empty says nothing, so it is of no harm to leave it
    out. One that is not empty says something about what the file describes that would be done
    wrong without it.

    Parameters
    ----------
    kind
        The dataclass.
    values
        What the file holds.
    what
        What the file is, for the message.

    Raises
    ------
    StoreError
        It says what only a newer version understands, or lacks what every version writes.
    """
    names = {each.name for each in fields(kind)}
    unknown = sorted(name for name, value in values.items() if value and name not in names)
    if unknown:
        told = ", ".join(map(repr, unknown))
        msg = (
            f"{what} was written by a newer version of jupyter_ml: it says {told}, which this one "
            "does not know. Upgrade this one and restart what runs of it."
        )
        raise StoreError(msg)
    needed = {
        each.name
        for each in fields(kind)
        if each.default is MISSING and each.default_factory is MISSING
    }
    if missing := sorted(needed - values.keys()):
        msg = f"{what} is damaged: it lacks {', '.join(map(repr, missing))}."
        raise StoreError(msg)
    return {name: value for name, value in values.items() if name in names}
