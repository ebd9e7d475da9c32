"""JSON objects as they come over any wire: what is none is refused, with what it is."""

from __future__ import annotations

import json
from typing import Any

from jupyter_ml.contract.errors import ValidationException


def json_object(content: str | bytes, what: str = "The body") -> dict[str, Any]:
    """Return the JSON object in a text; nothing is an empty one.

    Parameters
    ----------
    content
        The text.
    what
        What it is, for the error: the beginning of a sentence.

    Raises
    ------
    ValidationException
        It is something else.
    """
    try:
        found = json.loads(content or "{}")
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"{what} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise ValidationException(f"{what} must be an object, not {type(found).__name__}.")
    return found
