"""The run of a training job, from its creation to its deletion."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_ml.contract.errors import ResourceNotFound
from jupyter_ml.core.context import Context
from jupyter_ml.core.credentials import REDACTED
from jupyter_ml.core.runtime import Principal
from jupyter_ml.tick import tick

COMPONENT = "cancer-1-aws-training-job"
PROVENANCE = {
    "notebook": "churn.ipynb",
    "cell_id": "c1",
    "source": "model.fit(train)\n",
    "git": {"commit": "abc123", "branch": "main", "dirty": True},
    "environment": {"python": "3.11.4", "platform": "Linux", "packages": {"scikit-learn": "1.9"}},
    "inputs": [
        {"name": "depth", "kind": "int", "sha256": "d" * 64, "bytes": 5, "detail": "3"},
        {"name": "train", "kind": "DataFrame", "sha256": "a" * 64, "bytes": 80, "detail": "455x31"},
    ],
}


def describe(house: Any, name: str = COMPONENT) -> dict[str, Any]:
    return house.call("DescribeTrialComponent", TrialComponentName=name)


def test_a_training_job_has_a_run_from_its_creation_on(house: Any) -> None:
    arn = house.train("cancer-1")
    described = describe(house)
    assert described["Source"] == {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"}
    assert described["Status"] == {"PrimaryStatus": "InProgress", "Message": "Starting"}
    assert described["CreatedBy"] == {"UserProfileName": "ada"}


def test_the_run_is_found_by_its_job(house: Any) -> None:
    arn = house.train("cancer-1")
    house.train("cancer-2")
    listed = house.call("ListTrialComponents", SourceArn=arn)["TrialComponentSummaries"]
    assert [item["TrialComponentName"] for item in listed] == [COMPONENT]
    assert listed[0]["TrialComponentSource"]["SourceArn"] == arn


def test_hyperparameters_are_parameters_without_those_of_script_mode(house: Any) -> None:
    house.train(
        "cancer-1",
        HyperParameters={
            "depth": "3",
            "criterion": '"gini"',
            "layers": "[1, 2]",
            "note": "plain text",
            "rate": "NaN",
            "api_key": "sesame",
            "sagemaker_program": "train.py",
        },
        ResourceConfig={"InstanceType": "ml.local", "InstanceCount": 1},
    )
    assert describe(house)["Parameters"] == {
        "depth": {"NumberValue": 3.0},
        "criterion": {"StringValue": "gini"},
        "layers": {"StringValue": "[1, 2]"},
        "note": {"StringValue": "plain text"},
        "rate": {"StringValue": "NaN"},
        "api_key": {"StringValue": REDACTED},
        "SageMaker.InstanceType": {"StringValue": "ml.local"},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
    }


def test_channels_and_variables_are_input_artifacts_but_numbers_are_parameters(house: Any) -> None:
    uri = f"s3://bucket/inputs/{'b' * 64}/data.csv"
    source = {"S3DataSource": {"S3Uri": uri}}
    channel = {"ChannelName": "data", "DataSource": source, "ContentType": "text/csv"}
    house.train("cancer-1", PROVENANCE, InputDataConfig=[channel])
    artifacts = describe(house)["InputArtifacts"]
    assert artifacts["data"] == {"MediaType": "text/csv", "Value": uri}
    assert artifacts["train"]["Value"] == f"sha256:{'a' * 64}"
    assert "depth" not in artifacts
    assert describe(house)["Parameters"]["depth"] == {"NumberValue": 3.0}
    inputs = {item["Name"]: item for item in house.call("GetRun", RunName="cancer-1")["Inputs"]}
    assert inputs["data"]["Sha256"] == "b" * 64
    assert inputs["train"]["Detail"] == "455x31"


def test_data_that_nobody_sent_is_known_by_the_hash_that_the_job_found(house: Any) -> None:
    source = {"S3DataSource": {"S3Uri": "s3://bucket/data"}}
    house.train("cancer-1", InputDataConfig=[{"ChannelName": "train", "DataSource": source}])
    (before,) = house.call("GetRun", RunName="cancer-1")["Inputs"]
    assert "Sha256" not in before
    house.run_dir(COMPONENT).mkdir(parents=True, exist_ok=True)
    (house.run_dir(COMPONENT) / "inputs.json").write_text('{"train": "c"}')
    (after,) = house.call("GetRun", RunName="cancer-1")["Inputs"]
    assert after == {**before, "Sha256": "c"}


def test_where_a_job_comes_from_is_read_from_its_source(house: Any) -> None:
    house.train("cancer-1", PROVENANCE)
    run = house.call("GetRun", RunName="cancer-1")
    assert (run["Name"], run["Kind"]) == ("cancer-1", "TrainingJob")
    assert (run["Notebook"], run["CellId"], run["Source"]) == (
        "churn.ipynb",
        "c1",
        "model.fit(train)\n",
    )
    assert run["Git"] == {"Commit": "abc123", "Branch": "main", "Dirty": True}
    assert {"Name": "depth", "Value": "3"} in run["Parameters"]
    assert {"Name": "scikit-learn", "Value": "1.9"} in run["Environment"]
    assert describe(house)["MetadataProperties"] == {
        "CommitId": "abc123",
        "GeneratedBy": "churn.ipynb",
    }


@pytest.mark.parametrize("source", ["s3://elsewhere/source.tar.gz", "not a location", '"unclosed'])
def test_a_source_that_cannot_be_read_makes_a_run_without_provenance(
    house: Any, source: str
) -> None:
    house.train("cancer-1", HyperParameters={"sagemaker_submit_directory": source})
    assert house.call("GetRun", RunName="cancer-1")["Status"] == "InProgress"


def test_a_source_that_is_no_archive_makes_a_run_without_provenance(house: Any) -> None:
    artifacts = house.runtime.workspace.artifacts
    uri = artifacts.put_bytes(b"no archive", artifacts.uri("broken.tar.gz"))
    house.train("cancer-1", HyperParameters={"sagemaker_submit_directory": uri})
    assert "Source" not in house.call("GetRun", RunName="cancer-1")


def test_a_running_job_s_run_shows_what_the_job_does_now(house: Any) -> None:
    house.train("cancer-1")
    house.log(COMPONENT, auc=[0.5, 0.75])
    described = describe(house)
    assert described["Status"]["PrimaryStatus"] == "InProgress"
    assert described["Metrics"][0]["Last"] == 0.75
    assert "EndTime" not in described


def test_the_end_of_a_job_ends_its_run(house: Any) -> None:
    house.train("cancer-1")
    house.log(COMPONENT, auc=[0.5, 0.75])
    house.end("cancer-1", ModelArtifacts={"S3ModelArtifacts": "s3://bucket/model.tar.gz"})
    described = describe(house)
    assert described["Status"] == {"PrimaryStatus": "Completed", "Message": "Completed"}
    assert described["EndTime"] == house.clock.now + 2
    assert described["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"].endswith("model.tar.gz")


def test_a_failed_job_s_run_says_why(house: Any) -> None:
    house.train("cancer-1")
    reason = "AlgorithmError: ValueError: no columns"
    house.end("cancer-1", TrainingJobStatus="Failed", FailureReason=reason)
    assert describe(house)["Status"] == {"PrimaryStatus": "Failed", "Message": reason}


def test_metrics_noted_at_the_end_outlive_their_files(house: Any) -> None:
    house.train("cancer-1")
    house.log(COMPONENT, auc=[0.5, 0.75])
    house.end("cancer-1")
    for file in house.run_dir(COMPONENT).iterdir():
        file.unlink()
    assert describe(house)["Metrics"][0]["Max"] == 0.75


def test_a_job_is_put_into_the_experiment_and_trial_that_it_names(house: Any) -> None:
    config = {
        "ExperimentName": "churn",
        "TrialName": "trees",
        "TrialComponentDisplayName": "deep",
    }
    house.train("cancer-1", ExperimentConfig=config)
    house.train("cancer-2", ExperimentConfig=config)
    listed = house.call("ListTrialComponents", ExperimentName="churn")["TrialComponentSummaries"]
    assert len(listed) == 2
    assert {item["DisplayName"] for item in listed} == {"deep"}
    assert len(house.call("ListTrials", ExperimentName="churn")["TrialSummaries"]) == 1


def test_a_job_that_names_an_experiment_alone_gets_a_trial_of_its_own(house: Any) -> None:
    house.train("cancer-1", ExperimentConfig={"ExperimentName": "churn", "RunName": "deep"})
    (trial,) = house.call("ListTrials", ExperimentName="churn")["TrialSummaries"]
    assert trial["TrialName"] == "cancer-1-trial"
    assert describe(house)["DisplayName"] == "deep"


def test_a_deleted_job_takes_its_run_along_so_that_its_name_is_free(house: Any) -> None:
    house.train("cancer-1", ExperimentConfig={"ExperimentName": "churn"})
    house.log(COMPONENT, auc=[0.5])
    house.end("cancer-1")
    house.call("DeleteTrainingJob", TrainingJobName="cancer-1")
    with pytest.raises(ResourceNotFound, match="no run and no training job 'cancer-1'"):
        house.call("GetRun", RunName="cancer-1")
    assert not house.run_dir(COMPONENT).exists()
    house.train("cancer-1")
    assert "Metrics" not in describe(house)


def test_a_job_that_is_gone_before_anybody_looked_leaves_no_run(house: Any) -> None:
    ctx = Context(house.runtime, Principal("ada", "test"))
    ctx.call("CreateTrainingJob", {"TrainingJobName": "cancer-1"})
    ctx.call("DeleteTrainingJob", {"TrainingJobName": "cancer-1"})
    tick(house.runtime)
    assert house.row("TrialComponent", COMPONENT) is None
