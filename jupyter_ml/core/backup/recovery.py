"""Recovery: a store that is gone comes back from its replica, once, whoever misses it first.

The copy is put beside the workspace's other files, gets an event of its own that says so, and takes
the store's name by a link, which never takes the place of a file. What is in the way, because it is
no database any more, is set aside in `lost/`; so are the folders of attempts that the copy does not
know, as they began after it was made: their supervisors end the work, and their numbers are taken,
so that no namesake gets their folder. What attempts that it knows have come to, `tick` reads from
their verdicts.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from jupyter_ml.core.attempts import ENDED
from jupyter_ml.core.backup.replica import ReplicaError, problem_of, sync_folder
from jupyter_ml.core.events.events import SERVICE_EVENT, EventLog
from jupyter_ml.core.locks import hold_lock
from jupyter_ml.core.store.marker import SQLITE_FILE, read_marker, read_restoration
from jupyter_ml.core.store.sqlite import SqliteDatabase
from jupyter_ml.core.store.store import Store
from jupyter_ml.core.store.tables import attempts

if TYPE_CHECKING:
    from jupyter_ml.core.backup.replica import Replica
    from jupyter_ml.core.store.marker import Marker

log = logging.getLogger(__name__)
_Name = tuple[str, str, int]

LOST: Final = "lost"
_LOCK: Final = "lock"
_RUN_VARIABLE: Final = "JUPYTER_ML_RUN_DIR"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class _Loss:
    """A store that is to be recovered: what it is known by, and where what is left of it goes."""

    root: Path
    known: Marker
    user: str
    aside: Path

    @property
    def file(self) -> Path:
        return self.root / SQLITE_FILE


def recover(replica: Replica, known: Marker, user: str, lock: Path) -> None:
    """Have the store be there; harmless where it is, as another process was faster.

    Parameters
    ----------
    replica
        Has the copy.
    known
        The store that the workspace's folder knows.
    user
        Who misses it, for the event log.
    lock
        Held meanwhile, and waited for.

    Raises
    ------
    ReplicaError
        It cannot be recovered; says why. Nothing was changed.
    """
    root = replica.root
    with hold_lock(lock):
        if is_there(root / SQLITE_FILE, known.id):
            return
        if read_restoration(root) is not None or read_marker(root) != known:
            raise ReplicaError(f"{root} has another store by now; try again.")
        copy = replica.place(known.id) / SQLITE_FILE
        made_at = _made_at(replica, copy)
        if (problem := problem_of(copy, known.id)) is not None:
            raise ReplicaError(f"The copy {copy} cannot be used: {problem}.")
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        loss = _Loss(root, known, user, root / LOST / stamp)
        try:
            unknown = _put_back(loss, copy, made_at)
        except (OSError, sqlite3.Error) as error:
            raise ReplicaError(f"The copy {copy} could not be put back: {error}.") from error
    age_s = max(0.0, time.time() - made_at)
    log.error(
        "The store %s was gone and is recovered from the copy of %s, %.0f s old. What was "
        "committed after that is lost%s.",
        loss.file,
        _time(made_at),
        age_s,
        f"; work that began after it is in {loss.aside}: {', '.join(unknown)}" if unknown else "",
    )


def is_there(file: Path, identity: str) -> bool:
    """Return whether a file is the store with this identity.

    Raises
    ------
    ReplicaError
        It is another store, or cannot be read for now: neither is to be replaced.
    """
    # Never opened as a plain file: closing that would end the locks that this process has on it.
    if not file.exists() or file.stat().st_size == 0:
        return False
    try:
        uri = f"file:{quote(str(file))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as found:
            (id_,) = found.execute("SELECT id FROM workspace").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise ReplicaError(f"{file} is there, but cannot be read now ({error}).") from error
    except (sqlite3.DatabaseError, TypeError):  # no database, damaged, or without a workspace
        return False
    if id_ != identity:
        raise ReplicaError(f"{file} is the store of another workspace.")
    return True


def _made_at(replica: Replica, copy: Path) -> float:
    """Return when the copy was made; one that has no note yet is whole, too, and as old as it is.

    Raises
    ------
    ReplicaError
        There is none, or it is out of reach.
    """
    try:
        changed_at = copy.stat().st_mtime
    except FileNotFoundError:
        raise ReplicaError(f"The replica {replica.folder} has no copy of it.") from None
    except OSError as error:
        raise ReplicaError(f"The copy {copy} cannot be reached now ({error.strerror}).") from error
    copied = replica.newest()
    return changed_at if copied is None else copied.at


def _put_back(loss: _Loss, copy: Path, made_at: float) -> list[str]:
    """Put the copy in the store's place; return the names of work that it does not know."""
    for stray in loss.root.glob(f".{SQLITE_FILE}.*.part*"):  # its writer was killed
        stray.unlink(missing_ok=True)
    part = loss.root / f".{SQLITE_FILE}.{os.getpid()}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with copy.open("rb") as source, os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        with closing(Store(SqliteDatabase(part), loss.known.id)) as store:
            known = _known(store)
            unknown = _unknown(known, loss.root)
            _note(store, loss, made_at, unknown)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        for path in unknown:
            if not path.is_relative_to(loss.root / "work"):
                continue
            if not any(name[:2] == _name(path)[:2] for name in known):
                _set_aside_run(path, loss)
            # Its supervisor sees by its lock that the folder is not there any more.
            (path / _LOCK).unlink(missing_ok=True)
            _set_aside(path, loss)
        # Nothing of the old log may be taken for one of the copy.
        for suffix in _BESIDE:
            _set_aside(loss.file.with_name(loss.file.name + suffix), loss)
        os.link(part, loss.file)
        sync_folder(loss.root)
    finally:
        for suffix in _BESIDE:
            part.with_name(part.name + suffix).unlink(missing_ok=True)
    return [path.parent.name for path in unknown]


def _note(store: Store, loss: _Loss, made_at: float, unknown: list[Path]) -> None:
    """Write into the copy that it was put back, and which attempts there were that it lacks."""
    now = time.time()
    verdict = {"state": "Lost", "reason": "StoreRecovered", "message": "It is not known any more."}
    blank = {
        "row_id": 0,
        "first": 0,
        "host": "",
        "state": ENDED,
        "wanted": "run",
        "work": {},
        "gpu_ids": [],
        "verdict": verdict,
        "queued_at": now,
        "ended_at": now,
    }
    taken = [
        {
            **blank,
            **dict(zip(("kind", "key", "number"), _name(path), strict=True)),
            "token": str(_spec(path).get("token", "")),
        }
        for path in unknown
    ]
    with store.write() as connection:
        if taken:
            connection.execute(attempts.insert(), taken)
        EventLog(connection).append(
            {
                "time": now,
                "type": SERVICE_EVENT,
                "name": "StoreRecovered",
                "source": "recovery",
                "principal": loss.user,
                "detail": {
                    "CopiedAt": made_at,
                    "UnknownWork": sorted(path.parent.name for path in unknown),
                },
            }
        )


def _known(store: Store) -> set[_Name]:
    """Return the kind, key and number of each attempt that the store knows."""
    named = (attempts.c.kind, attempts.c.key, attempts.c.number)
    with store.read() as connection:
        return {(kind, key, number) for kind, key, number in connection.execute(sa.select(*named))}


def _unknown(known: set[_Name], root: Path) -> list[Path]:
    """Return the folders of attempts that are not among those that are known.

    Also those that a recovery set aside that was killed before it was done.
    """
    folders = sorted([*(root / "work").glob("*/*/*"), *root.glob(f"{LOST}/*/work/*/*/*")])
    return [path for path in folders if path.name.isdigit() and _name(path) not in known]


def _name(folder: Path) -> _Name:
    return folder.parts[-3], folder.parts[-2], int(folder.name)


def _spec(folder: Path) -> dict[str, Any]:
    """Return what an attempt's supervisor was told; {} of one that never began."""
    try:
        return dict(json.loads((folder / "work.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _set_aside_run(folder: Path, loss: _Loss) -> None:
    """Set the metrics aside that unknown work has logged: a namesake's would be mixed with them."""
    env = (_spec(folder).get("work") or {}).get("env") or {}
    run = Path(env.get(_RUN_VARIABLE, ""))
    if run.parent == loss.root / "runs":
        _set_aside(run, loss)


def _set_aside(path: Path, loss: _Loss) -> None:
    target = loss.aside / path.relative_to(loss.root)
    if not path.exists():
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.rename(target)


def _time(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="seconds")
