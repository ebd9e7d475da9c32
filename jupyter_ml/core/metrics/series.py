"""Series: the points of one metric in memory, read from records and thinned out for a chart.

Only the standard library is needed; numpy makes it faster where it is installed.
"""

from __future__ import annotations

import contextlib
import math
import struct
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORD = struct.Struct("<I4xqdd")  # series, step, time, value
_WORTH_NUMPY = 2_000
_MANY = 20_000  # from so many points on, numpy is worth its import


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

    def extend(self, later: Series) -> None:
        """Append the points of another."""
        self.steps.extend(later.steps)
        self.times.extend(later.times)
        self.values.extend(later.values)

    def to_wire(self) -> dict[str, Any]:
        """Return the series as the API spells it: Name, Steps, Times, Values."""
        return {
            "Name": self.name,
            "Steps": self.steps.tolist(),
            "Times": self.times.tolist(),
            "Values": self.values.tolist(),
        }

    def last(self) -> float | None:
        """Return the last value, `None` where that is not finite."""
        value = self.values[-1]
        return value if math.isfinite(value) else None

    def summary(self) -> dict[str, Any]:
        """Return the series in short, as the API spells it.

        What is not finite counts as a point, but has no value.
        """
        finite = [value for value in self.values if math.isfinite(value)]
        mean, spread = _mean_and_spread(finite) if finite else (None, None)
        return {
            "MetricName": self.name,
            "TimeStamp": self.times[-1],
            "Last": self.last(),
            "Min": min(finite, default=None),
            "Max": max(finite, default=None),
            "Avg": mean,
            "StdDev": spread,
            "Count": len(self),
        }

    def take(self, indices: Sequence[int]) -> Series:
        """Return the series with only the points at `indices`."""
        return Series(
            self.name,
            array("q", [self.steps[i] for i in indices]),
            array("d", [self.times[i] for i in indices]),
            array("d", [self.values[i] for i in indices]),
        )

    def by_time(self) -> Series:
        """Return the series in the order of its times; equal times stay as they are."""
        if len(self) > _MANY:
            with contextlib.suppress(ImportError):
                import numpy as np  # noqa: PLC0415  (optional, and slow to import)

                return _taken(self, np.argsort(np.frombuffer(self.times), kind="stable"))
        return self.take(sorted(range(len(self)), key=self.times.__getitem__))

    def within(self, axis: str, low: float, high: float) -> Series:
        """Return the points between two places of an axis, and the nearest one on either side.

        Those beside are what a chart draws its lines to and from at its edges.

        Parameters
        ----------
        axis
            `"steps"` or `"times"`.
        low, high
            The range, its ends included, in steps or epoch seconds.
        """
        places: Sequence[float] = getattr(self, axis)
        if len(self) > _MANY:
            with contextlib.suppress(ImportError):
                return _within_by_numpy(self, places, low, high)
        chosen: list[int] = []
        before = after = None
        for index, place in enumerate(places):
            if low <= place <= high:
                chosen.append(index)
            elif place < low and (before is None or place >= places[before]):
                before = index
            elif place > high and (after is None or place < places[after]):
                after = index
        edges = [index for index in (before, after) if index is not None]
        return self.take(sorted([*chosen, *edges]))

    def downsampled(self, max_points: int) -> Series:
        """Return at most about `max_points` points that keep the shape of the curve.

        The first and the last point stay, and so do the smallest and the largest value
        of each of `max_points / 2` equal stretches, so that no peak is lost. The first NaN of
        a stretch stays too, in excess of `max_points`.
        """
        if len(self) <= max(max_points, 2):
            return self
        stretches = max(1, (max_points - 2) // 2)
        if len(self) > _MANY:
            with contextlib.suppress(ImportError):
                return _downsampled_by_numpy(self, stretches)
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


def _mean_and_spread(values: list[float]) -> tuple[float, float | None]:
    """Return mean and standard deviation, `None` for one that no float can hold."""
    try:
        mean = math.fsum(values) / len(values)
    except OverflowError:
        mean = math.fsum(value / len(values) for value in values)
    # in parts of the farthest, as the square of a large number is none
    farthest = max(abs(value - mean) for value in values)
    if farthest == 0 or math.isinf(farthest):
        return mean, 0.0 if farthest == 0 else None
    squares = math.fsum(((value - mean) / farthest) ** 2 for value in values)
    return mean, farthest * math.sqrt(squares / len(values))


def split(data: bytes, names: Sequence[str]) -> dict[str, Series]:
    """Return the series in a piece of records, in the order of their first points.

    Parameters
    ----------
    data
        Whole records, as `RECORD` has them.
    names
        Those of the series, by their number.
    """
    if len(data) > _WORTH_NUMPY * RECORD.size:
        with contextlib.suppress(ImportError):
            return _split_by_numpy(data, names)
    found: dict[str, Series] = {}
    if len(names) == 1 and sys.byteorder == "little":
        only = found[names[0]] = Series(names[0])
        only.steps = array("q", data)[1::4]
        numbers = array("d", data)
        only.times, only.values = numbers[2::4], numbers[3::4]
        return found
    for number, step, time, value in RECORD.iter_unpack(data):
        name = names[number] if number < len(names) else f"?{number}"
        series = found.get(name)
        if series is None:
            series = found[name] = Series(name)
        series.steps.append(step)
        series.times.append(time)
        series.values.append(value)
    return found


def _split_by_numpy(data: bytes, names: Sequence[str]) -> dict[str, Series]:
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


def _downsampled_by_numpy(series: Series, stretches: int) -> Series:
    import numpy as np  # noqa: PLC0415  (optional, and slow to import)

    size = len(series)
    values = np.frombuffer(series.values)
    lows = np.arange(stretches) * size // stretches
    lengths = np.diff(lows, append=size)
    kept = [np.array([0, size - 1])]
    # fmin and fmax pass over NaN, and what equals nothing is in a stretch of NaN alone
    for marked in (
        np.isnan(values),
        values == np.repeat(np.fmin.reduceat(values, lows), lengths),
        values == np.repeat(np.fmax.reduceat(values, lows), lengths),
    ):
        places = np.flatnonzero(marked)
        if places.size:
            first = np.minimum(np.searchsorted(places, lows), places.size - 1)
            found = places[first]
            kept.append(found[(found >= lows) & (found < lows + lengths)])
    return _taken(series, np.unique(np.concatenate(kept)))


def _within_by_numpy(series: Series, axis: Any, low: float, high: float) -> Series:
    import numpy as np  # noqa: PLC0415  (optional, and slow to import)

    places = np.asarray(axis)
    kept = [np.flatnonzero((places >= low) & (places <= high))]
    before, after = np.flatnonzero(places < low), np.flatnonzero(places > high)
    if before.size:
        # the last of those that are nearest, as the slow way has it
        kept.append(before[::-1][[places[before[::-1]].argmax()]])
    if after.size:
        kept.append(after[[places[after].argmin()]])
    return _taken(series, np.unique(np.concatenate(kept)))


def _taken(series: Series, indices: Any) -> Series:
    import numpy as np  # noqa: PLC0415  (the caller has it)

    return Series(
        series.name,
        array("q", np.frombuffer(series.steps, "i8")[indices].tobytes()),
        array("d", np.frombuffer(series.times)[indices].tobytes()),
        array("d", np.frombuffer(series.values)[indices].tobytes()),
    )
