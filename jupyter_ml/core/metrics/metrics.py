"""The points a run logs: an append-only file per writer, that anyone can scan or follow.

Each writer owns two files in the run's folder: `<writer>.points` holds fixed records of 32
bytes and `<writer>.names` the names of the series, one JSON string a line, in the order of
their numbers. A name is written before the first record that uses it, and a record counts
only when all of its bytes are there, so a killed writer costs its buffered tail (at most
`FLUSH_BYTES` or `FLUSH_S`) and never harms what others wrote.

Only the standard library is imported, because writers run in any interpreter.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import contextlib
import json
import os
import sys
import threading
import time as clock
import weakref
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.metrics.flusher import Flusher
from jupyter_ml.core.metrics.series import RECORD, Series, split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import SupportsFloat

FLUSH_BYTES = 64 * 1024
FLUSH_S = 0.2
_IDLE_ROUNDS = 5  # the flusher no longer comes after so many in which nothing was buffered
_BACKLOG_BYTES = 64 * FLUSH_BYTES  # kept while the disk is full; older points are dropped
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_pack = RECORD.pack
_now = clock.time


class Writer:
    """Append points to a run's folder; safe to share between threads and across fork.

    Parameters
    ----------
    directory
        The run's folder, made when the first point is logged. One for which it is not known yet
        keeps its points in memory until `place`.
    when_full
        What to do when so many are kept that they should be written: it returns the folder.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None,
        when_full: Callable[[], Path] | None = None,
    ) -> None:
        self.directory = None if directory is None else Path(directory)
        self._when_full = when_full
        self.dropped = 0
        self._next_steps: dict[str, int] = {}
        self._begin()
        _WRITERS.add(self)

    def __del__(self) -> None:
        """Write what is buffered when nobody holds the writer any more."""
        with contextlib.suppress(Exception):
            self.close()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._new_names = bytearray()
        self._series: dict[str, list[int]] = {}
        self._points_fd = self._names_fd = -1
        # whether the flusher looks after what is buffered; nobody has to where that stays in memory
        self._awake = self.directory is None
        self._idle_rounds = 0

    def log(
        self, name: str, value: SupportsFloat, step: int | None = None, time: float | None = None
    ) -> None:
        """Append one point.

        Parameters
        ----------
        name
            The series, such as `"loss"`.
        value
            Anything that `float()` takes.
        step
            Where on the x axis; by default one more than the series' last step.
        time
            Epoch seconds; now by default.
        """
        number = float(value)
        if time is None:
            time = _now()
        with self._lock:
            series = self._series.get(name)
            if series is None:
                series = self._named(name)
            if step is None:
                step = series[1]
            self._buffer += _pack(series[0], step, time, number)
            series[1] = step + 1
            if not self._awake or len(self._buffer) >= FLUSH_BYTES:
                self._attend()

    def log_all(
        self,
        values: Mapping[str, SupportsFloat],
        step: int | None = None,
        time: float | None = None,
    ) -> None:
        """Append one point to each of several series, at the same time: all of them or none.

        Parameters
        ----------
        values
            Anything that `float()` takes, by the name of its series.
        step, time
            As for `log`.

        Raises
        ------
        TypeError
            A value is not a number; names its series.
        """
        try:
            numbers = [(name, float(value)) for name, value in values.items()]
        except (TypeError, ValueError, OverflowError):
            raise TypeError(_not_a_number(values)) from None
        if step is not None:
            try:
                step = index(step)
            except TypeError:
                raise TypeError(f"step must be a whole number, not {step!r}.") from None
        if time is None:
            time = _now()
        with self._lock:
            records = b""
            for name, number in numbers:
                series = self._series.get(name)
                if series is None:
                    series = self._named(name)
                at = series[1] if step is None else step
                records += _pack(series[0], at, time, number)
                series[1] = at + 1
            self._buffer += records
            if not self._awake or len(self._buffer) >= FLUSH_BYTES:
                self._attend()

    def flush(self) -> None:
        """Write what is buffered."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write what is buffered and close the files; a later point opens new ones."""
        with self._lock:
            self._write()
            for fd in (self._points_fd, self._names_fd):
                if fd >= 0:
                    os.close(fd)
            self._points_fd = self._names_fd = -1
            self._begin_anew()

    def _named(self, name: str) -> list[int]:
        if not isinstance(name, str) or not name:
            msg = f"A metric's name is a text that is not empty, not {name!r}."
            raise TypeError(msg)
        if self.directory is not None:
            self._open(self.directory)
        self._new_names += json.dumps(name).encode() + b"\n"
        series = self._series[name] = [len(self._series), self._next_steps.get(name, 0)]
        return series

    def place(self, directory: Path) -> None:
        """Write to this folder from now on, beginning with what is in memory."""
        with self._lock:
            self._place(directory)

    def take(self) -> tuple[list[str], bytes]:
        """Return the names and records in memory; what is logged from now on counts on."""
        with self._lock:
            taken = list(self._series), bytes(self._buffer)
            self._buffer.clear()
            self._begin_anew()
            return taken

    def _begin_anew(self) -> None:
        # what is logged from now on goes to files of their own, with names of their own
        self._next_steps = {name: step for name, (_, step) in self._series.items()}
        self._series = {}
        self._new_names.clear()

    def _place(self, directory: Path) -> None:
        self.directory = directory
        self._awake = False
        if self._buffer:
            self._open(directory)
            self._write()

    def _open(self, directory: Path) -> None:
        if self._points_fd >= 0:
            return
        directory.mkdir(parents=True, exist_ok=True)
        begin = directory / stem()
        self._names_fd = os.open(f"{begin}.names", _APPEND, 0o644)
        self._points_fd = os.open(f"{begin}.points", _APPEND, 0o644)
        _flush_at_end_of_child()

    def _attend(self) -> None:
        if len(self._buffer) >= FLUSH_BYTES:
            if self.directory is None and self._when_full is not None:
                self._place(self._when_full())
            self._write()
        if not self._awake:
            self._awake = True
            self._idle_rounds = 0
            _flusher.look_after(self)

    def _write(self) -> None:
        """Append the buffers; keep what a full disk did not take, and finish that first."""
        if self._points_fd < 0:
            return
        try:
            # the names first: a reader must know those of all records that it sees
            for fd, buffer in ((self._names_fd, self._new_names), (self._points_fd, self._buffer)):
                while buffer:
                    del buffer[: os.write(fd, buffer)]
        except OSError:
            excess = len(self._buffer) - _BACKLOG_BYTES
            if excess > 0:
                self._drop(excess)

    def _drop(self, excess: int) -> None:
        # a record of which the first bytes are on disk must be finished, so drop after it
        begun = len(self._buffer) % RECORD.size
        count = -(-excess // RECORD.size)
        del self._buffer[begun : begun + count * RECORD.size]
        self.dropped += count

    def flush_round(self) -> bool:
        """Write what is buffered; return whether the flusher shall come again."""
        with self._lock:
            self._idle_rounds = 0 if self._buffer else self._idle_rounds + 1
            self._write()
            self._awake = bool(self._buffer) or self._idle_rounds <= _IDLE_ROUNDS
            return self._awake


def stem() -> str:
    """Return a name for files that nobody else has."""
    # the time first, so that writers list in the order they began
    return f"{clock.time_ns():019d}-{os.getpid()}-{os.urandom(4).hex()}"


def _not_a_number(values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        try:
            float(value)
        except (TypeError, ValueError, OverflowError):
            return f"Metric {name!r} must be a number, not {type(value).__name__} {value!r:.60}."
    return "A metric changed while it was logged; log a number."


def _flush_all() -> None:
    for writer in list(_WRITERS):
        writer.flush()


def _begin_all_in_child() -> None:
    # what is open or buffered belongs to the parent, which writes it itself
    global _flusher  # noqa: PLW0603  (its thread did not come along, and its lock may be held)
    _flusher = Flusher(FLUSH_S)
    for writer in list(_WRITERS):
        writer._begin()  # noqa: SLF001


def _flush_at_end_of_child() -> None:
    # children of multiprocessing leave by os._exit, which skips atexit
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _flush_all, exitpriority=1)


_WRITERS: weakref.WeakSet[Writer] = weakref.WeakSet()
_flusher = Flusher(FLUSH_S)
atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_in_child)


def scan(directory: str | os.PathLike[str]) -> dict[str, Series]:
    """Return every series of a run, the points of several writers merged by time.

    Parameters
    ----------
    directory
        The run's folder; one that does not exist has no series.
    """
    points, _ = tail(directory, None)
    return points


def tail(directory: str | os.PathLike[str], cursor: str | None) -> tuple[dict[str, Series], str]:
    """Return the points that came since `cursor`, and the cursor after them.

    Parameters
    ----------
    directory
        The run's folder.
    cursor
        What an earlier call returned; `None` for all points.

    Raises
    ------
    ValueError
        The cursor is not one that this function made.
    """
    offsets = _decoded(cursor)
    series: dict[str, Series] = {}
    merged = False
    for path in _written(directory):
        names, data, offsets[path.stem] = _read(path, offsets.get(path.stem, 0))
        for name, part in split(data, names).items():
            if name in series:
                series[name].extend(part)
                merged = True
            else:
                series[name] = part
    if merged:
        series = {name: one.by_time() for name, one in series.items()}
    return series, _encoded(offsets)


def _written(directory: str | os.PathLike[str]) -> list[Path]:
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208  (thousands of runs are compared)
    except OSError:
        return []
    return [Path(directory, name) for name in names if name.endswith(".points")]


def _read(path: Path, start: int) -> tuple[list[str], bytes, int]:
    """Return the names, the whole records from an offset on, and the offset after them."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except OSError:
        return [], b"", start
    data = data[: len(data) - len(data) % RECORD.size]
    names = _names(path.with_suffix(".names")) if data else []
    return names, data, start + len(data)


def _names(path: Path) -> list[str]:
    names = []
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            try:
                names.append(str(json.loads(line)))
            except ValueError:
                names.append("?")
    return names


def _encoded(offsets: dict[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(offsets, separators=(",", ":")).encode()).decode()


def _decoded(cursor: str | None) -> dict[str, int]:
    if cursor is None:
        return {}
    try:
        offsets = json.loads(base64.urlsafe_b64decode(cursor))
        return {str(name): max(0, int(offset)) for name, offset in offsets.items()}
    except (ValueError, AttributeError, binascii.Error):
        msg = f"The cursor {cursor[:40]!r} is not one that was given out; start again without it."
        raise ValueError(msg) from None
