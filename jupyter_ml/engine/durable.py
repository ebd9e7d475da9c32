"""Small JSON files that are whole or absent, whenever the power fails.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

RESERVE = "reserve"
_RESERVED_BYTES = 1 << 20
_DRAFT = re.compile(r".+\.json\.\d+\.tmp")


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any], *, sync: bool) -> None:
    """Write a file and rename it into place; with `sync` it also survives a power cut.

    Raises
    ------
    OSError
        The file could not be written, such as on a full disk; what was there is unharmed.
    """
    target = os.fspath(path)
    draft = f"{target}.{os.getpid()}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    if sync:
        _sync_directory(os.path.dirname(target))


def read_json(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return what a file holds; `None` if it is absent or was torn by a power cut."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def reserve(directory: str) -> None:
    """Set disk space aside for what must be written at the end, even if the disk is full then."""
    with contextlib.suppress(OSError), open(os.path.join(directory, RESERVE), "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _RESERVED_BYTES)
        else:
            file.write(bytes(_RESERVED_BYTES))


def release(directory: str | os.PathLike[str]) -> None:
    """Give back what `reserve` set aside; harmless when that was done before."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(directory, RESERVE))


def remove_drafts(directory: str | os.PathLike[str]) -> None:
    """Remove what `write_json` had begun in a folder whose writers are gone."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            if _DRAFT.fullmatch(name):
                os.unlink(os.path.join(directory, name))


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
