"""The store: one database that holds the truth, and the rules for touching it.

A write transaction is alone: it begins when all others that write have ended, and sees what they
left. Reads see one snapshot and never wait. What the databases do for that is theirs:
`jupyter_ml.core.store.sqlite` and `jupyter_ml.core.store.postgresql`.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from jupyter_ml.core.store.failures import StoreError, StoreLostError, StoreUnavailable
from jupyter_ml.core.store.migrations import SCHEMA, migrate, schema_version
from jupyter_ml.core.store.sqlite import SqliteDatabase
from jupyter_ml.core.store.tables import events, workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Database(Protocol):
    """What differs between the databases that a store can be in."""

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing to connect to."""

    @property
    def place(self) -> str:
        """Where it is, for messages; without a password."""

    def engine(self) -> sa.Engine:
        """Return what connects to it."""

    def begin(self, connection: sa.Connection, *, writes: bool) -> None:
        """Begin a transaction; one that writes waits for all others that do."""

    def version(self, connection: sa.Connection) -> int:
        """Return the schema of the tables; asked in every transaction."""

    def explain(self, error: sa.exc.DBAPIError, *, committing: bool) -> Exception | None:
        """Return what an error of the database means to a user; `None` for a bug of ours."""

    def size(self, connection: sa.Connection) -> int:
        """Return the bytes that it takes."""

    def reserve(self, connection: sa.Connection, table: str, number: int) -> None:
        """Have rows that are added to a table get numbers above this one."""


class Store:
    """Transactions on the database of one workspace.

    Parameters
    ----------
    database
        The database; its tables are made if it is empty.
    known_as
        The identity that the workspace's folder knows its store by; `None` for a new folder.
    advice
        Says what to do when the store is lost.
    recover
        Has a store that was lost under way be there again; returns whether it is.

    Raises
    ------
    StoreError
        The database was written by a newer version of jupyter_ml.
    StoreLostError
        The folder knows a store and the database is empty.
    StoreUnavailable
        The database does not answer.
    """

    def __init__(
        self,
        database: Database,
        known_as: str | None = None,
        advice: Callable[[], str] = lambda: "",
        recover: Callable[[], bool] = lambda: False,
    ) -> None:
        self.database = database
        self._advice = advice
        self._recover, self._recovering = recover, threading.Lock()
        if known_as is not None and database.is_missing:
            raise self._lost(StoreLostError(f"The store {database.place} does not exist any more."))
        self._engine = database.engine()
        # A forked child must not talk on its parent's connections.
        _OPEN.add(self._engine)
        try:
            self._migrate(known_as)
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, path: Path) -> Store:
        """Return the SQLite store in the file `path`, made if it is missing."""
        return cls(SqliteDatabase(path))

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Hold one write transaction: committed at the end, rolled back on an exception.

        Raises
        ------
        StoreFullError
            There is no space left; names the bytes that are.
        StoreUnavailable
            The database does not answer, or went away; says what is known of this change.
        StoreLostError
            The database is gone.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Hold one consistent snapshot for reading."""
        with self._transaction(writes=False) as connection:
            yield connection

    def identity(self) -> str:
        """Return what this store is known by, wherever it is reached from."""
        with self.read() as connection:
            return str(connection.execute(sa.select(workspace.c.id)).scalar_one())

    def is_used(self) -> bool:
        """Return whether anything was ever done in it."""
        with self.read() as connection:
            return connection.execute(sa.select(events.c.seq).limit(1)).first() is not None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool, of_any_schema: bool = False) -> Iterator[sa.Connection]:
        committing = False
        try:
            with self._begun(writes=writes) as connection:
                if not of_any_schema:
                    self._check(self.database.version(connection))
                yield connection
                committing = True
                connection.commit()
        except StoreLostError as loss:
            raise self._lost(loss) from None
        except sa.exc.DBAPIError as error:
            meaning = self.database.explain(error, committing=committing)
            if isinstance(meaning, StoreLostError):
                meaning = self._lost(meaning)
            raise meaning or error from None
        except sa.exc.TimeoutError:
            raise StoreUnavailable(
                f"All connections of this process to {self.database.place} are in use. Try again."
            ) from None

    def _begun(self, *, writes: bool) -> sa.Connection:
        """Return a connection with an open transaction."""
        is_recovered = False
        while True:
            engine = self._engine
            try:
                return self._begun_on(engine, writes=writes)
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated:
                    # It was idle while the server restarted; with it all that were are let go, and
                    # nothing has been asked on it yet. A new one works or says why not.
                    continue
                meaning = self.database.explain(error, committing=False)
                if is_recovered or not isinstance(meaning, StoreLostError):
                    raise
                if not self._recovered(engine):
                    raise
            except StoreLostError:
                if is_recovered or not self._recovered(engine):
                    raise
            is_recovered = True

    def _begun_on(self, engine: sa.Engine, *, writes: bool) -> sa.Connection:
        connection = engine.connect()
        try:
            connection.begin()
            self.database.begin(connection, writes=writes)
        except BaseException:
            connection.close()
            raise
        return connection

    def _recovered(self, lost: sa.Engine) -> bool:
        """Return whether there is a store again instead of the one that was lost."""
        with self._recovering:
            if self._engine is not lost:
                return True  # another thread has seen to it
            if not self._recover():
                return False
            lost.dispose()
            self._engine = self.database.engine()
            _OPEN.add(self._engine)
            return True

    def _lost(self, loss: StoreLostError) -> StoreLostError:
        return StoreLostError(f"{loss} {self._advice()}".strip())

    def _check(self, version: int) -> None:
        if version != SCHEMA:
            msg = (
                f"{self.database.place} was upgraded by a newer jupyter_ml (schema {version}; this "
                f"one knows {SCHEMA}). Upgrade jupyter_ml in this environment, or use another "
                "workspace; where it is upgraded already, restart this kernel or server."
            )
            raise StoreError(msg)

    def _migrate(self, known_as: str | None) -> None:
        with self._transaction(writes=False, of_any_schema=True) as connection:
            version = schema_version(connection)
        if version == 0 and known_as is not None:
            raise self._lost(StoreLostError(f"The store {self.database.place} is empty."))
        if version > SCHEMA:
            self._check(version)
        if version < SCHEMA:
            with self._transaction(writes=True, of_any_schema=True) as connection:
                # Another process may have been faster.
                if schema_version(connection) < SCHEMA:
                    migrate(connection)


_OPEN: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


def _forget_connections() -> None:
    for engine in _OPEN:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)
