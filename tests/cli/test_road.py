"""The main road in a terminal: train, follow, look, deploy, predict, stop, delete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., str]

SCRIPT = """
import argparse, os, joblib
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
depth = parser.parse_args().depth
X, y = load_iris(return_X_y=True)
model = DecisionTreeClassifier(max_depth=depth).fit(X, y)
print(f"fitted to depth {depth}")
joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""

ENDLESS = """
import time
print("waiting", flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def ml(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return ``jupyter ml`` on a workspace that the tests of this file share."""
    home = tmp_path_factory.mktemp("road")
    (home / "fit.py").write_text(SCRIPT)
    (home / "endless.py").write_text(ENDLESS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    own = {
        "JUPYTER_ML_WORKSPACE": str(home / "workspace"),
        "JUPYTER_ML_FREE_FLOOR_MB": "1",
        "JUPYTER_ML_WARM_MEMORY_MB": "0",
    }

    def run(*words: str, status: int = 0) -> str:
        outcome = subprocess.run(
            [sys.executable, "-m", "jupyter_ml.cli", *words],
            cwd=home,
            env={**kept, **own, "JUPYTER_RUNTIME_DIR": str(home / "runtime")},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert outcome.returncode == status, outcome.stdout + outcome.stderr
        return outcome.stdout if status == 0 else outcome.stderr

    return run


@pytest.fixture(scope="module")
def job(ml: Run) -> str:
    """Return the name of a job that has completed."""
    ml("train", "--name", "road", "-p", "depth=3", "--wait", "fit.py")
    return "road-1"


def test_the_log_of_a_job_is_printed_and_followed(ml: Run, job: str) -> None:
    assert "fitted to depth 3" in ml("logs", job)
    assert "fitted to depth 3" in ml("logs", "-f", "road")
    assert ml("logs", "-n", "1", job).count("\n") == 1


def test_a_job_is_shown_with_what_it_was_given_and_what_came_of_it(ml: Run, job: str) -> None:
    text = ml("show", job)
    limits = text.partition("Limits")[2]
    assert "peak" in limits
    assert "held by" in limits
    assert text.startswith("road-1 · Completed")
    assert "depth" in text
    assert "model.tar.gz" in text
    assert json.loads(ml("show", "--json", job))["TrainingJobStatus"] == "Completed"


def test_lists_hold_the_job_and_its_run(ml: Run, job: str) -> None:
    assert "road-1" in ml("list")
    assert "road-1" in ml("list", "--status", "Completed", "--name", "roa")
    assert ml("list", "--status", "Failed") == "No jobs. A cell under %%ml train makes one.\n"
    assert "road-1 " in ml("list", "runs")


def test_a_model_is_deployed_asked_and_deleted(ml: Run, job: str) -> None:
    ml("deploy", job, "--name", "iris")
    assert "iris · InService" in ml("status")
    assert "iris" in ml("list", "endpoints")
    assert ml("show", "iris").startswith("iris · InService")
    assert ml("predict", "iris", "[[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]")
    assert ml("delete", "iris") == "Deleted iris.\n"
    eventually(lambda: ml("list", "endpoints").startswith("No endpoints."), timeout_s=60, poll_s=1)
    assert ml("list", "models").startswith("No models.")


def test_a_running_job_is_shown_and_stopped(ml: Run) -> None:
    ml("train", "--name", "endless", "endless.py")
    eventually(lambda: "waiting" in ml("logs", "endless"), timeout_s=60, poll_s=0.5)
    assert "endless-1" in ml("status")
    assert ml("stop", "endless") == "endless-1 is stopping.\n"
    assert "waiting" in ml("logs", "-f", "endless")
    eventually(lambda: "· Stopped" in ml("show", "endless"), timeout_s=60, poll_s=0.5)
    assert ml("delete", "endless-1") == "Deleted endless-1.\n"
    assert "There is no training job" in ml("show", "endless-1", status=2)


def test_the_disk_is_collected_only_when_it_is_asked_for(ml: Run, job: str) -> None:
    planned = ml("gc", "--dry-run", "--older-than", "0")
    assert "would be freed" in planned
    assert "would be freed" in ml("gc", "--dry-run", "--older-than", "0")
    assert "freed." in ml("gc", "--older-than", "0")
    assert "road" not in ml("gc", "--dry-run", "--older-than", "0")
