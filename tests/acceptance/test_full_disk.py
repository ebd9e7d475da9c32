"""A small disk that fills up: refusals with numbers, right verdicts, nothing half published."""

from __future__ import annotations

import contextlib
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import MLError
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

MIB = 1 << 20

# A model of random bytes, which packing does not make smaller.
LARGE_MODEL = """
import os, pathlib
model = pathlib.Path(os.environ["SM_MODEL_DIR"], "weights.bin")
with model.open("wb") as file:
    for _ in range(int(os.environ["MODEL_MIB"])):
        file.write(os.urandom(1 << 20))
print("written", flush=True)
"""


@pytest.fixture
def small(disk: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose workspace is on the small disk; its sources are not."""
    desk = Desk(LocalClient(fresh_settings(disk, free_floor_mb=1)), tmp_path)
    yield desk
    (disk / "ballast").unlink(missing_ok=True)
    desk.close()


def fill(disk: Path, *, leave: int) -> None:
    """Leave so many bytes free, and no more."""
    block = bytes(4096)
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while (found := os.statvfs(disk)).f_bavail * found.f_frsize > leave:
            file.write(block)


def published(disk: Path) -> list[Path]:
    """Return all files in the buckets."""
    return [path for path in (disk / "workspace" / "buckets").rglob("*") if path.is_file()]


def test_a_job_whose_model_does_not_fit_fails_and_says_why(small: Desk, disk: Path) -> None:
    job = small.run("large", LARGE_MODEL, Environment={"MODEL_MIB": "60"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in job["FailureReason"]
    assert "weights.bin" in str(small.failure("large")) or "train.py" in str(small.failure("large"))
    assert "ModelArtifacts" not in job
    assert published(disk) == []
    (item, *_) = small.client.call("GetDiskUsage")["Items"]
    assert item["Name"] == "large"


def test_a_job_whose_model_cannot_be_packed_fails_with_numbers(small: Desk, disk: Path) -> None:
    job = small.run("packed", LARGE_MODEL, Environment={"MODEL_MIB": "30"})
    assert "written" in small.log("packed")
    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left" in job["FailureReason"]
    assert "bytes" in job["FailureReason"]
    assert "free" in job["FailureReason"]
    assert "InternalServerError" not in job["FailureReason"]
    assert published(disk) == []
    attempt = small.client.runtime.workspace.work_dir("TrainingJob", "packed", 1)
    assert not list((attempt / "out").glob("*"))
    assert small.run("next", "print(1)")["TrainingJobStatus"] == "Completed"


def test_data_that_does_not_fit_is_refused_with_both_numbers(small: Desk, disk: Path) -> None:
    data = small.folder / "data.bin"
    data.write_bytes(bytes(50 * MIB))
    artifacts = small.client.runtime.workspace.artifacts
    with pytest.raises(MLError, match=rf"{50 * MIB:,} bytes and [0-9,]+ are free"):
        artifacts.put_cached(data)
    channel = {
        "ChannelName": "train",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": str(data)}},
    }
    job = small.run("stuffed", "print(1)", InputDataConfig=[channel])
    assert job["TrainingJobStatus"] == "Failed"
    assert f"{50 * MIB:,} bytes" in job["FailureReason"]
    assert published(disk) == []


def test_a_full_disk_refuses_new_jobs_with_numbers_and_goes_on_when_there_is_space(
    small: Desk, disk: Path
) -> None:
    assert small.run("before", "print(1)")["TrainingJobStatus"] == "Completed"
    fill(disk, leave=0)
    with pytest.raises(MLError) as refused:
        small.train("refused", "print(2)")
    assert "free" in str(refused.value)
    assert any(character.isdigit() for character in str(refused.value))
    listed = small.client.call("ListTrainingJobs")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in listed] == ["before"]
    (disk / "ballast").unlink()
    assert small.run("after", "print(3)")["TrainingJobStatus"] == "Completed"


def test_a_disk_that_fills_while_a_job_runs_does_not_lose_its_verdict(
    small: Desk, disk: Path
) -> None:
    script = """
import pathlib, time
print("started", flush=True)
while not pathlib.Path(__import__("os").environ["UNTIL"]).exists():
    print("x" * 1000, flush=True)
    time.sleep(0.02)
"""
    until = small.folder / "until"
    small.train("running", script, Environment={"UNTIL": str(until)})
    eventually(lambda: "started" in small.log("running"), timeout_s=90)
    fill(disk, leave=0)
    until.write_text("")
    (disk / "ballast").unlink()
    job = small.ended("running")
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    with tarfile.open(
        small.client.runtime.workspace.artifacts.resolve(job["ModelArtifacts"]["S3ModelArtifacts"])
    ) as archive:
        assert archive.getnames() == []


def test_what_du_and_gc_say_is_what_is_there_and_what_goes(small: Desk, disk: Path) -> None:
    small.run("kept", LARGE_MODEL, Environment={"MODEL_MIB": "5"})
    call = small.client.call
    usage: dict[str, Any] = call("GetDiskUsage")
    on_disk = sum(f.stat().st_size for f in (disk / "workspace").rglob("*") if f.is_file())
    assert abs(usage["TotalBytes"] - on_disk) < MIB
    assert sum(item["Bytes"] for item in usage["Items"]) == usage["TotalBytes"]
    planned = call("CollectGarbage", {"DryRun": True, "OlderThanDays": 0})
    assert planned["Bytes"] > 5 * MIB
    assert call("GetDiskUsage")["TotalBytes"] == usage["TotalBytes"]
    before = os.statvfs(disk)
    done = call("CollectGarbage", {"OlderThanDays": 0})
    assert [item["Path"] for item in done["Removed"]] == [
        item["Path"] for item in planned["Removed"]
    ]
    after = os.statvfs(disk)
    freed = (after.f_bavail - before.f_bavail) * after.f_frsize
    assert abs(freed - done["Bytes"]) < MIB
    job = small.job("kept")
    assert small.client.runtime.workspace.artifacts.exists(
        job["ModelArtifacts"]["S3ModelArtifacts"]
    )
    assert call("CollectGarbage", {"OlderThanDays": 0})["Removed"] == []
