"""What a workspace's folder knows of its store, so that neither is taken for another's.

A file beside the store, written once. Without it, a deleted store would silently be made anew,
and a database would answer for the files of another folder. Another one is there while a backup is
restored.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.versions import known

if TYPE_CHECKING:
    from pathlib import Path

SQLITE_FILE = "jupyter_ml.db"
_FILE = "workspace.json"
_RESTORING = "restoring.json"


@dataclass(frozen=True)
class Marker:
    """The identity of the store, and where it was when the folder met it."""

    id: str
    store: str


@dataclass(frozen=True)
class Restoration:
    """The identity that a store gets when a backup has been restored into it whole."""

    id: str
    backup: str


def read_marker(root: Path) -> Marker | None:
    """Return what the folder knows of its store, `None` before there is one."""
    try:
        values = json.loads((root / _FILE).read_bytes())
    except FileNotFoundError:
        return None
    return Marker(**known(Marker, values, str(root / _FILE)))


def written_at(root: Path) -> float:
    """Return when the folder met its store, in seconds since the epoch."""
    return (root / _FILE).stat().st_mtime


def write_marker(root: Path, marker: Marker) -> None:
    """Have the folder know its store from now on."""
    write_whole(root / _FILE, asdict(marker))


def read_restoration(root: Path) -> Restoration | None:
    """Return what is restored into the folder and has not been finished, `None` for nothing."""
    try:
        values = json.loads((root / _RESTORING).read_bytes())
    except FileNotFoundError:
        return None
    return Restoration(**known(Restoration, values, str(root / _RESTORING)))


def begin_restoration(root: Path, backup: Path) -> Restoration:
    """Note that a backup is restored: nobody else uses the folder until that is done."""
    restoration = Restoration(uuid.uuid4().hex, str(backup))
    write_whole(root / _RESTORING, asdict(restoration))
    return restoration


def end_restoration(root: Path, marker: Marker | None) -> None:
    """Note that it is done, and the store that the folder has now; `None` if it cannot be done."""
    if marker is not None:
        write_marker(root, marker)
    (root / _RESTORING).unlink(missing_ok=True)


def write_whole(path: Path, values: dict[str, Any]) -> None:
    """Write JSON for this user alone, on the disk before it has its name."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def is_used(root: Path) -> bool:
    """Return whether the folder has a store; without opening it."""
    return (root / _FILE).exists() or (root / SQLITE_FILE).exists()
