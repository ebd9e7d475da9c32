"""An exception as data: what the failure card of an endpoint shows."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_OWN = str(Path(__file__).parent)


def failure_of(error: BaseException, doing: str) -> dict[str, Any]:
    """Return `error` in the shape `Failure`.

    Parameters
    ----------
    error
        What was raised.
    doing
        What was being done, as in "loading the model".

    Returns
    -------
    dict
        `Reason`, `Message`, `ExceptionType`, `Frames` (innermost last, from where our code called
        theirs) and `Traceback`.
    """
    theirs = _after_ours(error.__traceback__)
    frames = [
        {
            "File": frame.filename,
            "Line": frame.lineno or 0,
            "Function": frame.name,
            "Code": frame.line or "",
            "InCell": False,
        }
        for frame in traceback.extract_tb(theirs)
    ]
    return {
        "Reason": "ModelError",
        "Message": f"{doing} failed: {type(error).__name__}: {error}",
        "ExceptionType": type(error).__name__,
        "Frames": frames,
        "Source": [],
        "LogTail": [],
        "Traceback": "".join(traceback.format_exception(error.with_traceback(theirs))),
    }


def _after_ours(entry: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins where our code called theirs, else all of it."""
    start = found = entry
    while entry is not None:
        if entry.tb_frame.f_code.co_filename.startswith(_OWN) and entry.tb_next is not None:
            found = entry.tb_next
        entry = entry.tb_next
    is_ours = found is not None and found.tb_frame.f_code.co_filename.startswith(_OWN)
    return start if is_ours else found
