"""Two Jupyter servers and several kernels on one workspace, all at once, on each kind of store."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_process import TOKEN, environment, start
from training_code import source_archive

from jupyter_ml.client import LocalClient
from jupyter_ml.client_http import HttpClient
from jupyter_ml.contract.errors import ServiceUnavailable, ValidationException
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.chain import verify
from jupyter_ml.core.events.events import EventLog
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.settings import Settings
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.client import Client

# What a kernel does: it submits jobs, and all compete for one name.
KERNEL = """
import json, sys
from jupyter_ml.client import connect
from jupyter_ml.contract.errors import ServiceUnavailable, ValidationException
client = connect()
won = 0
for request in json.loads(sys.argv[1]):
    client.call("CreateTrainingJob", request)
    try:
        client.call("CreateExperiment", {"ExperimentName": "one-" + request["TrainingJobName"][-1]})
        won += 1
    except ValidationException:
        pass
print(won)
"""
EACH = 3


@pytest.fixture
def variables(tmp_path: Path, database: str | None) -> dict[str, str]:
    """The variables that name the workspace, for servers and kernels."""
    shared = {"JUPYTER_ML_WORKSPACE": str(tmp_path / "shared"), "JUPYTER_ML_TIMEKEEPER": "false"}
    return shared if database is None else {**shared, "JUPYTER_ML_DATABASE": database}


@pytest.fixture
def servers(tmp_path: Path, variables: dict[str, str]) -> Iterator[list[HttpClient]]:
    """Clients of two servers on the workspace."""
    with ThreadPoolExecutor() as pool:
        running = list(pool.map(lambda name: start(tmp_path / name, **variables), ("one", "two")))
    yield [HttpClient(server.url, TOKEN) for server in running]
    for server in running:
        server.stop()
        assert "Traceback" not in server.log


@pytest.mark.slow
def test_servers_and_kernels_submit_at_once_and_nothing_is_lost_or_done_twice(
    tmp_path: Path, variables: dict[str, str], servers: list[HttpClient]
) -> None:
    client = LocalClient(
        Settings.from_environment({**variables, "JUPYTER_ML_FREE_FLOOR_MB": "1"}), "test"
    )
    log = tmp_path / "runs"
    program = f"open({str(log)!r}, 'a').write(__import__('os').environ['TRAINING_JOB_NAME'] + ' ')"
    source = source_archive(tmp_path / "sourcedir.tar.gz", train=program)

    def requests(who: str) -> list[dict[str, Any]]:
        return [
            {
                "TrainingJobName": f"{who}-{number}",
                "HyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": f"file://{source}",
                },
            }
            for number in range(EACH)
        ]

    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", KERNEL, json.dumps(requests(f"kernel{number}"))],
            env=environment(tmp_path / "home", **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    with ThreadPoolExecutor() as pool:
        through = [
            pool.submit(_submit_all, server, requests(f"server{number}"))
            for number, server in enumerate(servers)
        ]
        won = [work.result() for work in through]
    for kernel in kernels:
        printed, complained = kernel.communicate(timeout=120)
        assert kernel.returncode == 0, complained
        won.append(int(printed))
    assert sum(won) == EACH, "each name was given once, to whoever asked first"

    names = {
        f"{who}{n}-{k}"
        for who, most in (("kernel", 3), ("server", 2))
        for n in range(most)
        for k in range(EACH)
    }
    eventually(lambda: client.attend() and _ended(client) == names, 120)
    assert sorted(log.read_text().split()) == sorted(names), "each job ran once"
    for server in servers:
        assert _ended(server) == names
    with Context(client.runtime, Principal("ada", "test")).reading() as ctx:
        events = EventLog(ctx.connection)
        assert verify(ctx.connection).flaws == []
        seqs = [event.seq for event in events.since(0, limit=10_000)]
    assert seqs == list(range(1, len(seqs) + 1)), "no number is missing"
    client.runtime.workspace.store.close()


def _submit_all(client: Client, requests: list[dict[str, Any]]) -> int:
    won = 0
    for request in requests:
        client.call("CreateTrainingJob", request)
        try:
            client.call(
                "CreateExperiment", {"ExperimentName": f"one-{request['TrainingJobName'][-1]}"}
            )
            won += 1
        except ValidationException:
            continue
    return won


def _ended(client: Client) -> set[str]:
    """Return the names of the jobs that are completed."""
    answer = client.call("ListTrainingJobs", {"MaxResults": 100, "StatusEquals": "Completed"})
    return {job["TrainingJobName"] for job in answer["TrainingJobSummaries"]}


def test_a_server_whose_database_is_away_says_so_to_its_clients(tmp_path: Path) -> None:
    nowhere = f"postgresql://ann:hunter2@/ml?host={tmp_path}"
    server = start(tmp_path / "home", JUPYTER_ML_DATABASE=nowhere)
    try:
        with pytest.raises(
            ServiceUnavailable, match=r"does not answer.*JUPYTER_ML_DATABASE"
        ) as away:
            HttpClient(server.url, TOKEN).call("ListTrainingJobs")
        assert "hunter2" not in str(away.value)
    finally:
        server.stop()
    assert "Traceback" not in server.log
    assert "hunter2" not in server.log
