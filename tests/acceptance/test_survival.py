"""Jobs and endpoints outlive the server and the kernel that started them."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from desk import Desk
from jupyter_client.manager import KernelManager
from jupyter_process import TOKEN, JupyterProcess, environment, start

from jupyter_ml.client_http import HttpClient
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

# Twenty times a second, until somebody leaves a file.
TICKING = """
import os, pathlib, time
import jupyter_ml as ml

step = 0
while not pathlib.Path(os.environ["UNTIL"]).exists():
    ml.log(tick=step / 2, step=step)
    print(f"tick {step}", flush=True)
    step += 1
    time.sleep(0.05)
print("the last line")
"""
# Between two requests of one that asks all the time.
PAUSE_S = 0.005


class Caller(threading.Thread):
    """Asks an endpoint without a pause; remembers what went wrong."""

    def __init__(self, card: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        token = Path(card["TokenFile"]).read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.request = Request(card["Url"], b"[1, 2, 3]", headers)
        self.answers, self.problems = 0, []
        self.ended = threading.Event()

    def run(self) -> None:
        """Ask until told to end."""
        while not self.ended.wait(PAUSE_S):
            try:
                with urlopen(self.request, timeout=30) as answer:
                    body = json.loads(answer.read())
                if body != [2, 4, 6]:
                    self.problems.append(body)
                self.answers += 1
            except OSError as error:
                self.problems.append(error)

    def more(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        goal = self.answers + count
        eventually(lambda: self.answers >= goal or self.problems, timeout_s=60)
        assert self.problems == []


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[JupyterProcess]]:
    """The servers that a test starts in one home; what is left running ends with it."""
    started: list[JupyterProcess] = []
    yield started
    if started[-1].process.poll() is None:
        Desk(HttpClient(started[-1].url, TOKEN), tmp_path).close()
        started[-1].stop()


def kill(server: JupyterProcess) -> None:
    """End a server as the kernel does when memory runs out."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)


def test_a_killed_server_takes_neither_job_nor_endpoint_along(
    servers: list[JupyterProcess], tmp_path: Path
) -> None:
    servers.append(start(tmp_path))
    desk = Desk(HttpClient(servers[0].url, TOKEN), tmp_path)
    desk.deploy("doubling")
    caller = Caller(desk.card("doubling"))
    caller.start()
    until = tmp_path / "until"
    desk.train("ticking", TICKING, Environment={"UNTIL": str(until)})
    eventually(lambda: len(desk.steps("ticking", "tick")) > 20, timeout_s=90, poll_s=0.2)
    caller.more(50)

    kill(servers[0])
    caller.more(200)
    before = time.time()

    servers.append(start(tmp_path))
    desk = Desk(HttpClient(servers[1].url, TOKEN), tmp_path)
    (job,) = desk.client.call("ListTrainingJobs")["TrainingJobSummaries"]
    assert (job["TrainingJobName"], job["TrainingJobStatus"]) == ("ticking", "InProgress")
    (endpoint,) = desk.client.call("ListEndpoints")["Endpoints"]
    assert (endpoint["EndpointName"], endpoint["EndpointStatus"]) == ("doubling", "InService")
    caller.more(50)
    seen = len(desk.steps("ticking", "tick"))
    eventually(lambda: len(desk.steps("ticking", "tick")) > seen + 20, timeout_s=60, poll_s=0.2)
    until.write_text("")
    ended = desk.ended("ticking")
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    assert ended["TrainingEndTime"] > before

    steps = desk.steps("ticking", "tick")
    assert steps == list(range(len(steps)))
    assert desk.log("ticking").splitlines() == [
        *(f"tick {step}" for step in steps),
        "the last line",
    ]
    caller.ended.set()
    caller.join(60)
    assert caller.problems == []


def test_the_end_of_a_job_without_any_server_is_recorded(
    servers: list[JupyterProcess], tmp_path: Path
) -> None:
    servers.append(start(tmp_path))
    desk = Desk(HttpClient(servers[0].url, TOKEN), tmp_path)
    until = tmp_path / "until"
    desk.train("ticking", TICKING, Environment={"UNTIL": str(until)})
    eventually(lambda: len(desk.steps("ticking", "tick")) > 5, timeout_s=90, poll_s=0.2)
    kill(servers[0])
    until.write_text("")
    verdict = tmp_path / "workspace" / "work" / "TrainingJob" / "ticking" / "1" / "verdict.json"
    eventually(verdict.exists, timeout_s=90)

    servers.append(start(tmp_path))
    desk = Desk(HttpClient(servers[1].url, TOKEN), tmp_path)
    job = desk.ended("ticking")
    assert job["TrainingJobStatus"] == "Completed"
    steps = desk.steps("ticking", "tick")
    assert steps == list(range(len(steps)))


@pytest.mark.filterwarnings("ignore")
def test_a_new_kernel_finds_the_job_of_a_killed_one(tmp_path: Path) -> None:
    until = tmp_path / "until"
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**environment(tmp_path), "UNTIL": str(until)})
    cell = TICKING.replace('os.environ["UNTIL"]', repr(str(until)))
    try:
        run(
            manager,
            f"%load_ext jupyter_ml\nget_ipython().run_cell_magic('ml', 'train --name x', {cell!r})",
        )
        run(
            manager,
            "import jupyter_ml as ml, time\nwhile len(ml.job('x').metrics()) < 10: time.sleep(0.2)",
        )
        manager.signal_kernel(signal.SIGKILL)
        eventually(lambda: not manager.is_alive(), timeout_s=30)
        manager.restart_kernel(now=True)
        said = run(
            manager, "import jupyter_ml as ml\njob = ml.job('x')\nprint(job.name, job.status)"
        )
        assert said == "x-1 InProgress\n"
        until.write_text("")
        said = run(
            manager,
            "frame = job.wait().metrics()\n"
            "print(list(frame.index) == list(range(len(frame))), len(frame) > 10)",
        )
        assert said.endswith("True True\n")
    finally:
        until.write_text("")
        manager.shutdown_kernel(now=True)


def run(manager: KernelManager, source: str) -> str:
    """Run a cell; return what it printed."""
    client = manager.client()
    client.start_channels()
    printed: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    try:
        client.wait_for_ready(timeout=90)
        reply = client.execute_interactive(source, timeout=120, output_hook=hook)
    finally:
        client.stop_channels()
    assert reply["content"]["status"] == "ok", reply["content"].get("traceback")
    return "".join(printed)
