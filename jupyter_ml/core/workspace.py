"""A workspace: the folder in which everything of one user or team lives."""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.artifacts import Artifacts
from jupyter_ml.core.backup.replica import Replica, ReplicaError
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.store.address import recall_password
from jupyter_ml.core.store.failures import StoreError, StoreLostError
from jupyter_ml.core.store.marker import (
    SQLITE_FILE,
    Marker,
    Restoration,
    end_restoration,
    read_marker,
    read_restoration,
    write_marker,
    written_at,
)
from jupyter_ml.core.store.postgresql import PostgresqlDatabase
from jupyter_ml.core.store.remains import what_is_left
from jupyter_ml.core.store.sqlite import SqliteDatabase
from jupyter_ml.core.store.store import Store

if TYPE_CHECKING:
    from jupyter_ml.core.store.store import Database

log = logging.getLogger(__name__)
# Made beforehand, as the folder itself may have been there before, open to others.
_PRIVATE = ("buckets", "inject", "packs", "runs", "warm", "work")
_OPEN: dict[Settings, Workspace] = {}
_OPENING = threading.Lock()


class Workspace:
    """Paths, store and artifacts of one workspace.

    Parameters
    ----------
    settings
        Where it is and how it is set up.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.workspace
        self._not_recovered = ""

    @classmethod
    def open(cls, settings: Settings | None = None) -> Workspace:
        """Return the workspace, the same object for the same settings; made if missing.

        Raises
        ------
        StoreError
            The folder cannot hold a store, or holds one of a newer version.
        """
        settings = settings or Settings.from_environment()
        with _OPENING:
            if settings not in _OPEN:
                _OPEN[settings] = cls(settings)
            return _OPEN[settings]

    @cached_property
    def store(self) -> Store:
        """The database; the folder is made, for this user only, when it is first needed.

        Raises
        ------
        StoreError
            Folder and database do not belong together, or cannot be used; says why.
        """
        self._made_root()
        restored = read_restoration(self.root)
        known = read_marker(self.root) if restored is None else None
        store = self._opened(known)
        try:
            if restored is not None:
                self._finish_restoration(store, restored)
            else:
                self._check_belonging(store, known)
            for name in _PRIVATE:
                self._made(self.root / name)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def made_at(self) -> float:
        """When the workspace was made, in seconds since the epoch; it is made if missing."""
        self.store  # noqa: B018  (opened, and with it known to the folder)
        return written_at(self.root)

    def open_anew(self) -> Store:
        """Return the store whatever the folder knows of it, its tables made; for a restoration."""
        self._made_root()
        return self._opened(None)

    def _finish_restoration(self, store: Store, restored: Restoration) -> None:
        if store.identity() != restored.id:
            msg = (
                f"A backup is being restored into the workspace {self.root}. If that was "
                f"interrupted, run it again: jupyter ml restore {restored.backup}"
            )
            raise StoreError(msg)
        # All rows are there; whoever restored them was ended just before saying so.
        end_restoration(self.root, Marker(restored.id, store.database.place))

    def _opened(self, known: Marker | None) -> Store:
        address = self.settings.database
        if address is None:
            if known is not None and "://" in known.store:
                msg = (
                    f"The workspace {self.root} has its store in {known.store}. Set "
                    "JUPYTER_ML_DATABASE to this address, or use another workspace."
                )
                raise StoreError(msg)
            database: Database = SqliteDatabase(self.root / SQLITE_FILE)
        else:
            self.settings.leave_password()
            keys = self.settings.keys
            database = PostgresqlDatabase(address, lambda: recall_password(keys, address))
        identity = None if known is None else known.id
        self._not_recovered = ""
        try:
            return Store(database, identity, self._advice, self._recovered)
        except StoreLostError as loss:
            if not self._recovered():
                raise StoreLostError(f"{loss} {self._not_recovered}".strip()) from None
            return Store(database, identity, self._advice, self._recovered)

    def _recovered(self) -> bool:
        """Return whether the store is there, recovered from its replica where it was gone."""
        known = read_marker(self.root)
        if known is None or self.replica is None:
            return False
        # imports the log of events, for what hardly ever happens
        from jupyter_ml.core.backup.recovery import recover  # noqa: PLC0415

        try:
            recover(self.replica, known, self.settings.user, self.lock("recover"))
        except ReplicaError as error:
            log.error("The store %s could not be recovered. %s", self.root / SQLITE_FILE, error)  # noqa: TRY400
            self._not_recovered = f"{error} "
            return False
        return True

    def _advice(self) -> str:
        return f"{self._not_recovered}{what_is_left(self.root)}"

    @cached_property
    def replica(self) -> Replica | None:
        """The copy of the store, where one is kept."""
        folder = self.settings.replica
        return Replica(Path(folder), self.root) if folder else None

    def _check_belonging(self, store: Store, known: Marker | None) -> None:
        """Let a folder and its store know each other; refuse the store of another folder."""
        place, identity = store.database.place, store.identity()
        if known is not None:
            if known.id != identity:
                msg = (
                    f"{place} is not the store of the workspace {self.root}, which began with "
                    f"{known.store}. Set JUPYTER_ML_DATABASE to that one, or use another workspace."
                )
                raise StoreError(msg)
            return
        if self.settings.database and store.is_used():
            known = read_marker(self.root)
            if known is not None and known.id == identity:
                return  # another process has met it meanwhile, and used it
            msg = (
                f"{place} is the store of another workspace folder, where its files are; "
                f"{self.root} has none of them. Set JUPYTER_ML_WORKSPACE to that folder, which all "
                "machines must reach, or use another database."
            )
            raise StoreError(msg)
        write_marker(self.root, Marker(identity, place))

    @cached_property
    def artifacts(self) -> Artifacts:
        """The buckets."""
        return Artifacts(self._made_root() / "buckets", self.settings)

    def work_dir(self, kind: str, key: str, attempt: int) -> Path:
        """Return the folder of one attempt at a resource's work."""
        return self.root / "work" / kind / key / str(attempt)

    @property
    def packs(self) -> Path:
        """Where the points of many small runs are, together."""
        return self.root / "packs"

    def run_dir(self, name: str) -> Path:
        """Return the folder of the metric files of a run, whether or not it exists."""
        return self.root / "runs" / name

    @property
    def key_dir(self) -> Path:
        """The folder of keys, for this user only."""
        return self._made(self.settings.keys)

    def lock(self, name: str) -> Path:
        """Return the path of a lock of this machine, in a folder that exists."""
        return self._made(self.settings.locks) / f"{name}.lock"

    def _made(self, folder: Path) -> Path:
        self._made_root()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _made_root(self) -> Path:
        """Return the workspace's folder, made for this user only when it is first needed."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ValidationException(
                f"The workspace folder {self.root} cannot be made: {error.strerror}. Set "
                "JUPYTER_ML_WORKSPACE to a folder that can."
            ) from error
        return self.root
