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
import math
import os
import struct
import sys
import threading
import time as clock
import uuid
import weakref
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORD = struct.Struct("<I4xqdd")  # series, step, time, value
FLUSH_BYTES = 64 * 1024
FLUSH_S = 0.2
_IDLE_FLUSHES = 5  # the flusher sleeps for good after so many empty rounds
_BACKLOG_BYTES = 64 * FLUSH_BYTES  # kept while the disk is full; older points are dropped


@dataclass
class Series:
    """The points of one series, in the order they were logged.

    Attributes
    ----------
    steps : array of int64
    times : array of float64, epoch seconds
    values : array of float64; may hold NaN and infinities
    """

    name: str
    steps: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.values)

    def to_wire(self) -> dict[str, Any]:
        """Return the series as the API spells it: Name, Steps, Times, Values."""
        return {
            "Name": self.name,
            "Steps": self.steps.tolist(),
            "Times": self.times.tolist(),
            "Values": self.values.tolist(),
        }

    def take(self, indices: list[int]) -> Series:
        """Return the series with only the points at `indices`."""
        return Series(
            self.name,
            array("q", [self.steps[i] for i in indices]),
            array("d", [self.times[i] for i in indices]),
            array("d", [self.values[i] for i in indices]),
        )

    def downsampled(self, max_points: int) -> Series:
        """Return at most about `max_points` points that keep the shape of the curve.

        The first and the last point stay, and so do the smallest and the largest value
        of each of `max_points / 2` equal stretches, so that no peak is lost. The first NaN of
        a stretch stays too, in excess of `max_points`.
        """
        if len(self) <= max(max_points, 2):
            return self
        stretches = max(1, (max_points - 2) // 2)
        keep = {0, len(self) - 1}
        for number in range(stretches):
            low = number * len(self) // stretches
            part = self.values[low : (number + 1) * len(self) // stretches].tolist()
            known = [value for value in part if not math.isnan(value)]
            if len(known) < len(part):
                keep.add(low + list(map(math.isnan, part)).index(True))
            if known:
                keep.add(low + part.index(min(known)))
                keep.add(low + part.index(max(known)))
        return self.take(sorted(keep))


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
        self._lock = threading.Lock()
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
        self._flusher: threading.Thread | None = None

    def log(
        self, name: str, value: float, step: int | None = None, time: float | None = None
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
            time = clock.time()
        with self._lock:
            series = self._series.get(name)
            if series is None:
                series = self._named(name)
            if step is None:
                step = series[1]
            series[1] = step + 1
            self._buffer += RECORD.pack(series[0], step, time, number)
            if len(self._buffer) >= FLUSH_BYTES:
                self._write()
            if self._flusher is None:
                self._start_flusher()

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
        self.directory.mkdir(parents=True, exist_ok=True)
        # the time first, so that writers list in the order they began
        stem = f"{clock.time_ns():019d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._names_fd = os.open(self.directory / f"{stem}.names", flags, 0o644)
        self._points_fd = os.open(self.directory / f"{stem}.points", flags, 0o644)
        _flush_at_end_of_child()

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

    def _start_flusher(self) -> None:
        self._flusher = threading.Thread(
            target=_flush_while_used, args=(weakref.ref(self),), daemon=True, name="metrics"
        )
        self._flusher.start()

    def _flush_round(self) -> bool:
        """Write what is buffered; return whether there was anything."""
        with self._lock:
            had = bool(self._buffer)
            self._write()
            return had

    def _retire(self) -> bool:
        with self._lock:
            if self._buffer:
                return False
            self._flusher = None
            return True


def _flush_while_used(reference: weakref.ref[Writer]) -> None:
    idle = 0
    while True:
        clock.sleep(FLUSH_S)
        writer = reference()
        if writer is None:
            return
        idle = 0 if writer._flush_round() else idle + 1  # noqa: SLF001  (its own thread)
        if idle > _IDLE_FLUSHES and writer._retire():  # noqa: SLF001
            return
        del writer


def _flush_all() -> None:
    for writer in list(_WRITERS):
        writer.flush()


def _begin_all_in_child() -> None:
    # what is open or buffered belongs to the parent, which writes it itself
    for writer in list(_WRITERS):
        writer._begin()  # noqa: SLF001


def _flush_at_end_of_child() -> None:
    # children of multiprocessing leave by os._exit, which skips atexit
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _flush_all, exitpriority=1)


_WRITERS: weakref.WeakSet[Writer] = weakref.WeakSet()
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
        series = {name: _by_time(one) for name, one in series.items()}
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
            return _split_fast(data, names)
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


def _split_fast(data: bytes, names: list[str]) -> dict[str, Series]:
    import numpy as np  # noqa: PLC0415  (optional, and slow to import)

    words = np.frombuffer(data, "<i8").reshape(-1, RECORD.size // 8)
    numbers = words[:, 0] & 0xFFFFFFFF
    found: dict[str, Series] = {}
    present, first = np.unique(numbers, return_index=True)
    for number in present[np.argsort(first)].tolist():
        rows = words[numbers == number]
        name = names[number] if number < len(names) else f"?{number}"
        series = found[name] = Series(name)
        series.steps.frombytes(rows[:, 1].tobytes())
        series.times.frombytes(rows[:, 2].tobytes())
        series.values.frombytes(rows[:, 3].tobytes())
    return found


def _by_time(series: Series) -> Series:
    times = series.times
    return series.take(sorted(range(len(times)), key=times.__getitem__))


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
