"""Answers cut down to their shapes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_ml.contract import drawing, model
from jupyter_ml.contract.projection import project

SHAPE = model.shape("DescribeTrainingJobResponse")


def test_what_the_shape_lacks_is_left_out_at_every_depth() -> None:
    """Rows hold more than may be told."""
    row = {
        "TrainingJobName": "a",
        "Secret": "b",
        "StoppingCondition": {"MaxRuntimeInSeconds": 1, "Secret": 2},
        "InputDataConfig": [{"ChannelName": "c", "Secret": 3}],
        "HyperParameters": {"depth": "3"},
    }
    assert project(SHAPE, row) == {
        "TrainingJobName": "a",
        "StoppingCondition": {"MaxRuntimeInSeconds": 1},
        "InputDataConfig": [{"ChannelName": "c"}],
        "HyperParameters": {"depth": "3"},
    }


def test_absent_members_and_empty_structures_are_left_out_but_empty_lists_stay() -> None:
    """Typed clients fail on a structure whose required members are not there."""
    row = {"FailureReason": None, "VpcConfig": {}, "InputDataConfig": [], "HyperParameters": {}}
    assert project(SHAPE, row) == {"InputDataConfig": [], "HyperParameters": {}}


def test_lists_keep_their_gaps() -> None:
    """A run that lacks a metric has null in its place."""
    shape = model.shape("ComparedMetric", "jupyter-ml")
    assert project(shape, {"Values": [1.0, None]}) == {"Values": [1.0, None]}


@given(st.data())
def test_projecting_twice_changes_nothing(data: st.DataObject) -> None:
    """Surfaces may project again what came from another."""
    value = data.draw(drawing.values(SHAPE, depth=2))
    once = project(SHAPE, value)
    assert project(SHAPE, once) == once
