"""The workspace: its folder, its disk, its store, and who else may look into it."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_ml.core.backup.replica import Replica
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.marker import read_marker
from jupyter_ml.core.store.migrations import SCHEMA, schema_version
from jupyter_ml.core.store.mounts import NETWORK, file_system
from jupyter_ml.core.store.tables import events
from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.doctor.finding import LIMITED, NO, OK, Finding

if TYPE_CHECKING:
    from jupyter_ml.toolkit.doctor.finding import Place

_CHECK_S = 2.0
_STEPS = 20_000
_MIB = 1 << 20
_LATE_S = 60.0


def folder(place: Place) -> Finding:
    """Look at the folder, or at where it would be made."""
    name, root = "workspace", place.root
    there = _nearest(root)
    kind = file_system(there)
    advice = "Set JUPYTER_ML_WORKSPACE to a folder that you can write to."
    if not there.is_dir():
        return Finding(name, NO, f"{there} is no folder.", advice, is_essential=True)
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(name, NO, f"{there} cannot be written to.", advice, is_essential=True)
    if kind in NETWORK and not place.settings.database:
        advice = "Set JUPYTER_ML_WORKSPACE to a local disk, or JUPYTER_ML_DATABASE to PostgreSQL."
        why = f"{root} is on a network file system ({kind}), where SQLite loses data."
        return Finding(name, NO, why, advice, is_essential=True)
    state = "can be written to" if there == root else "will be made when it is needed"
    return Finding(
        name, OK, f"{root} ({kind or 'file system unknown'}) {state}.", is_essential=True
    )


def disk(place: Place) -> Finding:
    """Compare the free space with the floor."""
    free = shutil.disk_usage(_nearest(place.root)).free
    floor = place.settings.free_floor_mb * _MIB
    why = f"{size(free)} are free, {size(floor)} of which stay free."
    if free < floor:
        return Finding("disk", NO, f"{why} Nothing is accepted.", "Free space: jupyter ml gc")
    if free < 2 * floor:
        return Finding("disk", LIMITED, why, "Free space: jupyter ml gc")
    return Finding("disk", OK, why)


def store(place: Place) -> Finding:
    """Open the store for reading, look at its schema, and check it as long as there is time."""
    name = "store"
    if not place.has_store and read_marker(place.root) is not None:
        return _gone(place)
    if not place.has_store:
        why = "There is none yet; it will be made with the first record."
        return Finding(name, OK, why, is_essential=True)
    try:
        with place.reading() as connection:
            version = schema_version(connection)
            if version > SCHEMA:
                why = f"It is of schema {version}, this version knows {SCHEMA}."
                advice = "pip install --upgrade jupyter-ml"
                return Finding(name, NO, why, advice, is_essential=True)
            number = connection.execute(sa.select(sa.func.max(events.c.seq))).scalar() or 0
            looked, problem = _quick_check(connection)
    except StoreError as error:
        return _unreadable(f"It cannot be read: {error}.")
    if problem:
        return _unreadable(f"It is damaged: {problem}.")
    older = "" if version == SCHEMA else f", which the next use makes {SCHEMA}"
    return Finding(
        name, OK, f"Schema {version}{older}; {number:,} events; {looked}.", is_essential=True
    )


def replica(place: Place) -> Finding:
    """Look at how old the copy of the store is."""
    name, folder_ = "replica", place.settings.replica
    if folder_ is None:
        return Finding(name, OK, "No copy of the store is kept; JUPYTER_ML_REPLICA names a place.")
    there = Path(folder_)
    if not there.is_dir():
        advice = f"Mount its disk, or: mkdir {folder_}"
        return Finding(name, NO, f"{folder_} is no folder, so nothing is copied there.", advice)
    copy = Replica(there, place.root)
    copied, due_at = copy.newest(), copy.due_at()
    if copied is None:
        why = f"There is no copy of the store in {folder_} yet."
        return Finding(name, LIMITED if place.has_store else OK, why)
    why = f"{folder_} has a copy of {size(copied.bytes)} from {time.time() - copied.at:,.0f} s ago"
    if due_at is not None and time.time() - due_at > _LATE_S:
        why = f"{why}, and what was committed since is not in it."
        return Finding(name, LIMITED, why, "jupyter ml tick; background.log says what prevents it.")
    if there.stat().st_dev == _nearest(place.root).stat().st_dev:
        advice = "Name a folder on another disk, so that one disk that fails does not take both."
        return Finding(name, LIMITED, f"{why}, on the disk of the workspace.", advice)
    return Finding(name, OK, f"{why}{', with all there is' if due_at is None else ''}.")


def privacy(place: Place) -> Finding:
    """Look at whether other users of the machine could read the workspace."""
    name, root = "privacy", place.root
    if not root.is_dir():
        return Finding(name, OK, "There is no folder yet; it will be for this user alone.")
    found = root.stat()
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        advice = "Each user needs a workspace, or a server that several share."
        return Finding(name, LIMITED, f"{root} belongs to another user.", advice)
    mode = stat.S_IMODE(found.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        why = f"Other users of this machine may look into {root} (mode {mode:o})."
        return Finding(name, LIMITED, why, f"chmod 700 {root}")
    return Finding(name, OK, f"{root} is for this user alone (mode {mode:o}).")


def _gone(place: Place) -> Finding:
    why = f"{place.store_file} is gone."
    if place.settings.replica is None:
        return _unreadable(why)
    advice = "The next use recovers it from the replica, such as: jupyter ml tick"
    return Finding("store", LIMITED, why, advice, is_essential=True)


def _unreadable(why: str) -> Finding:
    return Finding("store", NO, why, "jupyter ml restore BACKUP", is_essential=True)


def _quick_check(connection: sa.Connection) -> tuple[str, str]:
    """Return how far SQLite's own check came, and what it found wrong."""
    if connection.dialect.name != "sqlite":
        return "PostgreSQL looks after its own", ""
    raw = connection.connection.driver_connection
    deadline = time.monotonic() + _CHECK_S
    is_over = False

    def watch() -> int:
        nonlocal is_over
        is_over = time.monotonic() > deadline
        return int(is_over)

    raw.set_progress_handler(watch, _STEPS)  # type: ignore[union-attr]
    try:
        answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    except sa.exc.OperationalError:
        if is_over:
            return f"nothing wrong in what was checked within {_CHECK_S:g} s", ""
        raise
    finally:
        raw.set_progress_handler(None, 0)  # type: ignore[union-attr]
    return "intact", "" if answer == "ok" else str(answer)


def _nearest(path: Path) -> Path:
    """Return the path, or the first that there is above it."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
