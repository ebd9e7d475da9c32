"""Training jobs that are cut off from the network: cold, warm, with members, and refused."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.training.conftest import Jobs

SCRIPT = """
import json, os, socket
import numpy
import jupyter_ml as ml
try:
    socket.create_connection({address}, 2)
    print("reached")
except OSError as error:
    print(type(error).__name__)
for step in range(3):
    ml.log(loss=1 / (1 + step), step=step)
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w") as file:
    file.write("trained")
"""
TOGETHER = """
import os, socket, time
where = os.environ["SM_MASTER_ADDR"], int(os.environ["SM_MASTER_PORT"])
if os.environ["SM_CURRENT_HOST"] == "algo-1":
    with socket.create_server(where) as server:
        print("met", server.accept()[0].recv(6).decode())
else:
    for _ in range(600):
        try:
            with socket.create_connection(where) as client:
                client.sendall(os.environ["SM_CURRENT_HOST"].encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""


@pytest.fixture
def warm_jobs(jobs: Jobs) -> Iterator[Jobs]:
    made = type(jobs)(jobs.folder, warm_memory_mb=4096)
    yield made
    Zygotes(made.client.runtime.workspace.root / "warm").end_all()
    eventually(lambda: not made.client.runtime.engine.zygotes(), 30)


@pytest.fixture
def outside() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


def log_of(jobs: Jobs, name: str) -> str:
    folder = jobs.client.runtime.workspace.root / "work" / "TrainingJob" / name
    (log,) = folder.glob("*/members/0/log*")
    return log.read_text()


def test_an_isolated_job_trains_and_reaches_nobody_cold_and_warm(
    warm_jobs: Jobs, outside: tuple[str, int]
) -> None:
    jobs, engine = warm_jobs, warm_jobs.client.runtime.engine
    script = SCRIPT.format(address=outside)
    for name in ("job-1", "job-2"):
        job = jobs.run(name, script, EnableNetworkIsolation=True)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert job["EnableNetworkIsolation"] is True
        assert "ConnectionRefusedError" in log_of(jobs, name)
        uri = job["ModelArtifacts"]["S3ModelArtifacts"]
        assert jobs.packed(uri)["model.txt"] == b"trained"
        run = jobs.client.runtime.workspace.run_dir(f"{name}-aws-training-job")
        assert len(scan(run)["loss"].values) == 3
        eventually(lambda: [z for z in engine.zygotes() if z.state == "ready"])
    started = jobs.client.runtime.workspace.root / "work" / "TrainingJob" / "job-2"
    assert [read_json(path)["warm"] for path in started.glob("*/spawned.json")] == [True]
    assert jobs.watch("job-2")["Resources"]["Enforced"]["Network"] == "network namespace"
    assert "reached" in log_of(jobs, jobs.run("job-3", script)["TrainingJobName"])


def test_the_members_of_an_isolated_job_meet(jobs: Jobs) -> None:
    resources = {"InstanceType": "ml.local", "InstanceCount": 2}
    job = jobs.run("job-1", TOGETHER, EnableNetworkIsolation=True, ResourceConfig=resources)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "met algo-2" in log_of(jobs, "job-1")


def test_an_isolated_job_that_wants_to_submit_another_is_told_that_it_cannot(jobs: Jobs) -> None:
    script = (
        "from jupyter_ml.client import LocalClient\n"
        "from jupyter_ml.core.settings import Settings\n"
        f"LocalClient(Settings.from_json({jobs.client.settings.to_json()!r})).call('GetWorkspace')\n"
    )
    job = jobs.run("job-1", script, EnableNetworkIsolation=True)
    assert "an isolated job submits and records nothing else" in job["FailureReason"]
