"""What a workspace's folder knows of its store, so that neither is taken for another's.

A file beside the store, written once. Without it, a deleted store would silently be made anew,
and a database would answer for the files of another folder.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SQLITE_FILE = "jupyter_ml.db"
_FILE = "workspace.json"


@dataclass(frozen=True)
class Marker:
    """The identity of the store, and where it was when the folder met it."""

    id: str
    store: str


def read_marker(root: Path) -> Marker | None:
    """Return what the folder knows of its store, `None` before there is one."""
    try:
        return Marker(**json.loads((root / _FILE).read_bytes()))
    except FileNotFoundError:
        return None


def write_marker(root: Path, marker: Marker) -> None:
    """Have the folder know its store from now on."""
    part = root / f".{_FILE}.{os.getpid()}.part"
    part.write_text(json.dumps(asdict(marker)))
    part.replace(root / _FILE)


def is_used(root: Path) -> bool:
    """Return whether the folder has a store; without opening it."""
    return (root / _FILE).exists() or (root / SQLITE_FILE).exists()
