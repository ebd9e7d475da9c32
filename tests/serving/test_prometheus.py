"""An endpoint's figures as Prometheus reads them; its own client's parser is the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_ml.core.exposition import Family, written
from jupyter_ml.serving.figures import families
from jupyter_ml.serving.stats import INTERVAL_S, INTERVALS, Stats
from jupyter_ml.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.conftest import Fitted, Served

Series = dict[tuple[str, str], float]


def parsed(text: bytes) -> Series:
    """Return each series' value by its name and what tells it from others of the name."""
    return {
        (sample.name, sample.labels.get("le") or sample.labels.get("status", "")): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_what_an_endpoint_answered_is_counted_by_class(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir).wait()
    rows = cancer.frame.iloc[:1].to_numpy().tolist()
    for body in (rows, rows, [[1.0]]):
        served.invoke(body)
    assert served.request("GET", "/metrics", token=None)[0] == 401
    status, text = served.request("GET", "/metrics")
    assert status == 200
    figures = parsed(text)
    name = "jupyter_ml_endpoint_requests"
    classes = [figures[f"{name}_total", status] for status in ("2xx", "4xx", "5xx")]
    assert classes == [2, 1, 0]
    assert figures[f"{name}_in_flight", ""] == 0
    assert figures["jupyter_ml_endpoint_workers", ""] == 1
    assert figures["jupyter_ml_endpoint_workers_desired", ""] == 1
    duration = "jupyter_ml_endpoint_request_duration_seconds"
    assert figures[f"{duration}_count", ""] == 3
    assert figures[f"{duration}_bucket", "+Inf"] == 3
    assert 0 < figures[f"{duration}_sum", ""] < 30
    (labels,) = {
        (sample.labels["endpoint"], sample.labels["variant"])
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    assert labels == ("e", "AllTraffic")
    assert served.request("POST", "/metrics")[0] == 405


def test_a_histogram_only_grows_and_forgets_nothing() -> None:
    clock = ManualClock(1000.0)
    stats = Stats(clock)
    before = [0] * 30
    for number in range(INTERVALS + 20):
        stats.count(200, 0.001 * (number + 1))
        clock.advance(INTERVAL_S)
        now = [count for _, count in stats.histogram()]
        assert all(old <= new for old, new in zip(before, now, strict=False))
        before = now
    bounds = stats.histogram()
    assert bounds[-1] == (float("inf"), INTERVALS + 20)
    assert [bound for bound, _ in bounds] == sorted(bound for bound, _ in bounds)
    for bound, count in bounds:
        # a bound of a bucket may fall between two of these latencies by rounding alone
        assert abs(count - sum(0.001 * (n + 1) <= bound for n in range(INTERVALS + 20))) <= 1
    assert stats.seconds == pytest.approx(0.001 * 140 * 141 / 2)


def test_a_request_longer_than_all_bounds_is_in_the_last_bucket_alone() -> None:
    stats = Stats(ManualClock())
    stats.count(504, 10_000.0)
    assert [count for _, count in stats.histogram()][-2:] == [0, 1]


def test_labels_with_quotes_and_lines_are_read_as_they_were() -> None:
    odd = 'a "quoted"\\path\nand more'
    text = written([Family("odd_total", "counter", odd, [("", {"label": odd}, 1.5)])])
    (family,) = text_string_to_metric_families(text.decode())
    assert family.documentation == odd
    assert [(s.labels["label"], s.value) for s in family.samples] == [(odd, 1.5)]


def test_names_keep_to_the_conventions() -> None:
    for family in families(Stats(ManualClock()), {}, {"desired": 1, "current": 1}):
        assert family.name.startswith("jupyter_ml_endpoint_")
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert family.about.endswith(".")
