"""A workspace: the folder in which everything of one user or team lives."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.artifacts import Artifacts
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.store import Store

if TYPE_CHECKING:
    from pathlib import Path

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
        """The database."""
        return Store.at(self._made_root() / "jupyter_ml.db")

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
        return self._made("keys")

    def lock(self, name: str) -> Path:
        """Return the path of a lock file, in a folder that exists."""
        return self._made("locks") / f"{name}.lock"

    def _made(self, name: str) -> Path:
        folder = self._made_root() / name
        folder.mkdir(mode=0o700, exist_ok=True)
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
