"""An exception of a user's program as data, with its own lines and not ours."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_OWN = str(Path(__file__).resolve().parents[1])
_AROUND = 5


def trimmed(error: BaseException) -> BaseException:
    """Drop the frames of the code that ran the program; return the error."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    return error.with_traceback(trace)


def formatted(error: BaseException, root: Path) -> str:
    """Return the traceback as Python prints it, with paths relative to the source folder."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return text.replace(f'"{root}{os.sep}', '"')


def failure_of(error: BaseException, root: Path, cell: Path | None = None) -> dict[str, Any]:
    """Return an exception in the shape of a Failure.

    Parameters
    ----------
    error
        As `trimmed` returns it.
    root
        The source folder.
    cell
        The file that holds a cell's text, where a cell was run.

    Returns
    -------
    dict
        `Reason`, `Message`, `ExceptionType`, `Frames` (innermost last), `Source`, the lines
        around the innermost one that is the user's, and in words the `Place` of that line.
    """
    frames = [
        (frame.filename, frame.lineno or 0, frame.name)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0, "<module>"))
    theirs = [frame for frame in frames if Path(frame[0]).is_relative_to(root)]
    return {
        "Reason": _reason(error),
        "Message": _message(error),
        "ExceptionType": type(error).__name__,
        "Frames": [_frame(*frame, root=root, cell=cell) for frame in frames],
        "Source": _source(*theirs[-1][:2]) if theirs else [],
        "Place": _place(*theirs[-1][:2], root=root, cell=cell) if theirs else None,
    }


def _is_ours(trace: TracebackType) -> bool:
    name = trace.tb_frame.f_code.co_filename
    # the package is imported through a link, so compare what the link leads to
    return name.startswith("<frozen") or os.path.realpath(name).startswith(_OWN)


def _frame(file: str, line: int, function: str, *, root: Path, cell: Path | None) -> dict[str, Any]:
    return {
        "File": _shown(file, root),
        "Line": line,
        "Function": function,
        "Code": linecache.getline(file, line).strip(),
        "InCell": cell is not None and Path(file) == cell,
    }


def _shown(file: str, root: Path) -> str:
    path = Path(file)
    for folder in (root, *sorted(map(Path, filter(None, sys.path)), reverse=True)):
        if path.is_relative_to(folder) and path != folder:
            return str(path.relative_to(folder))
    return file


def _place(file: str, line: int, *, root: Path, cell: Path | None) -> str:
    if cell is not None and Path(file) == cell:
        return f"line {line} of the cell"
    return f"{_shown(file, root)}, line {line}"


def _source(file: str, line: int) -> list[dict[str, Any]]:
    lines = linecache.getlines(file)
    first = max(1, line - _AROUND)
    last = min(len(lines), line + _AROUND)
    return [
        {"Number": number, "Text": lines[number - 1].rstrip("\n")}
        for number in range(first, last + 1)
    ]


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "OutOfMemory"
    # our own algorithms tell apart what the request got wrong
    return str(getattr(error, "failure_reason", "AlgorithmError"))


def _message(error: BaseException) -> str:
    if hasattr(error, "failure_reason"):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"  # without the source, which is beside it
    return "".join(traceback.format_exception_only(type(error), error)).strip()
