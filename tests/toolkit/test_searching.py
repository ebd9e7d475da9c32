"""Finding runs from a notebook: `ml.runs` and `%ml list runs`."""

from __future__ import annotations

import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.verbs import dispatch


@pytest.fixture
def searched(workspace):
    """A workspace with three runs."""
    for depth, act in ((2, "relu"), (3, "tanh"), (4, "relu")):
        with ml.run("sweep", depth=depth, act=act):
            ml.log(auc=depth / 5)
    arn = workspace.call("DescribeTrialComponent", {"TrialComponentName": "sweep-2"})
    tags = [{"Key": "team", "Value": "red"}]
    workspace.call("AddTags", {"ResourceArn": arn["TrialComponentArn"], "Tags": tags})
    return workspace


def test_runs_are_found_as_a_table_of_what_they_have(searched):
    frame = ml.runs("metrics.auc > 0.5", order_by="params.depth")
    assert list(frame.index) == ["sweep-2", "sweep-3"]
    assert list(frame.columns) == [
        "status",
        "created",
        "metrics.auc",
        "params.act",
        "params.depth",
        "tags.team",
    ]
    assert frame["metrics.auc"].tolist() == [0.6, 0.8]
    assert frame.loc["sweep-2", "tags.team"] == "red"
    assert set(frame["status"]) == {"Completed"}


def test_all_runs_are_found_without_a_filter_newest_first(searched):
    assert list(ml.runs().index) == ["sweep-3", "sweep-2", "sweep-1"]
    assert list(ml.runs(limit=1).index) == ["sweep-3"]
    assert ml.runs("name = 'other'").empty


def test_a_filter_that_cannot_be_read_is_shown_with_its_place(searched):
    with pytest.raises(UsageError, match="At position 1 of the filter, there is no attribute"):
        ml.runs("auc > 0.5")
    with pytest.raises(UsageError, match="1 or more"):
        ml.runs(limit=0)


def test_the_list_shows_what_the_filter_names(searched):
    words = ["list", "runs", "--filter", "params.act = 'relu' and metrics.auc > 0"]
    table = dispatch([*words, "--sort", "metrics.auc desc"], lambda: searched)
    assert table.columns == ("RUN", "STATUS", "params.act", "metrics.auc", "CREATED")
    assert [row[:4] for row in table.rows] == [
        ("sweep-3", "Completed", "relu", "0.8"),
        ("sweep-1", "Completed", "relu", "0.4"),
    ]
    named = dispatch(["list", "runs", "--name", "p-2"], lambda: searched)
    assert [row[0] for row in named.rows] == ["sweep-2"]
    assert "No runs fulfil" in str(dispatch([*words[:3], "name = 'b'"], lambda: searched))
    with pytest.raises(UsageError, match="for runs"):
        dispatch(["list", "jobs", "--filter", "name = 'a'"], lambda: searched)
