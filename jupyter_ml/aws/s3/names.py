"""Which keys and bucket names a folder can hold.

A key is a path of segments joined by slashes. Refused, with the reason, is what a file system has
no place for or takes for something else: empty segments, ``.`` and ``..``, NUL, segments beyond
255 bytes, and the names of files that are still being written.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.core.artifacts import is_draft

if TYPE_CHECKING:
    from pathlib import Path

MAX_KEY_BYTES = 1024
_MAX_SEGMENT_BYTES = 255
_BUCKET = re.compile(r"(?!.*(\.\.|\.-|-\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def flaw_of(key: str) -> str | None:
    """Return why no object here can have this key; `None` if one can."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if not 1 <= size <= MAX_KEY_BYTES:
        return f"it has {size} bytes, and 1 to {MAX_KEY_BYTES} are allowed"
    flaws = (_segment_flaw(segment) for segment in key.removesuffix("/").split("/"))
    return next(filter(None, flaws), None)


def path_of(folder: Path, key: str) -> Path:
    """Return the file, or for a key that ends in a slash the folder, behind a key.

    Parameters
    ----------
    folder
        The bucket's.
    key
        As it was asked for, not percent-encoded.

    Raises
    ------
    S3Error
        ``InvalidArgument`` or ``KeyTooLongError``: the key has a flaw.
    """
    flaw = flaw_of(key)
    if flaw is None:
        return folder.joinpath(*key.removesuffix("/").split("/"))
    code = "KeyTooLongError" if "bytes" in flaw else "InvalidArgument"
    raise S3Error(code, f"The key {key!r} cannot be an object here: {flaw}.", Key=key)


def is_bucket_name(name: str) -> bool:
    """Return whether S3 allows a bucket to have this name."""
    if not _BUCKET.fullmatch(name) or name.startswith("xn--"):
        return False
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return False


def _segment_flaw(segment: str) -> str | None:
    if segment == "":
        return "it has an empty segment (a leading or a double slash), which no path can have"
    if segment in {".", ".."}:
        return f"it has the segment {segment!r}, which leads elsewhere in a path"
    if "\0" in segment:
        return "it has a NUL character"
    if len(segment.encode()) > _MAX_SEGMENT_BYTES:
        return f"it has a segment of more than {_MAX_SEGMENT_BYTES} bytes between slashes"
    return (
        f"{segment!r} is what files are called while they are written"
        if is_draft(segment)
        else None
    )
