"""Restoring: a workspace is made from a backup, whole or not at all.

Files come first, each under its name only when it is whole; then all rows in one transaction. A
note in the folder says that a restoration is under way: until it is done, nobody else uses the
workspace, and one that was killed is finished by running it again.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.attempts import ENDED, Attempts
from jupyter_ml.core.backup.backup import END, FOLDERS, FORMAT, HEADER, TABLES, Contents
from jupyter_ml.core.events.chain import Chain
from jupyter_ml.core.events.events import SERVICE_EVENT, EventLog
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.store.marker import (
    SQLITE_FILE,
    Marker,
    Restoration,
    begin_restoration,
    end_restoration,
    read_marker,
    read_restoration,
)
from jupyter_ml.core.store.migrations import SCHEMA
from jupyter_ml.core.store.tables import attempts, events, metadata, rows, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.store.store import Store
    from jupyter_ml.core.workspace import Workspace

Json = dict[str, Any]
# What a workspace may have before it is used: none of it is of a store.
_HARMLESS = frozenset({"keys", "locks", "warm", "inject", "background.log"})
_PIECE_BYTES = 1 << 20
_DAMAGED = "{} is damaged or was cut off ({}). Use another backup."


class RestoreError(MLError):
    """A workspace cannot be made from a backup; says why, and nothing was changed."""


@dataclass(frozen=True)
class Restored:
    """What was restored, and the work that was under way then and is over now."""

    contents: Contents
    ended: list[str]


def restore(
    workspace: Workspace, path: Path, now: float, *, keep_files: bool = False, force: bool = False
) -> Restored:
    """Make a workspace from a backup.

    Parameters
    ----------
    workspace
        Where; not opened, and without a store.
    path
        The backup.
    now
        The time, in epoch seconds.
    keep_files
        Whether the files of a workspace whose store is gone are kept; those that are missing come
        from the backup.
    force
        Whether to go on although the log of events is not what was written.

    Raises
    ------
    RestoreError
        The backup cannot be used here, or the workspace is in use.
    """
    settings = workspace.settings
    contents = _checked(path, settings, force=force)
    with _alone(settings.workspace):
        for stray in settings.workspace.glob(".*.json.*.part"):  # its writer was killed
            stray.unlink(missing_ok=True)
        known = read_restoration(settings.workspace)
        if known is None:
            _require_unused(settings.workspace, keep_files=keep_files)
            known = begin_restoration(settings.workspace, path)
        with closing(workspace.open_anew()) as store:
            if store.identity() != known.id:
                if store.is_used():
                    end_restoration(settings.workspace, None)
                    raise RestoreError(
                        f"{store.database.place} has been used, and a backup is restored into an "
                        "empty database only. Use another one."
                    )
                _unpack(path, settings.workspace)
                ended = _fill(store, path, known, now, settings.user)
            else:
                ended = []
            end_restoration(settings.workspace, Marker(known.id, store.database.place))
    return Restored(contents, ended)


def _checked(path: Path, settings: Settings, *, force: bool) -> Contents:
    """Read a whole backup; return what is in it."""
    contents, chain = Contents(rows={table.name: 0 for table in TABLES}), Chain()
    end: Json | None = None
    _check_sum(path)
    with _opened(path) as archive:
        for member in archive:
            if member.name == HEADER:
                _check_header(path, _json(archive, member), settings)
            elif member.name == END:
                end = _json(archive, member)
            elif (table := _table_of(member)) is not None:
                for record in _records(archive, member):
                    contents.rows[table.name] += 1
                    if table is events:
                        chain.add(record)
            elif _place_of(member) is not None:
                contents.files += 1
                contents.bytes += member.size
            else:
                raise RestoreError(_DAMAGED.format(path, f"{member.name!r} is not of a backup"))
    contents.last_hash, contents.broken = chain.last, chain.broken
    if end != contents.to_json():
        raise RestoreError(_DAMAGED.format(path, "it has not what its end says"))
    if contents.broken is not None and not force:
        raise RestoreError(
            f"The log of events in {path} was changed: event {contents.broken} is not what was "
            "written. Use an earlier backup, or restore it as it is with --force."
        )
    return contents


def _check_header(path: Path, header: Json, settings: Settings) -> None:
    if header["format"] != FORMAT or header["schema"] > SCHEMA:
        raise RestoreError(
            f"{path} was written by jupyter_ml {header['version']}, which is newer than this one. "
            "Upgrade jupyter_ml."
        )
    if header["schema"] < SCHEMA:
        raise RestoreError(
            f"{path} was written by jupyter_ml {header['version']} (schema {header['schema']}; "
            f"this one has {SCHEMA}). Restore it with that version; this one then brings the "
            "workspace up to date."
        )
    for name in ("account_id", "region"):
        if header[name] != getattr(settings, name):
            raise RestoreError(
                f"{path} is of a workspace with the {name} {header[name]!r}, which stands in all "
                f"of its ARNs. Set JUPYTER_ML_{name.upper()}={header[name]}."
            )


def _require_unused(root: Path, *, keep_files: bool) -> None:
    there = [path.name for path in root.iterdir() if path.name not in _HARMLESS]
    has_file = (root / SQLITE_FILE).exists()
    known = read_marker(root)
    # Whether a database was used is seen when it is opened.
    if not there or (keep_files and known is not None and not has_file):
        return
    is_lost = known is not None and "://" not in known.store and not has_file
    hint = " Its store is gone: keep its files with --keep-files." if is_lost else ""
    raise RestoreError(
        f"{root} is not empty ({', '.join(sorted(there)[:5])}), and a backup is restored into an "
        f"empty workspace only. Set JUPYTER_ML_WORKSPACE to another folder.{hint}"
    )


def _unpack(path: Path, root: Path) -> None:
    """Put the files of a backup where they belong, but for those that are there."""
    with _opened(path) as archive:
        for member in archive:
            place = _place_of(member)
            if place is None or (target := root / place).exists():
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            source = archive.extractfile(member)
            if source is None:
                continue
            with source, part.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            os.utime(part, (member.mtime, member.mtime))
            part.replace(target)


def _fill(store: Store, path: Path, known: Restoration, now: float, user: str) -> list[str]:
    """Write all rows of a backup in one transaction; return the names of work that is over."""
    with store.write() as connection, _opened(path) as archive:
        for member in archive:
            table = _table_of(member)
            if table is not None and (records := list(_records(archive, member))):
                connection.execute(table.insert(), records)
        connection.execute(workspace.update().values(id=known.id, created_at=now))
        _reserve_numbers(store, connection)
        return _end_what_was_under_way(connection, now, user)


def _reserve_numbers(store: Store, connection: sa.Connection) -> None:
    """Have no new row get the number of one that was deleted before."""
    of_attempts = connection.execute(sa.select(sa.func.max(attempts.c.row_id))).scalar() or 0
    for table, least in ((rows, of_attempts), (attempts, 0)):
        newest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0
        if highest := max(newest, least):
            store.database.reserve(connection, table.name, highest)


def _end_what_was_under_way(connection: sa.Connection, now: float, user: str) -> list[str]:
    """End all work that ran or waited: what became of it is not known here."""
    ended = []
    for attempt in Attempts(connection).live():
        message = "It was under way when the backup was made from which this was restored."
        verdict = {"state": "Lost", "reason": "Restored", "message": message}
        Attempts(connection).change(attempt, state=ENDED, verdict=verdict, ended_at=now)
        EventLog(connection).append(
            {
                "time": now,
                "type": SERVICE_EVENT,
                "name": "AttemptEnded",
                "source": "restore",
                "principal": user,
                "kind": attempt.kind,
                "key": attempt.key,
                "detail": {"Attempt": attempt.number, "Verdict": verdict},
            }
        )
        ended.append(attempt.key)
    return ended


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / "locks").mkdir(mode=0o700, exist_ok=True)
    with try_lock(root / "locks" / "restore.lock") as held:
        if not held:
            raise RestoreError(f"A backup is being restored into {root} already; wait for it.")
        yield


def _check_sum(path: Path) -> None:
    """Read a backup to its very end, where its sum is; the archive's own end comes before."""
    with _translated(path), gzip.open(path) as stream:
        while stream.read(_PIECE_BYTES):
            pass


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    with _translated(path), tarfile.open(path, "r:gz") as archive:
        yield archive


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise RestoreError(f"There is no backup {path}.") from None
    except MLError:
        raise
    except OSError as error:
        if error.errno is None:  # what is no archive, or has a wrong sum
            raise RestoreError(_DAMAGED.format(path, error)) from error
        raise RestoreError(f"{path} could not be restored: {error}.") from error
    except (tarfile.TarError, zlib.error, EOFError, ValueError, KeyError, TypeError) as error:
        raise RestoreError(_DAMAGED.format(path, error)) from error


def _json(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Json:
    content: Json = json.loads(_data(archive, member))
    return content


def _records(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Json]:
    return (json.loads(line) for line in _data(archive, member).split(b"\n"))


def _data(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = archive.extractfile(member)
    if source is None:
        raise tarfile.TarError(f"{member.name} is no file")
    with source:
        return source.read()


def _table_of(member: tarfile.TarInfo) -> sa.Table | None:
    parts = PurePosixPath(member.name).parts
    return metadata.tables[parts[1]] if len(parts) == 3 and parts[0] == "tables" else None


def _place_of(member: tarfile.TarInfo) -> PurePosixPath | None:
    """Return where a file belongs in the workspace, `None` if it is none or leads out of it."""
    first, *rest = PurePosixPath(member.name).parts
    is_safe = first == "files" and member.isfile() and rest and rest[0] in FOLDERS
    return PurePosixPath(*rest) if is_safe and ".." not in rest else None
