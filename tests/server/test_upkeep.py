"""Upkeep: a server with running jobs is not idle, and one that nobody uses makes nothing."""

from __future__ import annotations

import sys
import tarfile
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.store.marker import is_used
from jupyter_ml.server import upkeep as module
from jupyter_ml.server.backend import Backend
from jupyter_ml.server.upkeep import Upkeep
from jupyter_ml.testing import fresh_settings
from tests.server.conftest import until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_workspace_that_nobody_used_is_not_made_by_looking_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fresh_settings(tmp_path)
    looked: list[Path] = []
    monkeypatch.setattr(module, "is_used", lambda root: looked.append(root) or is_used(root))
    upkeep = Upkeep(Backend(settings), {}, live_s=0.01, quiet_s=0.01)
    upkeep.start()
    await until(lambda: len(looked) > 3)
    await upkeep.stop()
    assert not settings.workspace.exists()


async def test_a_running_job_keeps_the_server_busy_until_it_ends(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    backend = Backend(settings)
    activity: dict[str, Any] = {}
    (tmp_path / "train.py").write_text("import time\ntime.sleep(600)\n")
    source = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        archive.add(tmp_path / "train.py", "train.py")
    upkeep = Upkeep(backend, activity, live_s=0.05, quiet_s=0.05)
    upkeep.start()
    await backend.call("CreateTrainingJob", _request(source))
    await until(lambda: upkeep.is_busy)
    assert "jupyter_ml" in activity
    await backend.call("StopTrainingJob", {"TrainingJobName": "sleeper"})
    await until(lambda: not upkeep.is_busy)
    await upkeep.stop()
    backend.close()


def _request(source: Path) -> dict[str, Any]:
    return {
        "TrainingJobName": "sleeper",
        "AlgorithmSpecification": {
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
        },
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"file://{source}",
        },
        "Environment": {"JUPYTER_ML_PYTHON": sys.executable},
        "OutputDataConfig": {"S3OutputPath": "s3://sagemaker-us-east-1-000000000000/output"},
        "ResourceConfig": {"InstanceType": "ml.local", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
