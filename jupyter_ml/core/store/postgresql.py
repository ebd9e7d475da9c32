"""The store in a PostgreSQL database, for teams and for workspaces on a network file system.

Writers take turns, as they do in SQLite: the chain of events, the numbers without gaps, the
idempotency tokens and the cursors rely on that. An advisory lock that ends with the transaction
does it; under it every statement sees all that was committed before, so nothing can fail to be
serialised. Readers see one snapshot and wait for nobody. Beginning, locking and looking at the
schema are one trip to the server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.store.failures import (
    StoreError,
    StoreFullError,
    StoreLostError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_TIMEOUT_S = 30
# A process that is stopped inside a transaction holds up all others no longer than this.
IDLE_TIMEOUT_S = 60
CONNECT_TIMEOUT_S = 10
_WRITERS = 0x6A757079_6D6C_0001  # any number; the same in every version
_BEGIN_WRITE = (
    f"BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'; "
    f"SELECT pg_advisory_xact_lock({_WRITERS})"
)
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What errors mean to a user, by their SQLSTATE.
_BUSY = (
    f"Another process has been writing to {{place}} for {LOCK_TIMEOUT_S} s. Nothing of this was "
    "written; try again."
)
_CHANGED = "{place} was changed at the same moment ({text}). Nothing was written; try again."
_FULL = "The database {place} has no space left ({text}). Free space on its server."
_GONE = "The tables of {place} are gone ({text})."
_REFUSED = "The database {place} refuses: {text}. Change the grants of its user."
_MEANINGS: dict[str, tuple[type[Exception], str]] = {
    "55P03": (StoreUnavailable, _BUSY),
    **dict.fromkeys(("40001", "40P01"), (StoreUnavailable, _CHANGED)),
    **dict.fromkeys(("53100", "53200"), (StoreFullError, _FULL)),
    **dict.fromkeys(("42P01", "3D000"), (StoreLostError, _GONE)),
    **dict.fromkeys(("42501", "25006", "28000", "28P01"), (StoreError, _REFUSED)),
}
_KEPT, _MOST = 2, 18  # connections of one process: those that it keeps, those beyond


class PostgresqlDatabase:
    """A PostgreSQL database.

    Parameters
    ----------
    url
        Its SQLAlchemy URL, without a password.
    password
        Gives the password of the moment, if one is kept; libpq looks for its own otherwise.

    Raises
    ------
    StoreError
        The driver is not installed; names the extra that brings it.
    """

    def __init__(self, url: str, password: Callable[[], str | None] = lambda: None) -> None:
        self._url = sa.make_url(url)
        self._password = password
        try:
            import psycopg  # noqa: F401, PLC0415  (the extra may be missing)
        except ImportError as error:
            msg = (
                f"JUPYTER_ML_DATABASE names a PostgreSQL database, and its driver cannot be "
                f"loaded ({error}). Install it with: pip install 'jupyter-ml[postgres]'"
            )
            raise StoreError(msg) from None

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing to connect to, which only the server can tell."""
        return False

    @property
    def place(self) -> str:
        """Where it is, for messages; without a password."""
        return self._url.render_as_string(hide_password=True)

    def engine(self) -> sa.Engine:
        """Return what connects to it."""
        engine = sa.create_engine(
            self._url,
            # `begin` sends the BEGIN that it needs, with what else must be said at the start.
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "jupyter_ml"},
            pool_size=_KEPT,
            max_overflow=_MOST,
            pool_timeout=LOCK_TIMEOUT_S,
        )
        sa.event.listen(engine, "do_connect", self._with_password)
        return engine

    def begin(self, connection: sa.Connection, *, writes: bool) -> None:
        """Begin a transaction; one that writes waits for all others that do."""
        connection.exec_driver_sql(_BEGIN_WRITE if writes else _BEGIN_READ)

    def version(self, connection: sa.Connection) -> int:
        """Return the schema of the tables; asked in every transaction."""
        query = "SELECT version FROM schema_version"
        return int(connection.exec_driver_sql(query).scalar_one())

    def explain(self, error: sa.exc.DBAPIError, *, committing: bool) -> Exception | None:
        """Return what an error of the database means to a user; `None` for a bug of ours."""
        state = getattr(error.orig, "sqlstate", None) or ""
        text = _one_line(error.orig)
        if error.connection_invalidated or state.startswith(("57P", "08", "25P03")):
            return self._lost(text, committing=committing)
        if isinstance(error, sa.exc.DataError):
            return ValidationException(
                f"The store cannot keep a value of this request: {text}. Change or remove it."
            )
        if not state and isinstance(error, sa.exc.OperationalError):
            return StoreUnavailable(
                f"The database {self.place} does not answer: {text}. See that its server runs and "
                "that JUPYTER_ML_DATABASE is right; then try again."
            )
        if state not in _MEANINGS:
            return None
        kind, meaning = _MEANINGS[state]
        return kind(meaning.format(place=self.place, text=text))

    def size(self, connection: sa.Connection) -> int:
        """Return the bytes that it takes on the server's disk."""
        query = "SELECT pg_database_size(current_database())"
        return int(connection.exec_driver_sql(query).scalar_one())

    def reserve(self, connection: sa.Connection, table: str, number: int) -> None:
        """Have rows that are added to a table get numbers above this one."""
        query = sa.text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :number)")
        connection.execute(query, {"table": table, "number": number})

    def _lost(self, text: str, *, committing: bool) -> StoreUnavailable:
        happened = (
            "while a change was being committed: whether it was kept is not known, so look "
            "before you repeat it."
            if committing
            else "under way. Nothing of this was written; try again."
        )
        return StoreUnavailable(
            f"The connection to the database {self.place} was lost ({text}) {happened}"
        )

    def _with_password(
        self, _dialect: Any, _record: Any, _args: list[Any], options: dict[str, Any]
    ) -> None:
        password = self._password()
        if password is not None:
            options["password"] = password


def _one_line(error: BaseException | None) -> str:
    text = " ".join(str(error).split())
    # libpq repeats the address in front of what matters.
    return re.sub(r"^connection failed: ", "", text).rstrip(".")
