"""Runs training jobs in a workspace and prints what came of them: `python run_job.py FOLDER JOBS`.

For tests that run jobs as another user, or where the system forbids something. JOBS is a JSON list
of requests; one that is refused is answered with its error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import MLError
from jupyter_ml.testing import eventually, fresh_settings

ENDED = {"Completed", "Failed", "Stopped"}


def main(folder: str, text: str) -> None:
    """Run the jobs, one after the other."""
    client = LocalClient(fresh_settings(Path(folder)))
    print(json.dumps([run(client, request) for request in json.loads(text)], default=str))


def run(client: LocalClient, request: dict) -> dict:
    """Return the description of a job that has ended, with its log."""
    named = {"TrainingJobName": request["TrainingJobName"]}
    try:
        client.call("CreateTrainingJob", request)
    except MLError as error:
        return {"Error": str(error)}

    def ended() -> dict | None:
        client.attend()
        job = client.call("DescribeTrainingJob", named)
        return job if job["TrainingJobStatus"] in ENDED else None

    job = eventually(ended, timeout_s=120, poll_s=0.1)
    work = client.runtime.workspace.root / "work" / "TrainingJob" / request["TrainingJobName"]
    logs = sorted(work.glob("*/members/*/log*"))
    return {**job, "Logs": [log.read_text() for log in logs]}


if __name__ == "__main__":
    main(*sys.argv[1:])
