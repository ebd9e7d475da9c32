"""Backups: all that a store holds, as one file that any store can be made from again.

A backup is a compressed archive of JSON lines, not a copy of a database, so that what was in SQLite
can go on in PostgreSQL and the other way round. It is read from one snapshot while everything
goes on, checked while it is written, and has its name only when it is whole and on the disk.

::

    backup.json                 what it is of: format, schema, account, region, time
    tables/<table>/<n>.jsonl    rows of a table, a thousand at most
    files/<folder>/...          buckets, runs and packs, where they were asked for
    end.json                    how much that was, and the hash of the newest event
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml import __version__
from jupyter_ml.contract.errors import ResourceInUse, ResourceLimitExceeded, ValidationException
from jupyter_ml.core.events.chain import Chain
from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.store.migrations import SCHEMA
from jupyter_ml.core.store.tables import metadata, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
FORMAT = 1
HEADER, END = "backup.json", "end.json"
FOLDERS = ("buckets", "runs", "packs")
TABLES = [table for table in metadata.sorted_tables if table is not workspace]
_ROWS = 1000
# Most of the files are archives already, so little is gained by more.
_LEVEL = 1


@dataclass
class Contents:
    """What a backup holds: rows by table, files and their bytes, and where the events break.

    `broken` is the number of the first event whose hash is not what it must be, if there is one.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    last_hash: str = ""
    broken: int | None = None

    def to_json(self) -> Json:
        """Return it as the end of an archive has it."""
        return {
            "rows": self.rows,
            "files": self.files,
            "bytes": self.bytes,
            "last_hash": self.last_hash,
        }


def write_backup(
    connection: sa.Connection, settings: Settings, path: Path, now: float, *, files: bool
) -> Contents:
    """Write a backup of a workspace.

    Parameters
    ----------
    connection
        An open snapshot of its store.
    settings
        Names the workspace.
    path
        The file; for its owner alone, as it holds the tokens of endpoints.
    now
        The time, in epoch seconds.
    files
        Whether the buckets and the metrics of runs are in it, too.

    Raises
    ------
    ValidationException
        The path is not absolute, or its folder does not exist.
    ResourceInUse
        There is a file of this name.
    ResourceLimitExceeded
        The disk is full.
    """
    if not path.is_absolute() or not path.parent.is_dir():
        raise ValidationException(f"{path} is not an absolute path in a folder that exists.")
    if path.exists():
        raise _taken(path)
    identity = connection.execute(sa.select(workspace.c.id)).scalar_one()
    header = {
        "format": FORMAT,
        "schema": SCHEMA,
        "version": __version__,
        "workspace": identity,
        "account_id": settings.account_id,
        "region": settings.region,
        "created_at": now,
        "files": files,
    }
    contents = Contents()
    try:
        with (
            _appearing(path) as part,
            tarfile.open(part, "w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, HEADER, json.dumps(header).encode(), now)
            _add_tables(archive, connection, contents, now)
            if files:
                for folder in FOLDERS:
                    _add_files(archive, settings.workspace, folder, contents)
            _add(archive, END, json.dumps(contents.to_json()).encode(), now)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise ResourceLimitExceeded(f"{path} could not be written: {error}.") from error
    return contents


def _taken(path: Path) -> ResourceInUse:
    return ResourceInUse(f"{path} exists, and is not written over. Use another name.")


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file gets its name when it is whole and on the disk."""
    for stray in path.parent.glob(f".{path.name}.*.part"):
        with try_lock(stray) as abandoned:  # its writer was killed
            if abandoned:
                stray.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with try_lock(part):
        try:
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            # A link, unlike a renaming, never takes the place of a file.
            os.link(part, path)
        finally:
            part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _add(archive: tarfile.TarFile, name: str, data: bytes, now: float) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(now), 0o600
    archive.addfile(member, io.BytesIO(data))


def _add_tables(
    archive: tarfile.TarFile, connection: sa.Connection, contents: Contents, now: float
) -> None:
    chain = Chain()
    for table in TABLES:
        count = 0
        for number, batch in enumerate(_batches(connection, table)):
            if table.name == "events":
                for record in batch:
                    chain.add(record)
            lines = [json.dumps(record, separators=(",", ":")) for record in batch]
            text = "\n".join(lines).encode()
            _add(archive, f"tables/{table.name}/{number:06}.jsonl", text, now)
            count += len(batch)
        contents.rows[table.name] = count
    contents.last_hash, contents.broken = chain.last, chain.broken


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[Json]]:
    """Yield the rows of a table in the order of their keys, some at a time."""
    keys = list(table.primary_key.columns)
    query = sa.select(table).order_by(*keys).limit(_ROWS)
    where: list[sa.ColumnElement[bool]] = []
    while batch := [dict(row) for row in connection.execute(query.where(*where)).mappings()]:
        yield batch
        last = [sa.literal(batch[-1][key.name]) for key in keys]
        where = [sa.tuple_(*keys) > sa.tuple_(*last)]


def _add_files(archive: tarfile.TarFile, root: Path, folder: str, contents: Contents) -> None:
    for path in sorted((root / folder).rglob("*")):
        if path.is_symlink() or (path.name.startswith(".") and path.name.endswith(".part")):
            continue
        try:
            with path.open("rb") as file:
                member = archive.gettarinfo(arcname=f"files/{path.relative_to(root)}", fileobj=file)
                # A file that grows meanwhile is kept as it was when it was opened.
                archive.addfile(member, file)
        except (FileNotFoundError, IsADirectoryError):  # removed meanwhile, or no file
            continue
        contents.files += 1
        contents.bytes += member.size
