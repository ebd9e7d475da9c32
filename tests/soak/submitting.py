"""Actors that submit jobs: by the toolkit's client, over HTTP, and with boto3."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from typing import TYPE_CHECKING, Any

from house import BUCKET, SIZE, pause

from jupyter_ml.contract.errors import (
    ResourceInUse,
    ServiceUnavailable,
    ValidationException,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from boto3_client import Boto3Client
    from house import House

Json = dict[str, Any]
RETRIES = 3
MOST_LIVE = 4
_PATIENCE_S = 120.0

# Each start and end is a line with the attempt's fencing token. The lock is the process's own, so
# two attempts of a job that run at once are found, however they ended.
SCRIPT = """
import argparse, fcntl, json, os, pathlib, time
parser = argparse.ArgumentParser()
for name in ("job", "notes", "kind", "seconds"):
    parser.add_argument("--" + name)
args = parser.parse_args()
notes = pathlib.Path(args.notes)
def note(what):
    line = json.dumps({"what": what, "name": args.job, "token": os.environ["JUPYTER_ML_JOB"],
                       "pid": os.getpid(), "at": time.monotonic()}) + "\\n"
    with open(notes / "runs.jsonl", "ab", buffering=0) as file:
        file.write(line.encode())
lock = open(notes / (args.job + ".lock"), "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("twice at once")
note("start")
if args.kind == "importing":
    import csv, decimal, sqlite3
print("working", args.job, flush=True)
time.sleep(float(args.seconds))
if args.kind == "failing":
    raise ValueError("this job fails: " + args.job)
pathlib.Path(os.environ["SM_MODEL_DIR"], "made.txt").write_text(args.job)
note("end")
"""
KINDS = {  # how long they sleep, in seconds
    "quick": (0.0, 0.3),
    "importing": (0.0, 0.2),
    "retried": (0.5, 3.0),
    "failing": (0.0, 0.5),
    "stopped": (40.0, 60.0),
    "cold": (0.0, 0.3),
}


def submit_by(house: House, who: str, call: Callable[[str, Json], Json], source: str) -> None:
    """Submit one job after the other until it is over.

    Parameters
    ----------
    house
        The soak.
    who
        Begins the names of the jobs; no other process has the same.
    call
        Calls an operation.
    source
        Location of the archive with the script.
    """
    chance = house.chance(who)
    count = 0
    while not house.is_over:
        kind = chance.choice(list(KINDS))
        seconds, pause_s = chance.uniform(*KINDS[kind]), chance.uniform(0.2, 1.5)
        name = f"{who}-{count:04}-{kind}"
        count += 1
        request = _request(house, name, kind, seconds, source)
        house.ledger.note("submitting", name, kind=kind)
        _surely(call, "CreateTrainingJob", request)
        house.ledger.note("acknowledged", name, kind=kind)
        if kind == "stopped":
            pause(pause_s)
            house.ledger.note("stopping", name)
            _stop(house, call, name)
        pause(pause_s)
        _await_room(house, call, who)


def _stop(house: House, call: Callable[[str, Json], Json], name: str) -> None:
    try:
        _surely(call, "StopTrainingJob", {"TrainingJobName": name})
    except ValidationException:  # it was killed, and has ended
        house.ledger.note("not stopped", name)
    else:
        house.ledger.note("stopped", name)


def _request(house: House, name: str, kind: str, seconds: float, source: str) -> Json:
    request: Json = {
        "TrainingJobName": name,
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": source,
            "job": name,
            "notes": str(house.notes),
            "kind": kind,
            "seconds": str(seconds),
        },
        "AlgorithmSpecification": {
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
        },
        "RoleArn": "arn:aws:iam::000000000000:role/service-role/Anyone",
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {"InstanceType": SIZE, "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    }
    if kind == "retried":
        request["RetryStrategy"] = {"MaximumRetryAttempts": RETRIES}
    if kind == "cold":
        request["Environment"] = {"SOAK": "cold"}  # a job with variables of its own is not forked
    return request


def _surely(call: Callable[[str, Json], Json], operation: str, request: Json) -> Json:
    """Call until there is an answer, as a careful script does; a name that is taken is ours."""
    give_up_at = time.monotonic() + _PATIENCE_S
    asked = 0
    while True:
        asked += 1
        try:
            return call(operation, request)
        except ServiceUnavailable:
            if time.monotonic() > give_up_at:
                raise
            pause(0.3)
        except ResourceInUse:
            if asked == 1:
                raise
            return {}  # the answer to the call before was lost, the job was not


def _await_room(house: House, call: Callable[[str, Json], Json], who: str) -> None:
    request = {"StatusEquals": "InProgress", "NameContains": who}
    while not house.is_over:
        found = _surely(call, "ListTrainingJobs", request)["TrainingJobSummaries"]
        if len(found) < MOST_LIVE:
            return
        pause(0.5)


def archive() -> bytes:
    """Return the archive with the script."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        info = tarfile.TarInfo("train.py")
        info.size = len(SCRIPT.encode())
        packed.addfile(info, io.BytesIO(SCRIPT.encode()))
    return buffer.getvalue()


def by_toolkit(house: House, who: str) -> None:
    """Submit with the client that the toolkit holds."""
    submit_by(house, who, house.local.call, _source(house, who))


def by_server(house: House, who: str) -> None:
    """Submit over HTTP; the server may be another one at each call."""

    def call(operation: str, request: Json) -> Json:
        return house.server.call(operation, request)

    submit_by(house, who, call, _source(house, who))


def _source(house: House, who: str) -> str:
    path = house.folder / "sources" / f"{who}.tar.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(archive())
    return str(path)


def by_boto3(house: House, who: str) -> None:
    """Submit with boto3, after the source was put into the workspace's bucket by it."""
    from boto3_client import Boto3Client  # noqa: PLC0415  (others need not wait for its import)

    clients = Boto3Client(house)
    key = f"sources/{who}.tar.gz"
    _put(house, clients, key, archive())
    count = 0

    def call(operation: str, request: Json) -> Json:
        nonlocal count
        count += 1
        _put(house, clients, f"objects/{who}-{count}", os.urandom(20_000))
        return clients.call(operation, request)

    submit_by(house, who, call, f"s3://{BUCKET}/{key}")


def _put(house: House, clients: Boto3Client, key: str, data: bytes) -> None:
    house.ledger.note("putting", key)
    while True:
        try:
            clients.of("s3").put_object(Bucket=BUCKET, Key=key, Body=data)
        except ServiceUnavailable:
            pause(0.2)
        else:
            break
    house.ledger.note("put", key, digest=hashlib.sha256(data).hexdigest())
