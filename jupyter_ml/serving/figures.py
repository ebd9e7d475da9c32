"""What an endpoint did, as metrics of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.core.exposition import Family, single

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.serving.stats import Stats

_PREFIX = "jupyter_ml_endpoint"


def families(stats: Stats, names: Mapping[str, str], workers: Mapping[str, int]) -> list[Family]:
    """Return the metrics of one endpoint.

    Parameters
    ----------
    stats
        What was counted.
    names
        The labels `endpoint` and `variant`, which every series has.
    workers
        How many are `desired`, and how many answer now (`current`).
    """
    answered = stats.requests - stats.errors_4xx - stats.errors_5xx
    classes = {"2xx": answered, "4xx": stats.errors_4xx, "5xx": stats.errors_5xx}
    return [
        Family(
            f"{_PREFIX}_requests_total",
            "counter",
            "Requests for predictions that were answered, by class of HTTP status.",
            [("", {**names, "status": status}, count) for status, count in classes.items()],
        ),
        _durations(stats, names),
        single(
            f"{_PREFIX}_requests_in_flight",
            "gauge",
            "Requests for predictions that are being answered.",
            stats.in_flight,
            names,
        ),
        single(
            f"{_PREFIX}_workers",
            "gauge",
            "Processes that hold the model and answer.",
            workers["current"],
            names,
        ),
        single(
            f"{_PREFIX}_workers_desired",
            "gauge",
            "Processes that shall hold the model.",
            workers["desired"],
            names,
        ),
        single(
            f"{_PREFIX}_start_time_seconds",
            "gauge",
            "When the serving process began, in seconds of the epoch.",
            stats.started_at,
            names,
        ),
    ]


def _durations(stats: Stats, names: Mapping[str, str]) -> Family:
    histogram = stats.histogram()
    buckets = [
        ("_bucket", {**names, "le": "+Inf" if bound == float("inf") else repr(bound)}, count)
        for bound, count in histogram
    ]
    return Family(
        f"{_PREFIX}_request_duration_seconds",
        "histogram",
        "Time from a request's arrival to its answer, since the serving process began.",
        [*buckets, ("_sum", names, stats.seconds), ("_count", names, histogram[-1][1])],
    )
