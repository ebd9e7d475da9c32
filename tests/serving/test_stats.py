"""Counters and latency quantiles."""

from __future__ import annotations

from jupyter_ml.serving.stats import INTERVALS, Stats
from jupyter_ml.testing import ManualClock


def test_quantiles_are_right_to_within_five_percent() -> None:
    stats = Stats(ManualClock())
    for milliseconds in range(1, 1001):
        stats.count(200, milliseconds / 1000)
    figures = stats.snapshot()
    assert abs(figures["p50_ms"] / 500 - 1) < 0.06
    assert abs(figures["p99_ms"] / 990 - 1) < 0.06


def test_intervals_are_five_seconds_and_the_oldest_go() -> None:
    clock = ManualClock(1000.0)
    stats = Stats(clock)
    for _ in range(INTERVALS + 10):
        stats.count(200, 0.001)
        stats.count(500, 0.001)
        clock.advance(5)
    intervals = stats.snapshot()["intervals"]
    assert len(intervals) == INTERVALS
    assert {(i["requests"], i["errors"]) for i in intervals} == {(2, 1)}
    assert intervals[1]["time"] - intervals[0]["time"] == 5
    assert stats.requests == 2 * (INTERVALS + 10)


def test_nothing_counted_has_no_latency() -> None:
    assert Stats(ManualClock()).snapshot()["p50_ms"] is None


def test_counters_go_on_after_a_restart() -> None:
    before, after = Stats(ManualClock()), Stats(ManualClock())
    for status in (200, 400, 500):
        before.count(status, 0.001)
    after.restore(before.snapshot())
    after.count(200, 0.001)
    assert (after.requests, after.errors_4xx, after.errors_5xx) == (4, 1, 1)
