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
import struct
import sys
import threading
import time as clock
import weakref
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.flusher import Flusher
from jupyter_ml.core.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import SupportsFloat

RECORD = struct.Struct("<I4xqdd")  # series, step, time, value
FLUSH_BYTES = 64 * 1024
FLUSH_S = 0.2
_IDLE_ROUNDS = 5  # the flusher no longer comes after so many in which nothing was buffered
_BACKLOG_BYTES = 64 * FLUSH_BYTES  # kept while the disk is full; older points are dropped
_pack = RECORD.pack
_now = clock.time


class Writer:
    """Append points to a run's folder; safe to share between threads and across fork.

    Parameters
    ----------
    directory
        The run's folder; made when the first point is logged.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
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
        self._series: dict[str, list[int]] = {}
        self._points_fd = self._names_fd = -1
        self._awake = False  # whether the flusher looks after what is buffered
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
            step = index(step)
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
            self._next_steps = {name: step for name, (_, step) in self._series.items()}
            self._series = {}

    def _named(self, name: str) -> list[int]:
        if not isinstance(name, str) or not name:
            msg = f"A metric's name is a text that is not empty, not {name!r}."
            raise TypeError(msg)
        self._open()
        os.write(self._names_fd, json.dumps(name).encode() + b"\n")
        series = self._series[name] = [len(self._series), self._next_steps.get(name, 0)]
        return series

    def _open(self) -> None:
        if self._points_fd >= 0:
            return
        # the time first, so that writers list in the order they began
        stem = f"{clock.time_ns():019d}-{os.getpid()}-{os.urandom(4).hex()}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        begin = os.path.join(self.directory, stem)  # noqa: PTH118  (a run costs few calls)
        try:
            self._names_fd = os.open(f"{begin}.names", flags, 0o644)
        except FileNotFoundError:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._names_fd = os.open(f"{begin}.names", flags, 0o644)
        self._points_fd = os.open(f"{begin}.points", flags, 0o644)
        _flush_at_end_of_child()

    def _attend(self) -> None:
        if len(self._buffer) >= FLUSH_BYTES:
            self._write()
        if not self._awake:
            self._awake = True
            self._idle_rounds = 0
            _flusher.look_after(self)

    def _write(self) -> None:
        """Append the buffer; keep what a full disk did not take, and finish that first."""
        while self._buffer and self._points_fd >= 0:
            try:
                written = os.write(self._points_fd, self._buffer)
            except OSError:
                excess = len(self._buffer) - _BACKLOG_BYTES
                if excess > 0:
                    self._drop(excess)
                return
            del self._buffer[:written]

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
    for path in sorted(Path(directory).glob("*.points")):
        start = offsets.get(path.stem, 0)
        data = _complete_records(path, start)
        if not data:
            continue
        names = _names(path.with_suffix(".names"))
        for name, part in _split(data, names).items():
            if name in series:
                series[name].steps.extend(part.steps)
                series[name].times.extend(part.times)
                series[name].values.extend(part.values)
                merged = True
            else:
                series[name] = part
        offsets[path.stem] = start + len(data)
    if merged:
        series = {name: one.by_time() for name, one in series.items()}
    return series, _encoded(offsets)


def _complete_records(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except OSError:
        return b""
    return data[: len(data) - len(data) % RECORD.size]


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


def _split(data: bytes, names: list[str]) -> dict[str, Series]:
    if len(data) > 100 * RECORD.size:
        with contextlib.suppress(ImportError):
            return _split_by_numpy(data, names)
    found: dict[str, Series] = {}
    for number, step, time, value in RECORD.iter_unpack(data):
        name = names[number] if number < len(names) else f"?{number}"
        series = found.get(name)
        if series is None:
            series = found[name] = Series(name)
        series.steps.append(step)
        series.times.append(time)
        series.values.append(value)
    return found


def _split_by_numpy(data: bytes, names: list[str]) -> dict[str, Series]:
    import numpy as np  # noqa: PLC0415  (optional, and slow to import)

    words = np.frombuffer(data, "<i8").reshape(-1, RECORD.size // 8)
    numbers = words[:, 0] & 0xFFFFFFFF
    order = np.argsort(_short(numbers), kind="stable")
    present, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    ends = np.cumsum(counts)
    found: dict[str, Series] = {}
    for which in np.argsort(first).tolist():
        number = int(present[which])
        rows = words[order[ends[which] - counts[which] : ends[which]]]
        name = names[number] if number < len(names) else f"?{number}"
        series = found[name] = Series(name)
        series.steps.frombytes(rows[:, 1].tobytes())
        series.times.frombytes(rows[:, 2].tobytes())
        series.values.frombytes(rows[:, 3].tobytes())
    return found


def _short(numbers: Any) -> Any:
    # numpy sorts 16 bits by radix, ten times faster
    return numbers.astype("u2") if numbers.max() < 1 << 16 else numbers


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
