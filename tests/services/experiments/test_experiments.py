"""Experiments, trials and trial components over their own API."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_ml.contract.errors import ResourceNotFound, ValidationException


@pytest.fixture
def tried(house: Any) -> Any:
    """An experiment with a trial that has one of two runs."""
    house.call("CreateExperiment", ExperimentName="churn", Description="who leaves")
    house.call("CreateTrial", TrialName="trees", ExperimentName="churn")
    house.call("CreateTrialComponent", TrialComponentName="run-1")
    house.call("CreateTrialComponent", TrialComponentName="run-2")
    house.call("AssociateTrialComponent", TrialName="trees", TrialComponentName="run-1")
    return house


def names(answer: dict[str, Any], noun: str) -> list[str]:
    return [item[f"{noun}Name"] for item in answer[f"{noun}Summaries"]]


def test_a_description_shows_the_display_name_or_else_the_name(tried: Any) -> None:
    described = tried.call("DescribeExperiment", ExperimentName="churn")
    assert (described["DisplayName"], described["Description"]) == ("churn", "who leaves")
    tried.call("UpdateExperiment", ExperimentName="churn", DisplayName="Churn-2026")
    described = tried.call("DescribeExperiment", ExperimentName="churn")
    assert (described["DisplayName"], described["Description"]) == ("Churn-2026", "who leaves")


def test_who_created_something_is_shown(tried: Any) -> None:
    assert tried.call("DescribeTrial", TrialName="trees")["CreatedBy"] == {"UserProfileName": "ada"}


def test_a_trial_needs_an_experiment_that_exists(house: Any) -> None:
    with pytest.raises(ResourceNotFound, match="experiment/churn"):
        house.call("CreateTrial", TrialName="trees", ExperimentName="churn")


def test_trials_are_listed_by_experiment_and_by_run(tried: Any) -> None:
    tried.call("CreateExperiment", ExperimentName="other")
    tried.call("CreateTrial", TrialName="alone", ExperimentName="other")
    assert names(tried.call("ListTrials"), "Trial") == ["alone", "trees"]
    assert names(tried.call("ListTrials", ExperimentName="churn"), "Trial") == ["trees"]
    assert names(tried.call("ListTrials", TrialComponentName="run-1"), "Trial") == ["trees"]
    assert names(tried.call("ListTrials", TrialComponentName="run-2"), "Trial") == []


def test_runs_are_listed_by_trial_and_by_experiment(tried: Any) -> None:
    listed = tried.call("ListTrialComponents")
    assert names(listed, "TrialComponent") == ["run-2", "run-1"]
    for wanted in ({"TrialName": "trees"}, {"ExperimentName": "churn"}):
        listed = tried.call("ListTrialComponents", **wanted)
        assert names(listed, "TrialComponent") == ["run-1"]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("ListTrials", {"ExperimentName": "none"}),
        ("ListTrials", {"TrialComponentName": "none"}),
        ("ListTrialComponents", {"TrialName": "none"}),
        ("ListTrialComponents", {"ExperimentName": "none"}),
    ],
)
def test_a_list_of_what_belongs_to_nothing_is_refused(
    house: Any, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ResourceNotFound, match="none"):
        house.call(operation, **request_)


def test_a_run_may_be_in_several_trials_and_twice_in_none(tried: Any) -> None:
    tried.call("CreateTrial", TrialName="nets", ExperimentName="churn")
    for _ in range(2):
        tried.call("AssociateTrialComponent", TrialName="nets", TrialComponentName="run-1")
    listed = tried.call("ListTrials", TrialComponentName="run-1", SortBy="Name")
    assert names(listed, "Trial") == ["trees", "nets"]
    tried.call("DisassociateTrialComponent", TrialName="nets", TrialComponentName="run-1")
    with pytest.raises(ResourceNotFound, match="does not belong to trial 'nets'"):
        tried.call("DisassociateTrialComponent", TrialName="nets", TrialComponentName="run-1")


def test_names_that_end_alike_are_kept_apart(tried: Any) -> None:
    tried.call("CreateTrialComponent", TrialComponentName="a-run-1")
    tried.call("AssociateTrialComponent", TrialName="trees", TrialComponentName="a-run-1")
    tried.call("DisassociateTrialComponent", TrialName="trees", TrialComponentName="run-1")
    listed = tried.call("ListTrials", TrialComponentName="run-1")
    assert names(listed, "Trial") == []


def test_what_others_belong_to_is_deleted_last(tried: Any) -> None:
    with pytest.raises(ValidationException, match="still has 1 trials, such as 'trees'"):
        tried.call("DeleteExperiment", ExperimentName="churn")
    with pytest.raises(ValidationException, match="1 trial components, such as 'run-1'"):
        tried.call("DeleteTrial", TrialName="trees")
    with pytest.raises(ValidationException, match="1 trials, such as 'trees'"):
        tried.call("DeleteTrialComponent", TrialComponentName="run-1")
    tried.call("DisassociateTrialComponent", TrialName="trees", TrialComponentName="run-1")
    arn = tried.call("DeleteTrialComponent", TrialComponentName="run-1")["TrialComponentArn"]
    assert arn.endswith("experiment-trial-component/run-1")
    assert tried.call("DeleteTrial", TrialName="trees")["TrialArn"].endswith("trial/trees")
    assert tried.call("DeleteExperiment", ExperimentName="churn")["ExperimentArn"]


def test_an_update_adds_and_removes_parameters_and_artifacts(house: Any) -> None:
    run = {"TrialComponentName": "run-1"}
    house.call(
        "CreateTrialComponent",
        **run,
        Parameters={"depth": {"NumberValue": 3}, "criterion": {"StringValue": "gini"}},
        InputArtifacts={"train": {"Value": "s3://bucket/train"}},
    )
    house.call("UpdateTrialComponent", **run, Parameters={"depth": {"NumberValue": 5}})
    house.call(
        "UpdateTrialComponent",
        **run,
        ParametersToRemove=["criterion"],
        InputArtifactsToRemove=["train"],
        Status={"PrimaryStatus": "Completed"},
        EndTime=1_800_000_000,
    )
    described = house.call("DescribeTrialComponent", **run)
    assert described["Parameters"] == {"depth": {"NumberValue": 5}}
    assert described["InputArtifacts"] == {}
    assert described["Status"] == {"PrimaryStatus": "Completed"}
    assert described["EndTime"] == 1_800_000_000


def test_a_run_is_described_by_its_arn_too(tried: Any) -> None:
    arn = tried.call("DescribeTrialComponent", TrialComponentName="run-1")["TrialComponentArn"]
    again = tried.call("DescribeTrialComponent", TrialComponentName=arn)
    assert again["TrialComponentName"] == "run-1"


def test_metrics_that_clients_put_are_summarised(tried: Any) -> None:
    for values in ([0.5, 0.25], [0.75]):
        points = [
            {"MetricName": "loss", "Timestamp": 1_700_000_000 + index, "Value": value}
            for index, value in enumerate(values)
        ]
        tried.call("BatchPutMetrics", TrialComponentName="run-1", MetricData=points)
    described = tried.call("DescribeTrialComponent", TrialComponentName="run-1")
    (metric,) = described["Metrics"]
    assert {name: metric[name] for name in ("MetricName", "Min", "Max", "Count", "Avg")} == {
        "MetricName": "loss",
        "Min": 0.25,
        "Max": 0.75,
        "Count": 3,
        "Avg": 0.5,
    }
    assert len(list(tried.run_dir("run-1").glob("*.points"))) == 1


def test_metrics_need_a_run_that_exists(house: Any) -> None:
    point = {"MetricName": "loss", "Timestamp": 0, "Value": 1.0}
    with pytest.raises(ResourceNotFound, match="run-1"):
        house.call("BatchPutMetrics", TrialComponentName="run-1", MetricData=[point])


def test_a_new_run_with_the_name_of_a_deleted_one_starts_without_metrics(tried: Any) -> None:
    point = {"MetricName": "loss", "Timestamp": 0, "Value": 1.0}
    tried.call("BatchPutMetrics", TrialComponentName="run-2", MetricData=[point])
    tried.call("DeleteTrialComponent", TrialComponentName="run-2")
    assert not tried.run_dir("run-2").exists()
    tried.call("CreateTrialComponent", TrialComponentName="run-2")
    tried.call("BatchPutMetrics", TrialComponentName="run-2", MetricData=[point])
    described = tried.call("DescribeTrialComponent", TrialComponentName="run-2")
    assert [metric["Count"] for metric in described["Metrics"]] == [1]


def test_a_run_gets_a_number_only_where_its_name_has_room_for_one(house: Any) -> None:
    run = {"BaseName": "a" * 112, "Status": {"PrimaryStatus": "Completed"}}
    (name,) = house.call("CreateRuns", Runs=[run])["RunNames"]
    assert house.call("DescribeTrialComponent", TrialComponentName=name)["DisplayName"] == name
    with pytest.raises(ValidationException, match="less than or equal to 112"):
        house.call("CreateRuns", Runs=[{**run, "BaseName": "a" * 113}])
