"""Data frames as channels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.data import located, write_frame


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": np.array([1, 2], dtype="int8"), "b": ["x", None]}, index=["u", "v"]),
        pd.DataFrame(
            {"c": pd.Categorical(["x", "y"])}, index=pd.date_range("2026-01-01", periods=2)
        ),
        pd.DataFrame({1: [1, 2], "mixed": [1, "x"]}),
        pd.DataFrame({"o": [{"a"}, {"b"}]}),
        pd.DataFrame(
            {"a": [1.0, 2.0]},
            index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", "n"]),
        ),
    ],
)
def test_a_frame_comes_back_with_index_and_dtypes(frame, tmp_path):
    write_frame(frame, tmp_path)
    pd.testing.assert_frame_equal(ml.load_channel(tmp_path), frame)


def test_a_series_comes_back_as_a_series(tmp_path):
    series = pd.Series([1, 2], name="y")
    write_frame(series, tmp_path)
    pd.testing.assert_series_equal(ml.load_channel(tmp_path), series)


def test_the_same_frame_is_stored_once(workspace):
    artifacts = session.workspace_of(workspace).artifacts
    frame = pd.DataFrame({"a": [1, 2]})
    first, second = (located("train", frame.copy(), artifacts) for _ in range(2))
    assert first == second
    assert artifacts.exists(first)


def test_paths_are_copied_and_locations_are_left_alone(workspace, tmp_path):
    artifacts = session.workspace_of(workspace).artifacts
    file = tmp_path / "rows.csv"
    file.write_text("a\n1\n")
    assert artifacts.resolve(located("train", file, artifacts)).read_text() == "a\n1\n"
    assert located("train", "s3://bucket/key", artifacts) == "s3://bucket/key"


@pytest.mark.parametrize(
    ("value", "reason"), [("/no/where", "there is no"), (3, "cannot hold a int")]
)
def test_what_is_no_data_is_refused(workspace, value, reason):
    artifacts = session.workspace_of(workspace).artifacts
    with pytest.raises(UsageError, match=reason):
        located("train", value, artifacts)


def test_a_script_loads_its_channel_by_name(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n2\n")
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path))
    assert ml.load_channel("train")["x"].tolist() == [1, 2]
    with pytest.raises(UsageError, match=r"no channel or path 'test'. Channels: train"):
        ml.load_channel("test")
