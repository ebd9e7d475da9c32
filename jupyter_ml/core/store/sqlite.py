"""The store in a SQLite file, the default: nothing to install, nothing that must run.

In WAL mode. A write takes the database's write lock when it begins (`BEGIN IMMEDIATE`): a
transaction that began as a reader and then wants to write fails with SQLITE_BUSY whatever its
time-out. Reads never lock.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from jupyter_ml.core.store.failures import (
    StoreError,
    StoreFullError,
    StoreLostError,
    StoreUnavailable,
)
from jupyter_ml.core.store.mounts import NETWORK, file_system

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_TIMEOUT_S = 30.0
_DELETED = "The store {} was deleted or replaced while it was in use."
_WAL_PAUSE_S = 0.01


class SqliteDatabase:
    """A SQLite file.

    Parameters
    ----------
    path
        The file; made if it is missing.

    Raises
    ------
    StoreError
        The folder is on a network file system.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        kind = file_system(path.parent)
        if kind in NETWORK:
            msg = (
                f"{path.parent} is on a network file system ({kind}), where SQLite loses data. "
                "Set JUPYTER_ML_WORKSPACE to a folder on a local disk, or JUPYTER_ML_DATABASE to "
                "a PostgreSQL database."
            )
            raise StoreError(msg)

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing to connect to."""
        return not self.path.exists()

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return str(self.path)

    def engine(self) -> sa.Engine:
        """Return what connects to it; the file is made here the first time and never again."""
        if self._identity is None:
            self._touch()
        self._identity = _identity(self.path)
        file = f"file:{quote(str(self.path))}"
        url = sa.URL.create("sqlite", database=file, query={"uri": "true", "mode": "rw"})
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", self._prepare)
        return engine

    def _touch(self) -> None:
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            msg = (
                f"The store {self.path} cannot be changed from here ({error.strerror}): an "
                "isolated job submits and records nothing else. Do that outside of it, or set "
                "JUPYTER_ML_WORKSPACE to another folder."
            )
            raise StoreError(msg) from None

    def begin(self, connection: sa.Connection, *, writes: bool) -> None:
        """Begin a transaction; one that writes waits for all others that do.

        Raises
        ------
        StoreLostError
            The file was deleted or replaced since it was opened: what is written would go to a
            file that nobody sees.
        """
        if self._identity != _identity(self.path):
            raise StoreLostError(_DELETED.format(self.path))
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def version(self, connection: sa.Connection) -> int:
        """Return the schema of the tables; asked in every transaction."""
        driver: Any = connection.connection.driver_connection
        try:
            # Not through SQLAlchemy, where it would take a third of a short transaction.
            return int(driver.execute("SELECT version FROM schema_version").fetchone()[0])
        except sqlite3.OperationalError as error:
            raise StoreLostError(f"The tables of {self.path} are gone ({error}).") from error

    def explain(self, error: sa.exc.DBAPIError, *, committing: bool) -> Exception | None:
        """Return what an error of the database means to a user; `None` for a bug of ours."""
        del committing  # a commit that fails here has not happened
        text = str(error.orig)
        if "disk is full" in text:
            free = shutil.disk_usage(self.path.parent).free
            return StoreFullError(
                f"The disk of the workspace {self.path.parent} is full: {free:,} bytes are free. "
                "Free space there, such as with `jupyter ml gc`."
            )
        if "is locked" in text:
            return StoreUnavailable(
                f"Another process has been writing to {self.path} for {BUSY_TIMEOUT_S:g} s. "
                "Nothing of this was written; try again."
            )
        if _identity(self.path) != self._identity:
            return StoreLostError(_DELETED.format(self.path))
        if "malformed" in text or "not a database" in text or "disk I/O error" in text:
            return StoreLostError(f"The store {self.path} cannot be read ({text}).")
        if "readonly" in text or "unable to open" in text:
            return StoreError(
                f"The store {self.path} cannot be written ({text}). Give this user access to it "
                "and to its folder, or set JUPYTER_ML_WORKSPACE to another folder."
            )
        return None

    def size(self, connection: sa.Connection) -> int:
        """Return the bytes that it takes on the disk."""
        del connection
        return sum(path.stat().st_size for path in self.path.parent.glob(f"{self.path.name}*"))

    def reserve(self, connection: sa.Connection, table: str, number: int) -> None:
        """Have rows that are added to a table get numbers above this one."""
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))

    def _prepare(self, connection: DBAPIConnection, _record: Any) -> None:
        # pysqlite would begin transactions by itself, and too late; `begin` does it.
        connection.isolation_level = None
        _run(connection, f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        _enter_wal(connection)
        _run(connection, "PRAGMA synchronous=NORMAL")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _enter_wal(connection: DBAPIConnection) -> None:
    # Where two make a database at once, each holds what the other needs: SQLite then refuses one
    # of them at once, whatever its time-out.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            _run(connection, "PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _run(connection: DBAPIConnection, statement: str) -> None:
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()
