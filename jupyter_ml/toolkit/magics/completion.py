"""Completion of what follows `%ml` and `%%ml`: verbs, options, and names from the workspace."""

from __future__ import annotations

import re
from typing import Any

from jupyter_ml.contract.errors import MLError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.magics.ml import SHORTCUTS
from jupyter_ml.toolkit.verbs import complete

_LINE = re.compile(rf"\s*(?:%{{1,2}}ml|%%(?P<verb>{'|'.join(SHORTCUTS)}))\s(?P<rest>.*)$")


def register(shell: Any) -> None:
    """Complete the words of our magics in this shell."""
    for pattern in (r"%{1,2}ml\b", rf"%%({'|'.join(SHORTCUTS)})\b"):
        shell.set_hook("complete_command", completions, re_key=pattern)


def completions(_shell: Any, event: Any) -> list[str]:
    """Return the words that could stand at the cursor.

    Parameters
    ----------
    event
        IPython's, with the `line` and the `text_until_cursor`.
    """
    match = _LINE.match(event.text_until_cursor)
    if match is None:
        return []
    verb = [match["verb"]] if match["verb"] else []
    words = match["rest"].split()
    if not words or match["rest"][-1:].isspace():
        words.append("")
    try:
        return complete(session.client(), [*verb, *words])
    except MLError:
        return []
