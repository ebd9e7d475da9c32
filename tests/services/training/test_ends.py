"""Training jobs that end otherwise than well: failed, stopped, killed or lost, and said to be."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from jupyter_ml.contract.errors import (
    ValidationException,
)
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from tests.services.training.conftest import Jobs


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
    assert jobs.statuses("job-1")[-3:] == ["Stopping", "Uploading", "Stopped"]
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
    os.kill(jobs.supervisor("job-1"), signal.SIGKILL)
    job = jobs.wait("job-1")
    assert job["TrainingJobStatus"] == "Completed", job
    assert "Restarting" in jobs.statuses("job-1")
    assert jobs.watch("job-1")["Card"]["Attempt"] == 2


def test_a_job_whose_supervisor_is_suspended_is_shown_as_stalled(jobs: Jobs) -> None:
    jobs.create("job-1", "import threading\nthreading.Event().wait()\n")

    def says() -> str:
        jobs.client.attend()
        return str(jobs.watch("job-1")["Card"]["StatusMessage"])

    eventually(lambda: says() == "Training in progress", timeout_s=60)
    pid = jobs.supervisor("job-1")
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: psutil.Process(pid).status() == "stopped")
        long_ago = time.time() - 60
        os.utime(jobs.attempt("job-1") / "heartbeat", (long_ago, long_ago))
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
    os.kill(jobs.supervisor("job-1"), signal.SIGKILL)
    job = jobs.wait("job-1")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: Its supervisor was killed")
    assert "RetryStrategy" in jobs.watch("job-1")["Failure"]["Advice"]
