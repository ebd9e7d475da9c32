"""The replica: a copy of the store on another disk, kept up to date, and the way back from it.

The copy is made by SQLite's own online backup from one snapshot, checked, and takes the place of
the one before only when it is whole and on the disk. Each store has a folder of its own in it,
named by its identity, that is laid out like a workspace: it can be opened as one. PostgreSQL
replicates itself.

::

    <replica>/<identity>/jupyter_ml.db      the copy
    <replica>/<identity>/workspace.json     whose it is
    <replica>/<identity>/copied.json        when it was made, how long that took, and of which state
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.store.marker import (
    SQLITE_FILE,
    read_marker,
    write_marker,
    write_whole,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERY_S: Final = 5.0
"""A copy is made at most this often, in seconds; less often where it takes long."""
_SHARE: Final = 40
# What failed is tried again after this long.
_AGAIN_S: Final = 60.0
_NOTE: Final = "copied.json"
# A file that changed this shortly before it was looked at may change again at the same time.
_SETTLED_S: Final = 0.05


class ReplicaError(MLError):
    """The replica cannot be written or used; says why and what to do."""


@dataclass(frozen=True)
class Copied:
    """What is noted of a copy: when it was begun, in epoch seconds, and how long it took.

    `state` is what the store's files looked like before, empty where they were just being changed.
    """

    at: float
    took_s: float
    bytes: int
    state: list[float]

    def next_at(self, every_s: float) -> float:
        """Return when there may be another one: copying takes a fortieth of the time at most."""
        return self.at + max(every_s, self.took_s * _SHARE)


class Replica:
    """The copy of one workspace's store.

    Parameters
    ----------
    folder
        What the setting names; it must be there, as one that was made where a disk is not mounted
        would be on the wrong one.
    root
        The workspace.
    every_s
        How often a copy is made at most, in seconds.
    """

    def __init__(self, folder: Path, root: Path, every_s: float = EVERY_S) -> None:
        self.folder, self.root, self._every_s = folder, root, every_s
        self.source = root / SQLITE_FILE
        self._again_at = 0.0

    def place(self, identity: str) -> Path:
        """Return the folder of the copy of the store with this identity."""
        return self.folder / identity

    def newest(self) -> Copied | None:
        """Return what is noted of the copy of the workspace's store, if there is one."""
        known = read_marker(self.root)
        if known is None:
            return None
        try:
            noted = Copied(**json.loads((self.place(known.id) / _NOTE).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return noted if (self.place(known.id) / SQLITE_FILE).exists() else None

    def due_at(self) -> float | None:
        """Return when the next copy is due, in epoch seconds; `None` where none is needed."""
        if not self.source.exists():
            return None
        copied = self.newest()
        if copied is None:
            return self._again_at
        if copied.state and copied.state == self._state():
            return None
        # Of a copy from the future nothing can be said: the clock was put back.
        return max(
            self._again_at, copied.next_at(self._every_s) if copied.at <= time.time() else 0.0
        )

    def refresh(self, lock: Path) -> bool:
        """Make a copy if one is due and nobody else does; return whether it was made.

        Parameters
        ----------
        lock
            Held meanwhile.

        Raises
        ------
        ReplicaError
            It could not be made; the one before is as it was.
        """
        with try_lock(lock) as held:
            due_at = self.due_at()
            if not held or due_at is None or due_at > time.time():
                return False
            self._again_at = time.time() + _AGAIN_S
            try:
                self._copy()
            except (OSError, sqlite3.Error) as error:
                raise ReplicaError(
                    f"The store {self.source} could not be copied to the replica {self.folder} "
                    f"({error}). Its last copy there is as it was."
                ) from error
            self._again_at = 0.0
        return True

    def _copy(self) -> None:
        known = read_marker(self.root)
        if known is None:
            return
        if not self.folder.is_dir():
            raise ReplicaError(
                f"The replica {self.folder} is no folder. Make it, or mount its disk, or change "
                "JUPYTER_ML_REPLICA."
            )
        place = self.place(known.id)
        place.mkdir(mode=0o700, exist_ok=True)
        for stray in place.glob(".*.part*"):  # its writer was killed
            stray.unlink(missing_ok=True)
        part = place / f".{SQLITE_FILE}.{os.getpid()}.part"
        state, at, started = self._state(), time.time(), time.monotonic()
        try:
            copy_database(self.source, part)
            if (problem := problem_of(part, known.id)) is not None:
                raise ReplicaError(
                    f"The store {self.source} was not copied to the replica {self.folder}: "
                    f"{problem}. Look at it with: jupyter ml doctor"
                )
            part.replace(place / SQLITE_FILE)
        finally:
            part.unlink(missing_ok=True)
        write_marker(place, known)
        size = (place / SQLITE_FILE).stat().st_size
        write_whole(place / _NOTE, asdict(Copied(at, time.monotonic() - started, size, state)))
        sync_folder(place)

    def _state(self) -> list[float]:
        """Return what the store's files look like; nothing where they may change unseen."""
        files = [self.source, self.source.with_name(f"{SQLITE_FILE}-wal")]
        state: list[float] = []
        for file in files:
            try:
                found = file.stat()
            except FileNotFoundError:
                continue
            if found.st_size:  # a log that is empty says nothing, as it comes with each reader
                state += [found.st_ino, found.st_size, found.st_mtime_ns]
                if time.time() - found.st_mtime < _SETTLED_S:
                    return []
        return state


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that others may be writing to, as it is now, to a file that is new."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with (
        closing(sqlite3.connect(_uri(source, "mode=ro"), uri=True)) as there,
        # Nobody else knows the file, so it needs no locks, which some file systems lack.
        closing(sqlite3.connect(_uri(target, "nolock=1"), uri=True)) as here,
    ):
        here.execute("PRAGMA journal_mode=OFF")
        here.execute("PRAGMA synchronous=OFF")
        there.backup(here)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def problem_of(file: Path, identity: str) -> str | None:
    """Return what is wrong with a copy that nobody writes to; `None` if it is whole and of it."""
    try:
        with closing(sqlite3.connect(_uri(file, "immutable=1"), uri=True)) as copy:
            found: Any = copy.execute("SELECT id FROM workspace").fetchone()
            if found != (identity,):
                return "it is the store of another workspace"
            (answer,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return f"it cannot be read ({error})"
    except sqlite3.DatabaseError as error:
        return f"it is damaged ({error})"
    return None if answer == "ok" else f"it is damaged ({answer.splitlines()[-1]})"


def sync_folder(folder: Path) -> None:
    """Have the names in a folder be on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _uri(file: Path, how: str) -> str:
    return f"file:{quote(str(file))}?{how}"
