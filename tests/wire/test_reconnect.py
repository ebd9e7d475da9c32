"""A server that stops and starts while a job runs: nothing is lost, nothing repeated."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from jupyter_process import TOKEN, JupyterProcess, start
from training_code import source_archive, training_request
from websocket import WebSocketTimeoutException, create_connection

from jupyter_ml.client_http import HttpClient
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNTING = """
import time
for number in range(100_000):
    print(f"line {number}", flush=True)
    time.sleep(0.02)
"""


class Watcher:
    """Reads topics from a stream, and remembers how far it got."""

    def __init__(self, operation: str, **request: Any) -> None:
        self.operation = operation
        self.request = request
        self.outputs: list[dict[str, Any]] = []

    def read(self, server: JupyterProcess, enough: Any) -> None:
        """Watch until `enough()`, going on from the last cursor."""
        with connected(server) as stream:
            if self.outputs:
                self.request["Cursor"] = self.outputs[-1]["Cursor"]
            message = {"type": "subscribe", "id": "1", "operation": self.operation}
            stream.send(json.dumps({**message, "input": self.request}))

            def got_enough() -> bool:
                with contextlib.suppress(WebSocketTimeoutException):
                    answer = json.loads(stream.recv())
                    assert answer["type"] == "update", answer
                    self.outputs.append(answer["output"])
                return bool(enough())

            eventually(got_enough, timeout_s=90)


@contextlib.contextmanager
def connected(server: JupyterProcess) -> Iterator[Any]:
    """Open the stream of a server."""
    url = server.url.replace("http", "ws", 1)
    header = [f"Authorization: token {TOKEN}"]
    stream = create_connection(f"{url}jupyter-ml/api/stream", header=header, timeout=1)
    try:
        yield stream
    finally:
        stream.close()


def test_a_job_and_its_watchers_survive_the_server(tmp_path: Path) -> None:
    server = start(tmp_path)
    bucket = "sagemaker-us-east-1-000000000000"
    root = tmp_path / "workspace" / "buckets" / bucket
    source_archive(root / "code" / "counting.tar.gz", train=COUNTING)
    (root / "data").mkdir()
    (root / "data" / "points.csv").write_text("1")
    request = training_request(
        "counting", bucket, f"s3://{bucket}/code/counting.tar.gz", "train.py"
    )
    HttpClient(server.url, TOKEN).call("CreateTrainingJob", request)

    log = Watcher("WatchLog", ResourceType="TrainingJob", ResourceName="counting")
    state = Watcher("WatchTrainingJob", TrainingJobName="counting")
    log.read(server, lambda: "line 20" in text(log))
    state.read(server, lambda: state.outputs)
    assert state.outputs[0]["Reset"] is True
    server.stop()

    server = start(tmp_path)
    try:
        before = len(log.outputs)
        log.read(server, lambda: text(log).count("\n") > 200)
        assert log.outputs[before]["Reset"] is False
        HttpClient(server.url, TOKEN).call("StopTrainingJob", {"TrainingJobName": "counting"})
        log.read(server, lambda: log.outputs[-1]["Ended"])
        state.read(server, lambda: state.outputs[-1]["Ended"])
    finally:
        server.stop()
    lines = [line for line in text(log).splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(len(lines))]
    assert [output["Reset"] for output in state.outputs].count(True) == 1
    assert state.outputs[-1]["Card"]["TrainingJobStatus"] == "Stopped"


def text(log: Watcher) -> str:
    """Return all of the log that has been read."""
    return "".join(output["Text"] for output in log.outputs)
