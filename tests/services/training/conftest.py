from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jupyter_ml
from jupyter_ml.client import LocalClient
from jupyter_ml.core.inject import inject_dir
from jupyter_ml.core.metrics.metrics import Series, scan
from jupyter_ml.harness.records import read_json, read_phases
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENDED = {"Completed", "Failed", "Stopped"}
RUN = Path(jupyter_ml.__file__).parent / "services" / "training" / "run.py"


class HarnessRun:
    """A harness that really runs, without an engine around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempt = folder / "attempt"
        self.job: dict[str, Any] = {
            "name": "job-1",
            "arn": "arn:aws:sagemaker:us-east-1:000000000000:training-job/job-1",
            "region": "us-east-1",
            "program": "train.py",
            "module": None,
            "source": None,
            "source_uri": "s3://bucket/sourcedir.tar.gz",
            "hyperparameters": {},
            "environment": {},
            "channels": [],
            "buckets": str(folder / "buckets"),
            "metric_definitions": [],
            "instance_type": "ml.local",
            "cpus": 1,
            "gpus": 0,
            "run_dir": str(folder / "run"),
            "grace_s": 20,
            "free_floor_bytes": 0,
        }

    def write_source(self, files: dict[str, str]) -> None:
        source = self.folder / "source"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        archive = self.folder / "sourcedir.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for item in sorted(source.iterdir()):
                tar.add(item, item.name)
        self.job["source"] = str(archive)

    def use_algorithm(
        self, name: str, files: Mapping[str, str | bytes], **hyperparameters: str
    ) -> None:
        """Run a built-in algorithm on files, each in a channel of its name."""
        self.job.update(program=None, module=f"jupyter_ml.algorithms.{name}", source=None)
        self.job["hyperparameters"] = hyperparameters
        for file, content in files.items():
            channel = file.partition(".")[0]
            (self.folder / channel).mkdir()
            data = content.encode() if isinstance(content, str) else content
            (self.folder / channel / file).write_bytes(data)
            where = str(self.folder / channel)
            self.job["channels"].append({"name": channel, "uri": where, "path": where})

    def start(self, rank: int = 0, members: int = 1) -> subprocess.Popen[str]:
        self.attempt.mkdir(exist_ok=True)
        (self.attempt / "training.json").write_text(json.dumps(self.job))
        environment = {
            **os.environ,
            "JUPYTER_ML_ATTEMPT_DIR": str(self.attempt),
            "JUPYTER_ML_MEMBER": str(rank),
            "JUPYTER_ML_MEMBERS": str(members),
            "JUPYTER_ML_RUN_DIR": self.job["run_dir"],
            "PYTHONPATH": str(inject_dir(self.folder)),
        }
        return subprocess.Popen(
            [sys.executable, str(RUN)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, source: str | None = None) -> tuple[int, str]:
        if source is not None:
            self.write_source({"train.py": source})
        process = self.start()
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    @property
    def failure(self) -> Any:
        return read_json(self.attempt / "failure.json")

    @property
    def phases(self) -> list[str]:
        return [phase["status"] for phase in read_phases(self.attempt)]

    @property
    def metrics(self) -> dict[str, Series]:
        return scan(self.job["run_dir"])

    def packed(self, name: str) -> dict[str, bytes]:
        with tarfile.open(self.attempt / "out" / name) as tar:
            files = [member for member in tar.getmembers() if member.isfile()]
            return {member.name: tar.extractfile(member).read() for member in files}  # type: ignore[union-attr]


class Jobs:
    """Training jobs of a workspace, as a client sees them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.client = LocalClient(fresh_settings(folder, **settings))
        self.artifacts = self.client.runtime.workspace.artifacts

    def source(self, files: dict[str, str]) -> str:
        folder = self.folder / "source"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return self.artifacts.tar(folder, self.artifacts.uri("src", "sourcedir.tar.gz"))

    def create(self, name: str, script: str, **request: Any) -> dict[str, Any]:
        hyperparameters = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": self.source({"train.py": script}),
            **request.pop("HyperParameters", {}),
        }
        request = {"TrainingJobName": name, "HyperParameters": hyperparameters, **request}
        return self.client.call("CreateTrainingJob", request)

    def describe(self, name: str) -> dict[str, Any]:
        return self.client.call("DescribeTrainingJob", {"TrainingJobName": name})

    def wait(self, name: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            self.client.attend()
            job = self.describe(name)
            return job if job["TrainingJobStatus"] in ENDED else None

        return eventually(ended, timeout_s=120, poll_s=0.1)

    def run(self, name: str, script: str, **request: Any) -> dict[str, Any]:
        self.create(name, script, **request)
        return self.wait(name)

    def watch(self, name: str, cursor: str | None = None) -> dict[str, Any]:
        more = {"Cursor": cursor} if cursor else {}
        return self.client.call("WatchTrainingJob", {"TrainingJobName": name, **more})

    def statuses(self, name: str) -> list[str]:
        return [step["Status"] for step in self.describe(name)["SecondaryStatusTransitions"]]

    def attempt(self, name: str) -> Path:
        return self.client.runtime.workspace.work_dir("TrainingJob", name, 1)

    def supervisor(self, name: str) -> int:
        shim = json.loads((self.attempt(name) / "shim.json").read_text())
        return int(shim["identity"].split(":")[1])

    def packed(self, uri: str) -> dict[str, bytes]:
        with tarfile.open(self.artifacts.resolve(uri)) as tar:
            files = [member for member in tar.getmembers() if member.isfile()]
            return {member.name: tar.extractfile(member).read() for member in files}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    for job in made.client.call("ListTrainingJobs", {})["TrainingJobSummaries"]:
        if job["TrainingJobStatus"] == "InProgress":
            name = job["TrainingJobName"]
            made.client.call("StopTrainingJob", {"TrainingJobName": name})
            made.wait(name)


@pytest.fixture
def harness(tmp_path: Path) -> HarnessRun:
    return HarnessRun(tmp_path)
