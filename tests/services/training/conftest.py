from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import jupyter_ml
from jupyter_ml.core.inject import inject_dir
from jupyter_ml.core.metrics import Series, scan
from jupyter_ml.harness.records import read_json, read_phases

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


@pytest.fixture
def harness(tmp_path: Path) -> HarnessRun:
    return HarnessRun(tmp_path)
