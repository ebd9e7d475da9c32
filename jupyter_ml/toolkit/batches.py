"""Many small runs, written together: what `with ml.batch():` does with the runs inside of it.

A run by itself costs two transactions. A loop that makes thousands of them keeps those that have
ended in memory and writes them at once: their points to one file, their rows in one transaction.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.contract.validator import validate_shape
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.core.metrics.packs import write_pack
from jupyter_ml.core.metrics.series import split
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.naming import checked
from jupyter_ml.toolkit.notebook import shell
from jupyter_ml.toolkit.runs import Run, end_state, origin, recorded, summaries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_RUNS: Final = 1000  # as many as one request may have
_LONGEST_S: Final = 1.0


class Batch:
    """The runs of a `with ml.batch():` block.

    Those that have ended are written when another one ends a second later, when there are a
    thousand, and at the end of the block. A process that is killed loses those that were not.
    """

    def __init__(self) -> None:
        self.client = session.client()
        self._workspace = session.workspace_of(self.client)
        self._lock = threading.RLock()
        self._shape = model.shape("RunRecord", "jupyter-ml")
        self._names: list[str] = []
        self._ended: list[BatchedRun] = []
        self._written_at = time.monotonic()
        self._origin: dict[str, Any] | None = None
        self._pid = os.getpid()

    @property
    def names(self) -> list[str]:
        """The names of all its runs that have ended, as they were numbered."""
        self.write()
        return list(self._names)

    def begin(self, name: str, parameters: Mapping[str, Any]) -> BatchedRun:
        """Begin a run.

        Raises
        ------
        UsageError, ValidationException
            The name or a parameter is not one that a run can have.
        """
        record: dict[str, Any] = {
            "BaseName": checked(name),
            "Parameters": recorded(parameters),
            "Status": {"PrimaryStatus": "InProgress"},
            "StartTime": time.time(),
        }
        # a script has no cell, whose variables may be others for each run
        if self._origin is None or shell() is not None:
            came_from = origin()
            self._origin = self._origin or came_from
            if came_from != self._origin:
                record["Provenance"] = came_from
        return BatchedRun(self, validate_shape(self._shape, record))

    def add(self, run: BatchedRun) -> None:
        """Take over a run that has ended."""
        with self._lock:
            self._ended.append(run)
            late = time.monotonic() - self._written_at > _LONGEST_S
            if late or len(self._ended) >= _MOST_RUNS:
                self.write()

    def write(self, running: BatchedRun | None = None) -> None:
        """Write the runs that have ended, and one that has not, where its name is needed now."""
        if os.getpid() != self._pid:
            return  # a forked child; the parent writes its runs itself
        with self._lock:
            ended, self._ended = self._ended, []
            runs = [*ended, *([running] if running is not None else [])]
            if not runs:
                return
            try:
                self._pack(ended)
                request = {"Runs": [run.record for run in runs], "Provenance": self._origin}
                names = self.client.call("CreateRuns", request)["RunNames"]
            except BaseException:
                self._ended = ended
                raise
            self._written_at = time.monotonic()
            self._names += names
            for run, name in zip(runs, names, strict=True):
                run.place = self._workspace.run_dir(name)
        # not under the lock, as a writer that asks for its folder holds its own
        for run in ended:
            run.go_on()

    def _pack(self, ended: list[BatchedRun]) -> None:
        parts = [run.records for run in ended]
        for run, part in zip(ended, write_pack(self._workspace.packs, parts), strict=True):
            run.record["Points"] = part.to_wire()


class BatchedRun(Run):
    """A run of a batch; it gets its name when it is written, or when that is asked for."""

    def __init__(self, batch: Batch, record: dict[str, Any]) -> None:
        self.record = record
        self.records: tuple[list[str], bytes] = ([], b"")
        self.writer = Writer(None, when_full=self._settled)
        self.place: Path | None = None
        self._batch = batch
        self._client = batch.client

    def __repr__(self) -> str:
        return f"Run({self.place.name if self.place else self.record['BaseName']!r})"

    @property
    def name(self) -> str:
        """Its full name, such as `baseline-1`."""
        return self.folder.name

    @property
    def folder(self) -> Path:
        """Where its metrics are written."""
        folder = self._settled()
        if self.writer.directory is None:
            self.writer.place(folder)
        return folder

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Note that the run has ended, and how: in the batch, or where it was written already."""
        if self.place is not None:
            super().end(status, error)
            return
        self.record["Status"] = end_state(status, error)
        self.record["EndTime"] = time.time()
        self.records = self.writer.take()
        self.record["Metrics"] = summaries(split(self.records[1], self.records[0]))
        self._batch.add(self)

    def go_on(self) -> None:
        """Send what threads log after the run's end to its folder."""
        self.writer.place(self._settled())

    def _settled(self) -> Path:
        if self.place is None:
            self._batch.write(running=self)
        if self.place is None:
            msg = "Only the process that began a batch can write its runs; this one was forked."
            raise UsageError(msg)
        return self.place
