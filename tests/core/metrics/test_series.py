from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jupyter_ml.core.metrics.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence


def series_of(values: Sequence[float]) -> Series:
    count = len(values)
    return Series("loss", array("q", range(count)), array("d", range(count)), array("d", values))


def test_downsampling_keeps_the_ends_and_every_peak() -> None:
    series = series_of([math.sin(step / 300) for step in range(10_000)])
    series.values[4321] = 50.0
    series.values[8765] = -50.0
    small = series.downsampled(200)
    assert len(small) <= 200
    assert (small.steps[0], small.steps[-1]) == (0, 9999)
    assert (max(small.values), min(small.values)) == (50.0, -50.0)


def test_downsampling_shows_where_a_curve_became_nan() -> None:
    series = series_of([math.nan if step >= 500 else 1.0 for step in range(1000)])
    small = series.downsampled(20)
    assert (
        min(
            step for step, value in zip(small.steps, small.values, strict=True) if math.isnan(value)
        )
        <= 556
    )


@pytest.mark.parametrize("most", [2, 3, 64, 2000, 9999])
def test_downsampling_is_the_same_with_and_without_numpy(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    draw = np.random.default_rng(5)
    values = draw.normal(size=30_011).round(1)
    values[draw.integers(0, values.size, 300)] = math.nan
    values[draw.integers(0, values.size, 30)] = math.inf
    values[draw.integers(0, values.size, 30)] = -math.inf
    values[12_000:15_000] = math.nan
    fast = series_of(values).downsampled(most)
    monkeypatch.setitem(sys.modules, "numpy", None)
    slow = series_of(values).downsampled(most)
    assert fast.steps == slow.steps
    assert fast.values.tobytes() == slow.values.tobytes()
    assert fast.times == slow.times


def test_a_million_points_keep_the_peaks_of_every_stretch() -> None:
    values = np.random.default_rng(7).normal(size=1_000_000)
    values[[123_457, 765_432]] = [40.0, -40.0]
    small = series_of(values).downsampled(2000)
    assert len(small) <= 2000
    kept = set(small.values)
    lows = np.arange(999) * values.size // 999
    for low, high in zip(lows, [*lows[1:], values.size], strict=True):
        assert {values[low:high].min(), values[low:high].max()} <= kept
    assert {40.0, -40.0} <= kept


def test_points_in_the_order_of_their_times_keep_the_order_of_equal_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(11)
    mixed = series_of(range(25_000))
    mixed.times = array("d", draw.integers(0, 500, 25_000).astype(float))
    expected = np.argsort(np.array(mixed.times), kind="stable").tolist()
    assert mixed.by_time().steps.tolist() == expected
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert mixed.by_time().steps.tolist() == expected


@pytest.mark.parametrize("count", [100, 30_000])
def test_a_range_has_the_points_in_it_and_one_on_either_side(count: int) -> None:
    ordered = series_of(range(count))
    assert ordered.within("steps", 10, 20).steps.tolist() == list(range(9, 22))
    assert ordered.within("times", 10.5, 12.5).steps.tolist() == [10, 11, 12, 13]
    assert ordered.within("steps", -5, -1).steps.tolist() == [0]
    assert ordered.within("steps", count, count + 1).steps.tolist() == [count - 1]


def test_a_range_of_steps_that_were_logged_out_of_order_has_all_points_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = series_of(range(25_000))
    many.steps = array("q", np.random.default_rng(3).integers(0, 900, 25_000).tolist())
    fast = many.within("steps", 200, 300)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert fast.values == many.within("steps", 200, 300).values
    mixed = series_of(range(6))
    mixed.steps = array("q", [5, 3, 9, 4, 0, 7])
    assert sorted(mixed.within("steps", 4, 5).steps) == [3, 4, 5, 7]


def test_a_series_in_short_is_what_numpy_says() -> None:
    values = np.random.default_rng(2).normal(5, 3, 1000)
    short = series_of([*values, math.nan, math.inf]).summary()
    assert short["Count"] == 1002
    assert (short["Min"], short["Max"], short["Last"]) == (values.min(), values.max(), None)
    assert short["Avg"] == pytest.approx(values.mean(), rel=1e-12)
    assert short["StdDev"] == pytest.approx(values.std(), rel=1e-12)
    assert series_of([2.0, 2.0]).summary()["StdDev"] == 0


@pytest.mark.parametrize("largest", [1e200, 1.7e308])
def test_a_series_of_numbers_whose_squares_are_too_large_has_a_mean(largest: float) -> None:
    short = series_of([largest, largest, largest, -largest]).summary()
    assert short["Avg"] == pytest.approx(largest / 2)
    assert short["StdDev"] in (None, pytest.approx(largest * math.sqrt(0.75)))
