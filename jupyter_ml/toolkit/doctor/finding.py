"""What a check finds, and what it may look at."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import sqlalchemy as sa

from jupyter_ml.core.store.address import recall_password
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.marker import SQLITE_FILE
from jupyter_ml.core.store.postgresql import PostgresqlDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

OK: Status = "ok"
LIMITED: Status = "limited"
NO: Status = "no"
Status = Literal["ok", "limited", "no"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    name
        What was looked at.
    status
        "ok", "limited" or "no".
    why
        What was found, in a sentence.
    advice
        What to do about it; empty where there is nothing to do.
    is_essential
        Whether nothing works without it.
    """

    name: str
    status: Status
    why: str
    advice: str = ""
    is_essential: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether something is broken that nothing works without."""
        return self.is_essential and self.status == NO

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "Name": self.name,
            "Status": self.status,
            "Why": self.why,
            "Advice": self.advice,
            "Essential": self.is_essential,
        }


@dataclass(frozen=True)
class Place:
    """A workspace, looked at without opening it: it is neither made nor migrated by that."""

    settings: Settings

    @property
    def root(self) -> Path:
        """The folder."""
        return self.settings.workspace

    @property
    def store_file(self) -> Path:
        """The SQLite file, where the store is in one."""
        return self.root / SQLITE_FILE

    @property
    def has_store(self) -> bool:
        """Whether there is a store to look at."""
        return bool(self.settings.database) or self.store_file.exists()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Hold a snapshot of the store, for reading only.

        Raises
        ------
        StoreError
            It cannot be read; says why.
        """
        engine = self._engine()
        try:
            with engine.connect() as connection, connection.begin():
                if self.settings.database:
                    PostgresqlDatabase(self.settings.database).begin(connection, writes=False)
                yield connection
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(str(cause).strip()) from error
        finally:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        if address := self.settings.database:
            return PostgresqlDatabase(address, lambda: self._password(address)).engine()
        # Nobody has it open when there is no log beside it; then not even a lock is left.
        is_open = self.store_file.with_name(f"{SQLITE_FILE}-wal").exists()
        how = "mode=ro" if is_open else "immutable=1"
        file = f"file:{quote(str(self.store_file))}?{how}"
        return sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(file, uri=True, timeout=2),
            poolclass=sa.pool.NullPool,
        )

    def _password(self, address: str) -> str | None:
        return self.settings.database_password or recall_password(self.settings.keys, address)
