"""An exception as data: what the failure card of an endpoint shows."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

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
        `Reason`, `Message`, `ExceptionType`, `Frames` (innermost last, ours left out while
        there are others) and `Traceback`.
    """
    frames = [
        {
            "File": frame.filename,
            "Line": frame.lineno or 0,
            "Function": frame.name,
            "Code": frame.line or "",
            "InCell": False,
        }
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    theirs = [frame for frame in frames if not str(frame["File"]).startswith(_OWN)]
    return {
        "Reason": "ModelError",
        "Message": f"{doing} failed: {type(error).__name__}: {error}",
        "ExceptionType": type(error).__name__,
        "Frames": theirs or frames,
        "Source": [],
        "LogTail": [],
        "Traceback": "".join(traceback.format_exception(error)),
    }
