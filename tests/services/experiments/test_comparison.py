"""Comparing runs, and reading their metrics."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_ml.contract.errors import ResourceNotFound, ValidationException
from jupyter_ml.services.experiments.comparison import (
    best_index,
    compared_texts,
    deltas,
    is_minimised,
)

SOURCE = "model = GradientBoostingClassifier(max_depth={depth})\nmodel.fit(train)\n"


def provenance(depth: int) -> dict[str, Any]:
    return {
        "source": SOURCE.format(depth=depth),
        "environment": {"python": "3.11.4", "packages": {"scikit-learn": f"1.{depth}"}},
        "git": {"commit": "abc", "dirty": depth > 3},
        "inputs": [
            {"name": "depth", "kind": "int", "sha256": "0", "detail": str(depth)},
            {"name": "train", "kind": "DataFrame", "sha256": "a" * 64, "bytes": 80},
        ],
    }


@pytest.fixture
def pair(house: Any) -> Any:
    """Two training jobs that differ in depth."""
    for number, depth in ((1, 3), (2, 5)):
        house.train(f"cancer-{number}", provenance(depth), HyperParameters={"seed": "1"})
        house.log(
            f"cancer-{number}-aws-training-job",
            auc=[0.5, 0.75 + number / 8],
            loss=[1.0, 1 / number],
        )
        house.end(f"cancer-{number}")
    return house


def by_name(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["Name"]: item for item in items}


def test_a_comparison_shows_every_value_and_what_differs(pair: Any) -> None:
    compared = pair.call("CompareRuns", Names=["cancer-1", "cancer-2"])
    assert [run["Name"] for run in compared["Runs"]] == ["cancer-1", "cancer-2"]
    assert by_name(compared["Parameters"]) == {
        "depth": {"Name": "depth", "Values": ["3", "5"], "Differs": True},
        "seed": {"Name": "seed", "Values": ["1", "1"], "Differs": False},
    }
    assert [item["Name"] for item in compared["Inputs"] if item["Differs"]] == []
    assert [item["Name"] for item in compared["Environment"] if item["Differs"]] == [
        "git commit",
        "scikit-learn",
    ]


def test_metrics_are_compared_with_the_first_run_and_the_best_is_named(pair: Any) -> None:
    metrics = by_name(pair.call("CompareRuns", Names=["cancer-1", "cancer-2"])["Metrics"])
    assert metrics["auc"] == {
        "Name": "auc",
        "Values": [0.875, 1.0],
        "Deltas": [0.0, 0.125],
        "BestIndex": 1,
    }
    assert (metrics["loss"]["Deltas"], metrics["loss"]["BestIndex"]) == ([0.0, -0.5], 1)


def test_sources_are_compared_line_by_line(pair: Any) -> None:
    (diff,) = pair.call("CompareRuns", Names=["cancer-1", "cancer-2"])["Source"]
    assert (diff["From"], diff["To"]) == ("cancer-1", "cancer-2")
    assert diff["Unified"].splitlines() == [
        "--- cancer-1",
        "+++ cancer-2",
        "@@ -1,2 +1,2 @@",
        "-model = GradientBoostingClassifier(max_depth=3)",
        "+model = GradientBoostingClassifier(max_depth=5)",
        " model.fit(train)",
    ]


def test_sources_that_are_the_same_have_no_difference_and_unknown_ones_none_to_tell(
    pair: Any,
) -> None:
    pair.train("cancer-3", provenance(3))
    pair.train("built-in-1")
    compared = pair.call("CompareRuns", Names=["cancer-1", "cancer-3", "built-in-1"])["Source"]
    assert compared == [{"From": "cancer-1", "To": "cancer-3", "Unified": ""}]


def test_curves_of_all_runs_come_along(pair: Any) -> None:
    series = by_name(pair.call("CompareRuns", Names=["cancer-1", "cancer-2"])["Series"])
    assert [curve["Run"] for curve in series["auc"]["Curves"]] == ["cancer-1", "cancer-2"]
    assert series["auc"]["Curves"][1] == {
        "Run": "cancer-2",
        "Steps": [0.0, 1.0],
        "Values": [0.5, 1.0],
    }


def test_a_run_of_a_notebook_is_compared_with_a_job(pair: Any) -> None:
    pair.call(
        "CreateTrialComponent",
        TrialComponentName="baseline-1",
        Parameters={"depth": {"NumberValue": 2}, "note": {"StringValue": "by hand"}},
        Status={"PrimaryStatus": "Completed"},
    )
    pair.log("baseline-1", auc=[0.5])
    (pair.run_dir("baseline-1") / "provenance.json").write_text(json.dumps({"source": "x = 1\n"}))
    compared = pair.call("CompareRuns", Names=["cancer-1", "baseline-1"])
    assert [run["Kind"] for run in compared["Runs"]] == ["TrainingJob", "Run"]
    parameters = by_name(compared["Parameters"])
    assert parameters["depth"]["Values"] == ["3", "2"]
    assert parameters["note"]["Values"] == [None, "by hand"]
    assert by_name(compared["Metrics"])["loss"]["Values"] == [1.0, None]
    assert "+x = 1" in compared["Source"][0]["Unified"]


def test_two_to_a_thousand_runs_that_exist_are_compared(pair: Any) -> None:
    with pytest.raises(ValidationException, match="length greater than or equal to 2"):
        pair.call("CompareRuns", Names=["cancer-1"])
    with pytest.raises(ValidationException, match="length less than or equal to 1000"):
        pair.call("CompareRuns", Names=["cancer-1"] * 1001)
    with pytest.raises(ResourceNotFound, match="'cancer-3'"):
        pair.call("CompareRuns", Names=["cancer-1", "cancer-3"])


def test_metrics_are_read_by_name_and_thinned_out(house: Any) -> None:
    house.train("cancer-1")
    values = [math.sin(step / 50) for step in range(5000)]
    values[1234] = 9.0
    house.log("cancer-1-aws-training-job", wave=values, auc=[0.5])
    whole = by_name(house.call("GetRunMetrics", RunName="cancer-1")["Series"])
    assert list(whole) == ["auc", "wave"]
    assert whole["wave"]["Values"] == values
    answer = house.call("GetRunMetrics", RunName="cancer-1", Names=["wave"], MaxPoints=100)
    (thin,) = answer["Series"]
    assert len(thin["Values"]) <= 100
    assert 9.0 in thin["Values"]
    zoomed = {"RunName": "cancer-1", "Names": ["wave"], "MaxPoints": 100, "From": 1200, "To": 1249}
    (fine,) = house.call("GetRunMetrics", **zoomed)["Series"]
    assert (fine["Steps"], fine["Values"]) == (list(range(1199, 1251)), values[1199:1251])
    later = {**zoomed, "Axis": "Time", "From": whole["wave"]["Times"][4000], "To": 2.0**60}
    (late,) = house.call("GetRunMetrics", **later)["Series"]
    assert late["Steps"][-1] == 4999
    assert late["Steps"][0] <= 4000


def test_a_metric_that_is_never_a_number_has_no_last_value(house: Any) -> None:
    house.train("cancer-1")
    house.log("cancer-1-aws-training-job", loss=[math.nan, math.inf])
    (metric,) = house.call("GetRun", RunName="cancer-1")["Metrics"]
    assert metric == {"Name": "loss", "Count": 2}


@pytest.mark.parametrize(
    ("name", "minimised"),
    [
        ("loss", True),
        ("val_loss", True),
        ("validation-mlogloss", True),
        ("RMSE", True),
        ("test:error", True),
        ("mae", True),
        ("auc", False),
        ("accuracy", False),
        ("f1", False),
        ("neg_mean_squared_error", False),
        ("r2", False),
    ],
)
def test_less_is_better_for_losses_and_errors(name: str, minimised: bool) -> None:
    assert is_minimised(name) is minimised


@given(st.lists(st.none() | st.floats(), min_size=2, max_size=20))
def test_the_best_value_is_one_that_is_there(values: list[float | None]) -> None:
    best = best_index("auc", values)
    known = [value for value in values if value is not None and math.isfinite(value)]
    assert (best is None) == (len(set(known)) < 2)
    if best is not None:
        assert values[best] == max(known)
    assert [delta is None for delta in deltas(values)] == [
        value is None or values[0] is None for value in values
    ]


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")), min_size=2, max_size=4)
)
def test_every_name_of_every_run_is_compared_once(mappings: list[dict[str, str]]) -> None:
    compared = compared_texts(mappings)
    assert [item["Name"] for item in compared] == sorted({name for one in mappings for name in one})
    for item in compared:
        assert item["Differs"] == (len(set(item["Values"])) > 1)
