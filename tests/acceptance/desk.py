"""What a user holds in these tests: a workspace, jobs in script mode, and endpoints."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.client import Client

ENDED = {"Completed", "Failed", "Stopped"}
PATIENCE_S = 60
BUCKET = "sagemaker-us-east-1-000000000000"

DOUBLING = """
import json, time

def model_fn(model_dir):
    return 2

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, factor):
    if isinstance(data, dict):
        time.sleep(data["sleep"])
        return data["sleep"]
    return [factor * number for number in data] if len(data) < 100 else len(data)

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


def pack(target: Path, files: dict[str, str]) -> str:
    """Write files by name and text as a ``.tar.gz``; return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(target)


class Desk:
    """A client with the few steps that all tests take.

    Parameters
    ----------
    client
        Local, or of a server.
    folder
        For sources and models.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self.folder = client, folder

    def train(self, name: str, script: str, **request: Any) -> None:
        """Submit a script as a training job."""
        source = pack(self.folder / "sources" / f"{name}.tar.gz", {"train.py": script})
        own = request.pop("HyperParameters", {})
        hyperparameters = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": source,
            **own,
        }
        self.client.call(
            "CreateTrainingJob",
            {"TrainingJobName": name, "HyperParameters": hyperparameters, **request},
        )

    def job(self, name: str) -> dict[str, Any]:
        """Describe a job."""
        return self.client.call("DescribeTrainingJob", {"TrainingJobName": name})

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for a job's end; describe it."""

        def look() -> dict[str, Any] | None:
            self.client.attend()
            job = self.job(name)
            return job if job["TrainingJobStatus"] in ENDED else None

        return eventually(look, timeout_s=PATIENCE_S, poll_s=0.2)

    def run(self, name: str, script: str, **request: Any) -> dict[str, Any]:
        """Run a script as a training job to its end; describe it."""
        self.train(name, script, **request)
        return self.ended(name)

    def failure(self, name: str) -> dict[str, Any]:
        """Return what the page of a failed job shows."""
        watched = self.client.call("WatchTrainingJob", {"TrainingJobName": name})
        failure: dict[str, Any] = watched["Failure"]
        return failure

    def log(self, name: str, kind: str = "TrainingJob") -> str:
        """Return the whole log."""
        request = {"ResourceType": kind, "ResourceName": name}
        text = ""
        while True:
            piece = self.client.call("WatchLog", request)
            text += piece["Text"]
            if not piece["Text"]:
                return text
            request["Cursor"] = piece["Cursor"]

    def deploy(self, name: str, files: dict[str, str] | None = None, **environment: str) -> None:
        """Deploy a model with an inference script, and wait until it answers."""
        archive = pack(
            self.folder / "models" / f"{name}.tar.gz", files or {"code/inference.py": DOUBLING}
        )
        container = {"ModelDataUrl": archive, "Environment": environment}
        self.client.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
        self.client.call(
            "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]}
        )
        self.client.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
        self.until_endpoint(name, lambda found: found["EndpointStatus"] == "InService")

    def until_endpoint(self, name: str, true: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the description of an endpoint is as wanted."""

        def look() -> bool:
            self.client.attend()
            return true(self.client.call("DescribeEndpoint", {"EndpointName": name}))

        eventually(look, timeout_s=PATIENCE_S, poll_s=0.2)

    def card(self, name: str) -> dict[str, Any]:
        """Return the card of an endpoint."""
        cards = self.client.call("WatchEndpoints")["Endpoints"]
        return next(card for card in cards if card["EndpointName"] == name)

    def steps(self, name: str, metric: str) -> list[int]:
        """Return the steps that a job logged a metric at."""
        answer = self.client.call("GetRunMetrics", {"RunName": name, "Names": [metric]})
        return [int(step) for series in answer["Series"] for step in series["Steps"]]

    def close(self) -> None:
        """Stop all jobs and delete all endpoints; wait until they are gone."""
        call = self.client.call
        for job in call("ListTrainingJobs", {"StatusEquals": "InProgress"})["TrainingJobSummaries"]:
            call("StopTrainingJob", {"TrainingJobName": job["TrainingJobName"]})
            self.ended(job["TrainingJobName"])
        for endpoint in call("ListEndpoints")["Endpoints"]:
            call("DeleteEndpoint", {"EndpointName": endpoint["EndpointName"]})

        def gone() -> bool:
            self.client.attend()
            return not call("ListEndpoints")["Endpoints"]

        eventually(gone, timeout_s=PATIENCE_S, poll_s=0.2)


def events(workspace: Path) -> list[dict[str, Any]]:
    """Return the event log as it lies on the disk."""
    import sqlite3  # noqa: PLC0415  (only some tests read the store)

    connection = sqlite3.connect(f"file:{workspace / 'jupyter_ml.db'}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM events ORDER BY seq")]
    finally:
        connection.close()
    for event in found:
        for member in ("request", "response", "detail"):
            event[member] = json.loads(event[member]) if event[member] else None
    return found
