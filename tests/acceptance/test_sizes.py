"""An instance type is what a job gets, no more: CPUs, memory, processes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.contract.errors import ResourceLimitExceeded
from jupyter_ml.engine.machine import detect

if TYPE_CHECKING:
    from desk import Desk

pytestmark = pytest.mark.slow

LOOK = """
import os
print("cpus", len(os.sched_getaffinity(0)))
print("threads", {os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
      "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")})
kept = bytearray(300 << 20)
print("300 MiB fit", flush=True)
"""

GREEDY = """
import time
kept = []
for _ in range(200):
    kept.append(bytearray(b"x") * (20 << 20))
    time.sleep(0.05)
print("all of it was given")
"""

MEMBER = """
import json, os, pathlib, time
here = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"]) if "SM_INPUT_CONFIG_DIR" in os.environ \\
    else pathlib.Path(os.environ["SM_INPUT_DIR"], "config")
config = json.loads((here / "resourceconfig.json").read_text())
me = config["current_host"]
assert os.environ["SM_CURRENT_HOST"] == me
facts = {"pid": os.getpid(), "hosts": config["hosts"], "me": me}
folder = pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"])
pathlib.Path(os.environ["MEETING"], me).write_text(json.dumps(facts))
while len(list(pathlib.Path(os.environ["MEETING"]).iterdir())) < 3:
    time.sleep(0.05)  # all three are alive at once
import socket
first = (os.environ["SM_MASTER_ADDR"], int(os.environ["SM_MASTER_PORT"]))
if os.environ["SM_CURRENT_HOST_RANK"] == "0":
    server = socket.create_server(first)
    said = sorted(server.accept()[0].makefile().read() for _ in range(2))
    print("heard", *said)
else:
    while True:
        try:
            socket.create_connection(first).sendall(os.environ["SM_CURRENT_HOST_RANK"].encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""


def small(desk: Desk) -> dict[str, object]:
    """Return a size of 1 CPU and 512 MiB, from the workspace's own table."""
    root = desk.client.runtime.workspace.root
    root.mkdir(parents=True, exist_ok=True)
    size = {"cpus": 1, "memory_gb": 0.5, "gpus": 0}
    (root / "instance_types.json").write_text(json.dumps({"ml.small": size}))
    return {"InstanceType": "ml.small", "InstanceCount": 1, "VolumeSizeInGB": 1}


def test_one_cpu_and_512_mib_are_what_the_job_sees(desk: Desk) -> None:
    job = desk.run("modest", LOOK, ResourceConfig=small(desk))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert desk.log("modest").splitlines() == ["cpus 1", "threads {'1'}", "300 MiB fit"]


def test_a_job_beyond_512_mib_is_out_of_memory_with_peak_and_limit(desk: Desk) -> None:
    job = desk.run("greedy", GREEDY, ResourceConfig=small(desk))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("OutOfMemory: ")
    peak = re.search(r"peak memory (\d+) MiB of the 512 MiB allowed", job["FailureReason"])
    assert peak
    assert 300 < int(peak[1]) < 900
    failure = desk.failure("greedy")
    assert failure["MemoryLimitMb"] == 512
    assert 300 < failure["PeakMemoryMb"] < 900
    assert "all of it was given" not in desk.log("greedy")


def test_three_instances_are_three_processes_that_know_each_other(desk: Desk) -> None:
    meeting = desk.folder / "meeting"
    meeting.mkdir()
    job = desk.run(
        "gang",
        MEMBER,
        Environment={"MEETING": str(meeting)},
        ResourceConfig={"InstanceType": "ml.local", "InstanceCount": 3, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    facts = [json.loads(file.read_text()) for file in sorted(meeting.iterdir())]
    assert [fact["me"] for fact in facts] == ["algo-1", "algo-2", "algo-3"]
    assert all(fact["hosts"] == ["algo-1", "algo-2", "algo-3"] for fact in facts)
    assert len({fact["pid"] for fact in facts}) == 3
    assert "heard 1 2" in desk.log("gang")


def test_a_type_larger_than_the_machine_is_refused_with_both_numbers(desk: Desk) -> None:
    machine = detect()
    size = {"cpus": machine.cpus + 7, "memory_gb": machine.memory_mb / 1024 + 9, "gpus": 0}
    root = desk.client.runtime.workspace.root
    root.mkdir(parents=True, exist_ok=True)
    (root / "instance_types.json").write_text(json.dumps({"ml.huge": size}))
    resources = {"InstanceType": "ml.huge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    with pytest.raises(ResourceLimitExceeded) as refused:
        desk.train("huge", "print(1)", ResourceConfig=resources)
    words = str(refused.value).replace(",", "")
    assert str(machine.cpus + 7) in words
    assert str(machine.cpus) in words
    assert str(machine.memory_mb) in words
    assert desk.client.call("ListTrainingJobs")["TrainingJobSummaries"] == []
