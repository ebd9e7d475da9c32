from __future__ import annotations

import itertools
import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import sqlalchemy as sa

from jupyter_ml.contract.errors import (
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ValidationException,
)
from jupyter_ml.contract.members import audit_members
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.tables import rows
from jupyter_ml.core.values import values
from jupyter_ml.services.training.members import MEMBERS
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from tests.services.training.conftest import Jobs


def _statuses(job: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


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
    assert _statuses(job) == [
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


def test_a_failure_is_told_with_its_line_log_and_advice(jobs: Jobs) -> None:
    job = jobs.run("job-1", "print('begin')\n\nimport no_such_module\n")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: ModuleNotFoundError: No module named 'no_such_module' (train.py, line 3)"
    )
    failure = jobs.watch("job-1")["Failure"]
    assert failure["ExceptionType"] == "ModuleNotFoundError"
    assert (failure["Frames"][-1]["File"], failure["Frames"][-1]["Line"]) == ("train.py", 3)
    assert failure["LogTail"][0] == "begin"
    assert failure["ExitCode"] == 1
    assert "There is no module 'no_such_module' in the job's interpreter" in failure["Advice"]


def test_an_exit_code_is_told(jobs: Jobs) -> None:
    job = jobs.run("job-1", "import sys; sys.exit(3)")
    assert job["FailureReason"] == (
        "AlgorithmError: The program ended itself with exit code 3 (train.py, line 1)."
    )


def test_a_signal_is_told(jobs: Jobs) -> None:
    job = jobs.run("job-1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert job["FailureReason"] == "Killed: The program was ended by SIGKILL."


def test_too_much_memory_is_told_with_peak_limit_and_a_larger_type(jobs: Jobs) -> None:
    table = {"ml.tiny": {"cpus": 1, "memory_gb": 0.25}}
    jobs.client.call("ListTrainingJobs", {})
    (jobs.client.settings.workspace / "instance_types.json").write_text(json.dumps(table))
    job = jobs.run(
        "job-1",
        "data = []\nwhile True: data.append(bytearray(b'x' * (8 << 20)))\n",
        ResourceConfig={"InstanceType": "ml.tiny", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    assert job["FailureReason"].startswith("OutOfMemory: "), job["FailureReason"]
    assert re.search(r"peak memory \d+ MiB of the 256 MiB allowed", job["FailureReason"])
    failure = jobs.watch("job-1")["Failure"]
    assert failure["MemoryLimitMb"] == 256
    assert failure["PeakMemoryMb"] > 100
    assert "Use a larger instance type such as ml." in failure["Advice"]


def test_a_stopped_job_still_publishes_its_model(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import os, pathlib, signal, sys, threading\n"
        "model = pathlib.Path(os.environ['SM_MODEL_DIR'])\n"
        "def stop(*_):\n    (model / 'last').write_text('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready=1', flush=True)\n"
        "while True: threading.Event().wait(0.1)\n",
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "ready", "Regex": "ready=(.)"}],
        },
    )
    eventually(lambda: jobs.watch("job-1").get("Series"), timeout_s=60)
    jobs.client.call("StopTrainingJob", {"TrainingJobName": "job-1"})
    assert jobs.describe("job-1")["TrainingJobStatus"] in {"Stopping", "Stopped"}
    job = jobs.wait("job-1")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert _statuses(job)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert jobs.packed(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"last": b"saved"}
    with pytest.raises(ValidationException, match="only work in progress can be stopped"):
        jobs.client.call("StopTrainingJob", {"TrainingJobName": "job-1"})


def test_a_job_that_runs_too_long_is_stopped_and_says_so(jobs: Jobs) -> None:
    job = jobs.run(
        "job-1",
        "import threading; threading.Event().wait()",
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_harness_that_is_killed_is_an_error_that_says_so(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import os, threading\nprint(f'parent={os.getppid()}', flush=True)\n"
        "threading.Event().wait()",
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "parent", "Regex": "parent=([0-9]+)"}],
        },
    )
    (series,) = eventually(lambda: jobs.watch("job-1").get("Series"), timeout_s=60)
    os.kill(int(series["Values"][0]), signal.SIGKILL)
    job = jobs.wait("job-1")
    assert job["TrainingJobStatus"] == "Failed"
    assert "SIGKILL" in job["FailureReason"]


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


def test_what_is_watched_comes_once_and_only_when_it_changed(jobs: Jobs) -> None:
    jobs.run("job-1", "print('x=1')")
    first = jobs.client.call("WatchTrainingJobs", {})
    assert first["Reset"]
    assert [card["TrainingJobName"] for card in first["Jobs"]] == ["job-1"]
    assert first["Counts"]["Completed"] == 1
    second = jobs.client.call("WatchTrainingJobs", {"Cursor": first["Cursor"]})
    assert (second["Reset"], second["Jobs"], second["Removed"]) == (False, [], [])
    one = jobs.watch("job-1")
    assert (one["Reset"], one["Ended"]) == (True, True)
    assert [item["Name"] for item in one["Artifacts"]] == ["model.tar.gz"]
    again = jobs.watch("job-1", one["Cursor"])
    assert set(again) == {"Cursor", "Reset", "Ended"}
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    third = jobs.client.call("WatchTrainingJobs", {"Cursor": second["Cursor"]})
    assert third["Removed"] == ["job-1"]


def test_hundreds_of_jobs_are_watched(jobs: Jobs) -> None:
    described = jobs.run("job-1", "pass")
    name = "a-rather-long-name-of-a-training-job-that-ended-some-time-ago"
    with Context(jobs.client.runtime, Principal("tester", "test")).writing() as ctx:
        row = ctx.get("TrainingJob", "job-1")
        for number in range(300):
            known = {"observed": row.observed, "private": row.private}
            ctx.add("TrainingJob", f"{name}-{number}", request=row.request, **known)
    first = jobs.client.call("WatchTrainingJobs", {"MaxResults": 300})
    assert len(first["Jobs"]) == 300
    with Context(jobs.client.runtime, Principal("tester", "test")).writing() as ctx:
        ctx.update(ctx.get("TrainingJob", f"{name}-7"), observed={"FailureReason": "changed"})
    request = {"MaxResults": 300, "Cursor": first["Cursor"]}
    changed = jobs.client.call("WatchTrainingJobs", request)
    (card,) = changed["Jobs"]
    assert (card["TrainingJobName"], card["FailureReason"]) == (f"{name}-7", "changed")
    assert described["TrainingJobStatus"] == card["TrainingJobStatus"]
    again = jobs.client.call("WatchTrainingJobs", {**request, "Cursor": changed["Cursor"]})
    assert (again["Jobs"], again["Cursor"]) == ([], changed["Cursor"])


def test_many_jobs_are_told_of_page_by_page_the_newest_first(jobs: Jobs) -> None:
    jobs.run("job-0", "pass")
    ctx = Context(jobs.client.runtime, Principal("tester", "test"))
    with ctx.writing():
        row = ctx.get("TrainingJob", "job-0")
        known = {"observed": row.observed, "private": row.private}
        for number in range(1, 25):
            ctx.add("TrainingJob", f"job-{number}", request=row.request, **known)
        ctx.connection.execute(sa.update(rows).values(modified_at=1000.0 * rows.c.id))
    request: dict[str, Any] = {"MaxResults": 22, "PageSize": 10}
    pages = []
    while not pages or pages[-1]:
        update = jobs.client.call("WatchTrainingJobs", request)
        assert update["Reset"] == ("Cursor" not in request)
        assert update["Counts"]["Completed"] == 25
        request["Cursor"] = update["Cursor"]
        pages.append([card["TrainingJobName"] for card in update["Jobs"]])
    names = [f"job-{number}" for number in range(24, 2, -1)]
    assert pages == [names[:10], names[10:20], names[20:], []]


def test_what_is_watched_is_told_of_jobs_that_go_come_again_and_change_long_after(
    jobs: Jobs,
) -> None:
    jobs.run("job-1", "pass")
    jobs.run("job-2", "pass")
    ctx = Context(jobs.client.runtime, Principal("tester", "test"))
    with ctx.writing():
        for row in ctx.rows("TrainingJob"):
            ended = sa.update(rows).where(rows.c.id == row.id)
            ctx.connection.execute(ended.values(created_at=10.0 * row.id, modified_at=1000.0))
    seen = jobs.client.call("WatchTrainingJobs", {})
    assert [card["TrainingJobName"] for card in seen["Jobs"]] == ["job-2", "job-1"]

    def look() -> tuple[list[str], list[str]]:
        update = jobs.client.call("WatchTrainingJobs", {"Cursor": seen["Cursor"]})
        seen["Cursor"] = update["Cursor"]
        assert not update["Reset"]
        return [card["TrainingJobName"] for card in update["Jobs"]], update["Removed"]

    with ctx.writing():
        ctx.update(ctx.get("TrainingJob", "job-1"), observed={"FailureReason": "late"})
    assert look() == (["job-1"], [])
    assert look() == ([], [])
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-2"})
    jobs.run("job-2", "print('again')")
    assert look() == (["job-2"], ["job-1"])
    assert look() == ([], [])


def test_a_job_that_is_no_longer_what_is_watched_is_taken_away(jobs: Jobs) -> None:
    jobs.create("job-1", "import threading; threading.Event().wait()")
    request = {"StatusEquals": "InProgress"}
    first = jobs.client.call("WatchTrainingJobs", request)
    assert len(first["Jobs"]) == 1
    jobs.client.call("StopTrainingJob", {"TrainingJobName": "job-1"})
    jobs.wait("job-1")
    second = jobs.client.call("WatchTrainingJobs", {**request, "Cursor": first["Cursor"]})
    assert (second["Jobs"], second["Removed"]) == ([], ["job-1"])


def test_metrics_are_watched_as_they_come_and_never_twice(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import os, pathlib, threading\n"
        "print('loss=3', flush=True)\n"
        "go = pathlib.Path(os.environ['GO'])\n"
        "while not go.exists(): threading.Event().wait(0.05)\n"
        "print('loss=2', flush=True)\n",
        Environment={"GO": str(jobs.folder / "go")},
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.)"}],
        },
    )
    seen: list[float] = []
    cursor = None

    def poll(count: int) -> bool:
        nonlocal cursor
        answer = jobs.watch("job-1", cursor)
        cursor = answer["Cursor"]
        for series in answer.get("Series", []):
            seen.extend(series["Values"])
        return len(seen) >= count

    eventually(lambda: poll(1), timeout_s=60)
    assert jobs.describe("job-1")["SecondaryStatus"] == "Training"
    (jobs.folder / "go").touch()
    jobs.wait("job-1")
    eventually(lambda: poll(2), timeout_s=60)
    assert seen == [3.0, 2.0]


def test_a_second_job_is_compared_with_the_first_of_its_name(jobs: Jobs) -> None:
    definitions = [{"Name": "auc", "Regex": r"auc=(\S+)"}]
    for number, value in enumerate((0.5, 0.75), 1):
        jobs.run(
            f"cancer-{number}",
            f"print('auc={value}')",
            AlgorithmSpecification={"TrainingImage": "python", "MetricDefinitions": definitions},
        )
    objective = jobs.watch("cancer-2")["Card"]["Objective"]
    assert (objective["Value"], objective["Baseline"], objective["Delta"]) == (
        0.75,
        "cancer-1",
        0.25,
    )


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
    assert (job["TrainingJobStatus"], _statuses(job)[0]) == ("Stopped", "Pending")
    assert "TrainingStartTime" not in job
    assert job["BillableTimeInSeconds"] == 0


def test_a_lost_attempt_is_started_again_where_that_is_wished(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import os, pathlib, threading\n"
        "go = pathlib.Path(os.environ['GO'])\n"
        "print('n=1', flush=True)\n"
        "if not go.exists(): threading.Event().wait()\n",
        Environment={"GO": str(jobs.folder / "go")},
        RetryStrategy={"MaximumRetryAttempts": 1},
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "n", "Regex": "n=(.)"}],
        },
    )
    eventually(lambda: jobs.watch("job-1").get("Series"), timeout_s=60)
    (jobs.folder / "go").touch()
    attempt = jobs.client.runtime.workspace.work_dir("TrainingJob", "job-1", 1)
    pid = int(json.loads((attempt / "shim.json").read_text())["identity"].split(":")[1])
    os.kill(pid, signal.SIGKILL)
    job = jobs.wait("job-1")
    assert job["TrainingJobStatus"] == "Completed", job
    assert "Restarting" in _statuses(job)
    assert jobs.watch("job-1")["Card"]["Attempt"] == 2


def test_a_job_whose_supervisor_is_suspended_is_shown_as_stalled(jobs: Jobs) -> None:
    jobs.create("job-1", "import threading\nthreading.Event().wait()\n")

    def says() -> str:
        jobs.client.attend()
        return str(jobs.watch("job-1")["Card"]["StatusMessage"])

    eventually(lambda: says() == "Training in progress", timeout_s=60)
    attempt = jobs.client.runtime.workspace.work_dir("TrainingJob", "job-1", 1)
    pid = int(json.loads((attempt / "shim.json").read_text())["identity"].split(":")[1])
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: psutil.Process(pid).status() == "stopped")
        long_ago = time.time() - 60
        os.utime(attempt / "heartbeat", (long_ago, long_ago))
        assert says().startswith("Stalled: ")
        assert jobs.describe("job-1")["TrainingJobStatus"] == "InProgress"
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: says() == "Training in progress", timeout_s=60)


def test_an_attempt_that_is_lost_for_good_is_no_fault_of_the_program(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import threading; print('n=1', flush=True); threading.Event().wait()",
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "n", "Regex": "n=(.)"}],
        },
    )
    eventually(lambda: jobs.watch("job-1").get("Series"), timeout_s=60)
    attempt = jobs.client.runtime.workspace.work_dir("TrainingJob", "job-1", 1)
    pid = int(json.loads((attempt / "shim.json").read_text())["identity"].split(":")[1])
    os.kill(pid, signal.SIGKILL)
    job = jobs.wait("job-1")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: Its supervisor was killed")
    assert "RetryStrategy" in jobs.watch("job-1")["Failure"]["Advice"]


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


def test_a_program_logs_metrics_and_progress_by_itself(jobs: Jobs) -> None:
    job = jobs.run(
        "job-1",
        "import jupyter_ml as ml\n"
        "for step in range(10):\n"
        "    ml.log(auc=step / 10, step=step)\n"
        "    ml.log({'val/loss': 1.0}, step=step)\n"
        "    ml.progress(step + 1, 10)\n",
    )
    assert job["TrainingJobStatus"] == "Completed", job
    final = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert final == {"auc": 0.9, "val/loss": 1.0}
    watched = jobs.watch("job-1")
    series = {item["Name"]: item["Steps"] for item in watched["Series"]}
    assert series == {"auc": list(range(10)), "val/loss": list(range(10))}
    assert watched["Card"]["Objective"]["Name"] == "val/loss"


def test_a_job_knows_nothing_of_a_deleted_one_of_its_name(jobs: Jobs) -> None:
    jobs.run("job-1", "import jupyter_ml as ml; ml.log(loss=1)")
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    job = jobs.run("job-1", "pass")
    assert _statuses(job).count("Training") == 1
    assert job.get("FinalMetricDataList") == []
    assert jobs.watch("job-1")["Card"]["Attempt"] == 1
