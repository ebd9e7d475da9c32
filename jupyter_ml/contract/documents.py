"""JSON objects as they come over any wire: what is none is refused, with what it is."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from jupyter_ml.contract.errors import ValidationException

# The only way in for half of a pair: as bytes of UTF-8 it is refused.
_ESCAPED_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


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
        if _ESCAPED_SURROGATE.search(content if isinstance(content, bytes) else content.encode()):
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        msg = f"{what} has half of a surrogate pair, {half}, which is no character."
        raise ValidationException(msg) from None
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"{what} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise ValidationException(f"{what} must be an object, not {type(found).__name__}.")
    return found
