from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract.errors import (
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ValidationException,
)
from jupyter_ml.contract.members import audit_members
from jupyter_ml.core.values import values
from jupyter_ml.services.training.members import MEMBERS

if TYPE_CHECKING:
    from tests.services.training.conftest import Jobs


@pytest.mark.parametrize("operation", sorted(MEMBERS))
def test_every_member_is_classified(operation: str) -> None:
    assert audit_members(operation, MEMBERS[operation]) == []


def test_a_job_completes_and_tells_the_truth_about_it(jobs: Jobs) -> None:
    script = (
        "import os, pathlib, json\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text('learned')\n"
        "rows = pathlib.Path(os.environ['SM_CHANNEL_TRAIN'], 'a.csv').read_text()\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DATA_DIR'], 'rows').write_text(rows)\n"
        "print('loss=0.5')\nprint('loss=0.25')\n"
    )
    uri = jobs.artifacts.put_bytes(b"1,2", jobs.artifacts.uri("data", "a.csv"))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    job = jobs.run(
        "job-1",
        script,
        AlgorithmSpecification={
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}],
        },
        InputDataConfig=[{"ChannelName": "train", "DataSource": source}],
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.statuses("job-1") == [
        "Pending",
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    steps = job["SecondaryStatusTransitions"]
    assert all(one["EndTime"] == two["StartTime"] for one, two in itertools.pairwise(steps))
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert 1 <= job["TrainingTimeInSeconds"] <= job["BillableTimeInSeconds"] + 1
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.25)
    assert job["OutputDataConfig"]["S3OutputPath"] == jobs.artifacts.uri()
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == jobs.artifacts.uri("job-1/output/model.tar.gz")
    assert jobs.packed(uri) == {"model.txt": b"learned"}
    assert jobs.packed(uri.replace("model.tar", "output.tar")) == {"rows": b"1,2"}


def test_members_of_a_job_train_together(jobs: Jobs) -> None:
    job = jobs.run(
        "job-1",
        "import os, pathlib\n"
        "host = os.environ['SM_CURRENT_HOST']\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], host).write_text(os.environ['SM_HOSTS'])\n",
        ResourceConfig={"InstanceType": "ml.local", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job
    packed = jobs.packed(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert packed == dict.fromkeys(["algo-1", "algo-2"], b'["algo-1","algo-2"]')


def test_xgboost_trains_by_its_short_name(jobs: Jobs) -> None:
    pytest.importorskip("xgboost")
    rows = "\n".join(f"{i % 2},{i % 2 + i / 1000}" for i in range(200)).encode()
    uri = jobs.artifacts.put_bytes(rows, jobs.artifacts.uri("data", "train.csv"))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    jobs.client.call(
        "CreateTrainingJob",
        {
            "TrainingJobName": "xgb-1",
            "AlgorithmSpecification": {"AlgorithmName": "xgboost"},
            "HyperParameters": {"num_round": "5", "objective": "binary:logistic"},
            "InputDataConfig": [
                {"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}
            ],
        },
    )
    job = jobs.wait("xgb-1")
    assert job["TrainingJobStatus"] == "Completed", job
    assert job["FinalMetricDataList"][0]["MetricName"] == "train:logloss"
    assert "xgboost-model" in jobs.packed(job["ModelArtifacts"]["S3ModelArtifacts"])
    card = jobs.watch("xgb-1")["Card"]
    assert card["Origin"] == {"Kind": "algorithm"}
    assert len(card["Objective"]["Sparkline"]) == 5


def test_a_name_is_taken_once(jobs: Jobs) -> None:
    jobs.run("job-1", "pass")
    with pytest.raises(ResourceInUse, match="job-1"):
        jobs.create("job-1", "pass")


def test_a_job_that_is_not_there_is_not_found(jobs: Jobs) -> None:
    for operation in ("StopTrainingJob", "WatchTrainingJob"):
        with pytest.raises((ResourceNotFound, ValidationException)):
            jobs.client.call(operation, {"TrainingJobName": "nobody"})


def test_a_job_in_progress_is_not_deleted(jobs: Jobs) -> None:
    jobs.create("job-1", "import threading; threading.Event().wait()")
    with pytest.raises(ValidationException, match="stop it with StopTrainingJob"):
        jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"Environment": {"JUPYTER_ML_PYTHON": "python"}}, ValidationException, "absolute path"),
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.huge"}},
            ValidationException,
            "'ml.m5.huge' is not known",
        ),
        (
            {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge"}},
            ResourceLimitExceeded,
            "GPU",
        ),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c"}}, ValidationException, "CheckpointConfig"),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://elsewhere/x"}},
            ValidationException,
            "not in this workspace",
        ),
        (
            {"HyperParameters": {"sagemaker_submit_directory": "s3://elsewhere/x.tar.gz"}},
            ValidationException,
            "not in this workspace",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    jobs: Jobs, request_: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        jobs.create("job-1", "pass", **request_)
    assert jobs.client.call("ListTrainingJobs", {})["TrainingJobSummaries"] == []


def test_lists_are_filtered_and_sorted(jobs: Jobs) -> None:
    for name in ("b-1", "a-1"):
        jobs.run(name, "pass")
    jobs.run("b-2", "raise ValueError")

    def names(**request: Any) -> list[str]:
        found = jobs.client.call("ListTrainingJobs", request)["TrainingJobSummaries"]
        return [job["TrainingJobName"] for job in found]

    assert names() == ["b-2", "a-1", "b-1"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a-1", "b-1", "b-2"]
    assert names(StatusEquals="Failed") == ["b-2"]
    assert names(NameContains="B-", MaxResults=1) == ["b-2"]


def test_a_job_waits_for_capacity_and_can_be_stopped_there(jobs: Jobs) -> None:
    jobs.client.call("ListTrainingJobs", {})
    cpus = jobs.client.call("GetWorkspace", {})["Cpus"]
    table = {"ml.whole": {"cpus": cpus, "memory_gb": 0.5}}
    (jobs.client.settings.workspace / "instance_types.json").write_text(json.dumps(table))
    whole = {"InstanceType": "ml.whole", "InstanceCount": 1, "VolumeSizeInGB": 1}
    for number in (1, 2):
        jobs.create(
            f"job-{number}", "import threading; threading.Event().wait()", ResourceConfig=whole
        )
    job = jobs.describe("job-2")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Pending")
    watched = jobs.client.call("WatchTrainingJobs", {})
    assert (watched["Counts"]["InProgress"], watched["Counts"]["Queued"]) == (1, 1)
    assert watched["Jobs"][0]["QueuePosition"] == 1
    assert "Waiting for CPUs: needs" in watched["Jobs"][0]["StatusMessage"]
    jobs.client.call("StopTrainingJob", {"TrainingJobName": "job-2"})
    job = jobs.wait("job-2")
    assert (job["TrainingJobStatus"], jobs.statuses("job-2")[0]) == ("Stopped", "Pending")
    assert "TrainingStartTime" not in job
    assert job["BillableTimeInSeconds"] == 0


def test_a_cell_runs_as_a_job_with_its_variables_and_origin(jobs: Jobs) -> None:
    sent = jobs.folder / "notebook"
    assert values.save({"numbers": [1, 2, 3]}, sent) == []
    origin = {
        "notebook": "lab.ipynb",
        "cell_id": "abc",
        "inputs": [{"name": "numbers", "kind": "list", "sha256": "00", "bytes": 10}],
    }
    uri = jobs.source(
        {
            "cell.py": "total = sum(numbers)\n1 / (total - 6)\n",
            ".jupyter_ml/cell.json": json.dumps({"inputs": ["numbers"], "outputs": ["total"]}),
            ".jupyter_ml/provenance.json": json.dumps(origin),
        }
    )
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": jobs.artifacts.put_cached(sent)}}
    jobs.client.call(
        "CreateTrainingJob",
        {
            "TrainingJobName": "cell-1",
            "HyperParameters": {
                "sagemaker_program": "cell.py",
                "sagemaker_submit_directory": uri,
            },
            "InputDataConfig": [{"ChannelName": "notebook", "DataSource": source}],
        },
    )
    job = jobs.wait("cell-1")
    assert job["FailureReason"] == (
        "AlgorithmError: ZeroDivisionError: division by zero (line 2 of the cell)"
    )
    watched = jobs.watch("cell-1")
    (frame,) = watched["Failure"]["Frames"]
    assert (frame["File"], frame["Line"], frame["InCell"]) == ("cell.py", 2, True)
    assert watched["Card"]["Origin"] == {
        "Kind": "cell",
        "Notebook": "lab.ipynb",
        "CellId": "abc",
    }
    assert watched["Inputs"] == [{"Name": "numbers", "Kind": "list", "Sha256": "00", "Bytes": 10}]


def test_a_job_knows_nothing_of_a_deleted_one_of_its_name(jobs: Jobs) -> None:
    jobs.run("job-1", "import jupyter_ml as ml; ml.log(loss=1)")
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    job = jobs.run("job-1", "pass")
    assert jobs.statuses("job-1").count("Training") == 1
    assert job.get("FinalMetricDataList") == []
    assert jobs.watch("job-1")["Card"]["Attempt"] == 1
