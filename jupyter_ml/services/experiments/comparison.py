"""What differs between runs: pure functions over what is known of each."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_ml.services.experiments.runs import Run

Json = dict[str, Any]

CURVE_POINTS: Final = 200
_MINIMISED: Final = re.compile(
    r"loss|error|rmse|rmsle|mse|mae|mape|nll|deviance|perplexity", re.IGNORECASE
)
# scikit-learn negates losses so that more is better: neg_mean_squared_error.
_NEGATED: Final = re.compile(r"(^|[^a-z])neg([^a-z]|$)", re.IGNORECASE)


def compare(runs: Sequence[Run]) -> Json:
    """Return the comparison of runs with the first, as `CompareRuns` answers it."""
    return {
        "Runs": [
            {
                "Name": run.name,
                "Kind": run.kind,
                "Status": run.status,
                "CreationTime": run.created_at,
            }
            for run in runs
        ],
        "Parameters": compared_texts([run.parameters for run in runs]),
        "Metrics": _metrics(runs),
        "Inputs": compared_texts([_hashes(run) for run in runs]),
        "Environment": compared_texts([{**run.environment, **_git(run)} for run in runs]),
        "Source": _sources(runs),
        "Series": _curves(runs),
    }


def compared_texts(mappings: Sequence[Mapping[str, str]]) -> list[Json]:
    """Return each name that any run has, with its value in each and whether they differ."""
    compared = []
    for name in sorted(set().union(*mappings)):
        values = [mapping.get(name) for mapping in mappings]
        compared.append({"Name": name, "Values": values, "Differs": len(set(values)) > 1})
    return compared


def is_minimised(name: str) -> bool:
    """Return whether less of a metric is better, judging by its name."""
    return bool(_MINIMISED.search(name)) and not _NEGATED.search(name)


def deltas(values: Sequence[float | None]) -> list[float | None]:
    """Return how far each value is from the first; `None` where either is missing."""
    first = values[0]
    return [None if first is None or value is None else value - first for value in values]


def best_index(name: str, values: Sequence[float | None]) -> int | None:
    """Return which value of a metric is best.

    Returns
    -------
    int or None
        `None` where fewer than two runs have a value, or all have the same.
    """
    known = {
        index: value
        for index, value in enumerate(values)
        if value is not None and math.isfinite(value)
    }
    if len(set(known.values())) < 2:
        return None
    choose = min if is_minimised(name) else max
    return choose(known, key=lambda index: known[index])


def _metrics(runs: Sequence[Run]) -> list[Json]:
    compared = []
    for name in _metric_names(runs):
        values = [run.series[name].last() if name in run.series else None for run in runs]
        compared.append(
            {
                "Name": name,
                "Values": values,
                "Deltas": deltas(values),
                "BestIndex": best_index(name, values),
            }
        )
    return compared


def _curves(runs: Sequence[Run]) -> list[Json]:
    compared = []
    for name in _metric_names(runs):
        curves = [
            {"Run": run.name, "Steps": thin.steps.tolist(), "Values": thin.values.tolist()}
            for run in runs
            if name in run.series
            for thin in [run.series[name].downsampled(CURVE_POINTS)]
        ]
        if any(len(curve["Steps"]) > 1 for curve in curves):
            compared.append({"Name": name, "Curves": curves})
    return compared


def _metric_names(runs: Sequence[Run]) -> list[str]:
    return sorted(set().union(*(run.series for run in runs)))


def _hashes(run: Run) -> dict[str, str]:
    return {
        item["Name"]: str(item.get("Sha256") or item.get("Detail") or item["Kind"])
        for item in run.inputs
    }


def _git(run: Run) -> dict[str, str]:
    commit = run.git.get("commit")
    if not commit:
        return {}
    return {"git commit": f"{commit}{' with changes' if run.git.get('dirty') else ''}"}


def _sources(runs: Sequence[Run]) -> list[Json]:
    first = runs[0]
    differences = []
    for other in runs[1:]:
        if first.source is None or other.source is None:
            continue
        lines = difflib.unified_diff(
            first.source.splitlines(),
            other.source.splitlines(),
            first.name,
            other.name,
            lineterm="",
        )
        differences.append({"From": first.name, "To": other.name, "Unified": "\n".join(lines)})
    return differences
