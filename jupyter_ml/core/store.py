"""The store: one database that holds the truth, and the rules for touching it.

SQLite in WAL mode by default. A write takes the database's write lock when it begins
(`BEGIN IMMEDIATE`): a transaction that began as a reader and then wants to write fails with
SQLITE_BUSY whatever its time-out. Reads never lock.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.migrations import SCHEMA, migrate, schema_version
from jupyter_ml.core.mounts import NETWORK, file_system

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_S = 30.0
_WAL_PAUSE_S = 0.01
_LONG_NUMBER = re.compile(r"\d{19}")
_SHORT = 19


class StoreError(MLError):
    """The store cannot be used; the message says why and what to do."""


class StoreFullError(StoreError, OSError):
    """There is no space left for the store; what was to be written was not."""


class Store:
    """Transactions on the database of one workspace.

    Parameters
    ----------
    url
        SQLAlchemy URL of the database.

    Raises
    ------
    StoreError
        The database was written by a newer version of jupyter_ml.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(url, json_serializer=_dumps, json_deserializer=_loads)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(writes=True)
        self._migrate()

    @classmethod
    def at(cls, path: Path) -> Store:
        """Return the SQLite store in the file `path`, made if it is missing."""
        kind = file_system(path.parent)
        if kind in NETWORK:
            msg = (
                f"{path.parent} is on a network file system ({kind}), where SQLite loses data. "
                "Set JUPYTER_ML_WORKSPACE to a folder on a local disk."
            )
            raise StoreError(msg)
        return cls(f"sqlite:///{path}")

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Hold one write transaction: committed at the end, rolled back on an exception.

        Raises
        ------
        StoreFullError
            There is no space left on the disk; names the bytes that are.
        """
        try:
            with self._writer.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            if "disk is full" not in str(error.orig):
                raise
            folder = Path(str(self._engine.url.database)).parent
            free = shutil.disk_usage(folder).free
            msg = (
                f"The disk of the workspace {folder} is full: {free:,} bytes are free. "
                "Free space there, such as with `jupyter ml gc`."
            )
            raise StoreFullError(msg) from None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Hold one consistent snapshot for reading."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _migrate(self) -> None:
        with self.read() as connection:
            version = schema_version(connection)
        if version > SCHEMA:
            msg = (
                f"The workspace was written by a newer jupyter_ml (schema {version}; this one "
                f"knows {SCHEMA}). Upgrade jupyter_ml or use another workspace."
            )
            raise StoreError(msg)
        if version < SCHEMA:
            with self.write() as connection:
                # Another process may have been faster.
                if schema_version(connection) < SCHEMA:
                    migrate(connection)


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _loads(text: str) -> Any:
    # orjson is four times faster, but rounds what is longer than 64 bits and refuses NaN
    if len(text) < _SHORT or _LONG_NUMBER.search(text) is None:
        with contextlib.suppress(ValueError):
            return orjson.loads(text)
    return json.loads(text)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # pysqlite would begin transactions by itself, and too late; `_begin_sqlite` does it.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}").close()
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL").close()


def _enter_wal(connection: sqlite3.Connection) -> None:
    # Where two make a database at once, each holds what the other needs: SQLite then refuses one
    # of them at once, whatever its time-out.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
