"""Rows on their way to an endpoint and back."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from jupyter_ml.toolkit.tables import answer_table, metric_frame, request_body


def test_a_frame_keeps_its_columns_and_every_digit():
    frame = pd.DataFrame({"a": [0.1 + 0.2], 7: [1]})
    assert json.loads(request_body(frame)) == {"columns": ["a", "7"], "data": [[0.1 + 0.2, 1]]}


def test_what_is_missing_is_null():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan],
            "text": pd.Series(["x", None], dtype="string"),
            "when": [pd.Timestamp("2026-01-02"), pd.NaT],
            "count": pd.array([1, None], dtype="Int64"),
        }
    )
    first, second = json.loads(request_body(frame))["data"]
    assert first == [1.5, "x", "2026-01-02T00:00:00", 1]
    assert second == [None, None, None, None]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.5, 2.5]), [[1.5, 2.5]]),
        ([1, 2], [[1, 2]]),
        ([[1], [2]], [[1], [2]]),
        ({"a": 1}, [{"a": 1}]),
        ([{"a": np.int64(1)}], [{"a": 1}]),
        ([], []),
    ],
)
def test_arrays_and_lists_are_rows(data, rows):
    assert json.loads(request_body(data)) == rows


def test_a_series_is_one_row():
    row = pd.Series({"a": 1.0, "b": 2.0}, name="x")
    assert json.loads(request_body(row)) == {"columns": ["a", "b"], "data": [[1.0, 2.0]]}
    assert answer_table([1], row).to_dict() == {"x": 1}


def test_answers_have_the_index_of_the_rows():
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    pd.testing.assert_series_equal(
        answer_table([5, 6], frame), pd.Series([5, 6], index=["x", "y"], name="prediction")
    )
    assert answer_table([[1, 2], [3, 4]], frame).shape == (2, 2)
    named = answer_table([{"score": 0.5}, {"score": 0.7}], frame)
    assert named["score"].to_dict() == {"x": 0.5, "y": 0.7}
    assert answer_table([5, 6], [[1], [2]]) == [5, 6]


def test_metrics_are_one_row_per_step():
    frame = metric_frame(
        [
            {"Name": "auc", "Steps": [0, 1, 1], "Values": [0.1, 0.2, 0.3]},
            {"Name": "loss", "Steps": [1, 2], "Values": [5, 4]},
        ]
    )
    assert frame.index.tolist() == [0, 1, 2]
    assert frame.loc[1].tolist() == [0.3, 5.0]
