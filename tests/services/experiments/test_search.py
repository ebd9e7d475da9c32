"""Search among runs: by parameters, metrics, trials and the jobs that they are of."""

from __future__ import annotations

import time
from typing import Any

import pytest


@pytest.fixture
def runs(house: Any) -> Any:
    """Three runs: one ended, one that still logs, and one of a training job."""
    house.clock.now = time.time()
    parameters = {"depth": {"NumberValue": 3.0}, "act": {"StringValue": "relu"}}
    house.call("CreateTrialComponent", TrialComponentName="ended", Parameters=parameters)
    house.call("CreateTrialComponent", TrialComponentName="going")
    metric = {"MetricName": "auc", "Last": 0.9, "Max": 0.95, "Count": 2}
    house.clock.advance(60)
    state = {"PrimaryStatus": "Completed"}
    house.call("EndRun", RunName="ended", Status=state, Metrics=[metric])
    house.log("going", auc=[0.2, 0.4])
    house.train("job", HyperParameters={"depth": "5"})
    return house


def search(house: Any, *filters: tuple[str, ...], **members: Any) -> list[str]:
    spelled = [dict(zip(("Name", "Operator", "Value"), one, strict=False)) for one in filters]
    members = {"SortBy": "TrialComponentName", "SortOrder": "Ascending", **members}
    if spelled:
        members["SearchExpression"] = {"Filters": spelled}
    answer = house.call("Search", Resource="ExperimentTrialComponent", **members)
    return [one["TrialComponent"]["TrialComponentName"] for one in answer["Results"]]


JOB = "job-aws-training-job"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("Parameters.depth", "Equals", "3"), ["ended"]),
        (("Parameters.depth", "Equals", "3.0"), ["ended"]),
        (("Parameters.depth.NumberValue", "Equals", "3"), ["ended"]),
        (("Parameters.depth", "GreaterThan", "2"), ["ended", JOB]),
        (("Parameters.depth", "NotEquals", "3"), ["going", JOB]),
        (("Parameters.act", "Equals", "relu"), ["ended"]),
        (("Parameters.act", "Equals", "relu%"), []),
        (("Metrics.auc", "GreaterThan", "0.5"), ["ended"]),
        (("Metrics.auc", "Equals", "0.4"), ["going"]),
        (("Metrics.auc.Max", "GreaterThan", "0.94"), ["ended"]),
        (("Metrics.auc", "NotExists"), [JOB]),
        (("Source.SourceArn", "Contains", "training-job/job"), [JOB]),
        (("SourceDetail.TrainingJob.HyperParameters.depth", "Equals", "5"), [JOB]),
        (("RunName", "Equals", "job"), [JOB]),
        (("RunName", "Contains", "training"), []),
        (("Status.PrimaryStatus", "Equals", "Completed"), ["ended"]),
        (("CreatedBy.UserProfileName", "Equals", "ada"), ["ended", "going", JOB]),
    ],
)
def test_runs_are_found_by_what_they_were_given_and_reached(
    runs: Any, condition: tuple[str, ...], expected: list[str]
) -> None:
    assert search(runs, condition) == expected


def test_a_parameter_that_was_changed_is_found_by_its_new_value_alone(runs: Any) -> None:
    changed = {"depth": {"NumberValue": 4}}
    runs.call("UpdateTrialComponent", TrialComponentName="ended", Parameters=changed)
    assert search(runs, ("Parameters.depth", "Equals", "4")) == ["ended"]
    assert search(runs, ("Parameters.depth", "Equals", "3")) == []


def test_what_is_logged_after_the_end_is_found(runs: Any) -> None:
    points = [{"MetricName": "auc", "Value": 0.1, "Timestamp": time.time() + 999, "Step": 9}]
    runs.clock.now = time.time() - 60
    runs.call("EndRun", RunName="going", Status={"PrimaryStatus": "Completed"}, Metrics=[])
    runs.call("BatchPutMetrics", TrialComponentName="going", MetricData=points)
    runs.call("UpdateTrialComponent", TrialComponentName="going", DisplayName="later")
    assert search(runs, ("Metrics.auc", "Equals", "0.1")) == ["going"]


def test_runs_are_found_by_their_trial_and_experiment(runs: Any) -> None:
    runs.call("CreateExperiment", ExperimentName="churn")
    runs.call("CreateTrial", TrialName="trees", ExperimentName="churn")
    runs.call("AssociateTrialComponent", TrialName="trees", TrialComponentName="going")
    assert search(runs, ("Parents.ExperimentName", "Equals", "churn")) == ["going"]
    nested = {
        "NestedPropertyName": "Parents",
        "Filters": [
            {"Name": "Parents.TrialName", "Operator": "Equals", "Value": "trees"},
            {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": "churn"},
        ],
    }
    assert search(runs, SearchExpression={"NestedFilters": [nested]}) == ["going"]
    answer = runs.call("Search", Resource="ExperimentTrial")
    (trial,) = (one["Trial"] for one in answer["Results"])
    (summary,) = trial["TrialComponentSummaries"]
    assert summary["TrialComponentName"] == "going"


def test_runs_are_sorted_by_a_metric_and_those_without_it_come_last(runs: Any) -> None:
    by = {"SortBy": "metrics.auc.max"}
    assert search(runs, **by, SortOrder="Ascending") == ["going", "ended", JOB]
    assert search(runs, **by, SortOrder="Descending") == ["ended", "going", JOB]


def test_a_record_shows_metrics_parents_and_where_the_run_came_from(runs: Any) -> None:
    expression = {"Filters": [{"Name": "TrialComponentName", "Value": JOB}]}
    answer = runs.call("Search", Resource="ExperimentTrialComponent", SearchExpression=expression)
    (record,) = (one["TrialComponent"] for one in answer["Results"])
    assert record["SourceDetail"]["TrainingJob"]["TrainingJobName"] == "job"
    assert record["Metrics"] == record["Parents"] == record["Tags"] == []
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}
