"""What an endpoint did: counters, and latency quantiles in intervals of five seconds."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

INTERVAL_S = 5.0
INTERVALS = 120
# Buckets of 10 % width from 20 µs to over five minutes: a quantile is right to within 5 %.
_FLOOR_MS = 0.02
_WIDTH = math.log(1.1)
_FLOORS_PER_S = 1000 / _FLOOR_MS
_BUCKETS = 180
# A histogram of fewer, each about twice as wide as the one before. The last bucket has no end.
_BOUNDS = range(6, _BUCKETS - 1, 7)


@dataclass
class Interval:
    """Requests of one interval; `time` is its beginning in epoch seconds."""

    time: float
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * _BUCKETS)


class Stats:
    """Counters of one serving process, kept in memory; touched by the event loop alone."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.started_at = now()
        self.requests = 0
        self.errors_4xx = 0
        self.errors_5xx = 0
        self.in_flight = 0
        self.seconds = 0.0
        self._earlier = [0] * _BUCKETS
        self._intervals: deque[Interval] = deque(maxlen=INTERVALS)
        self._interval = Interval(0.0)
        self._interval_ends = 0.0

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from what an earlier process of the same attempt counted."""
        self.requests = snapshot.get("requests", 0)
        self.errors_4xx = snapshot.get("errors_4xx", 0)
        self.errors_5xx = snapshot.get("errors_5xx", 0)

    def count(self, status: int, seconds: float) -> None:
        """Record one answered request: its HTTP status and how long it took, in seconds."""
        now = self._now()
        if now >= self._interval_ends:
            self._begin_interval(now)
        interval = self._interval
        self.requests += 1
        self.seconds += seconds
        interval.requests += 1
        if status >= 400:
            interval.errors += 1
            if status >= 500:
                self.errors_5xx += 1
            else:
                self.errors_4xx += 1
        floors = seconds * _FLOORS_PER_S
        bucket = int(math.log(floors) / _WIDTH) if floors > 1 else 0
        interval.buckets[bucket if bucket < _BUCKETS else -1] += 1

    def _begin_interval(self, now: float) -> None:
        if len(self._intervals) == INTERVALS:
            self._earlier = _sums([self._earlier, self._intervals[0].buckets])
        self._interval = Interval(now - now % INTERVAL_S)
        self._interval_ends = self._interval.time + INTERVAL_S
        self._intervals.append(self._interval)

    def histogram(self) -> list[tuple[float, int]]:
        """Return how many requests since this process began took no longer than some seconds.

        Returns
        -------
        list of (seconds, requests)
            Ascending; the last bound is infinite.
        """
        counts = _sums([self._earlier, *(interval.buckets for interval in self._intervals)])
        reached = list(itertools.accumulate(counts))
        bounds = [
            (float(f"{_FLOOR_MS * math.exp((index + 1) * _WIDTH) / 1000:.6g}"), reached[index])
            for index in _BOUNDS
        ]
        return [*bounds, (math.inf, reached[-1])]

    def snapshot(self) -> dict[str, Any]:
        """Return all figures as `/metrics.json` shows them; times in epoch seconds."""
        merged = _sums([interval.buckets for interval in self._intervals])
        return {
            "started_at": self.started_at,
            "time": self._now(),
            "requests": self.requests,
            "errors_4xx": self.errors_4xx,
            "errors_5xx": self.errors_5xx,
            "in_flight": self.in_flight,
            "p50_ms": quantile_ms(merged, 0.5),
            "p99_ms": quantile_ms(merged, 0.99),
            "interval_s": INTERVAL_S,
            "intervals": [
                {
                    "time": interval.time,
                    "requests": interval.requests,
                    "errors": interval.errors,
                    "p50_ms": quantile_ms(interval.buckets, 0.5),
                    "p99_ms": quantile_ms(interval.buckets, 0.99),
                }
                for interval in self._intervals
            ],
        }


def quantile_ms(buckets: Iterable[int], share: float) -> float | None:
    """Return the latency in ms under which `share` of the counted requests stayed."""
    counts = list(buckets)
    wanted = share * sum(counts)
    if wanted == 0:
        return None
    index = next(i for i, seen in enumerate(itertools.accumulate(counts)) if seen >= wanted)
    return round(_FLOOR_MS * math.exp((index + 0.5) * _WIDTH), 3)


def _sums(counts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*counts, strict=True)]
