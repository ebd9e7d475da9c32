"""A server whose disk is full, or whose store is deleted under way, as all its clients see it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from desk import BUCKET, Desk
from jupyter_process import TOKEN, JupyterProcess, start

from jupyter_ml.client_http import HttpClient
from jupyter_ml.contract.errors import MLError, ServiceError
from jupyter_ml.core.attempts import RUNNING
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

# Twenty times a second, until somebody leaves a file.
TICKING = """
import os, pathlib, time
import jupyter_ml as ml

step = 0
while not pathlib.Path(os.environ["UNTIL"]).exists():
    ml.log(tick=step / 2, step=step)
    step += 1
    time.sleep(0.05)
"""
KEYS = {
    "JUPYTER_ML_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "JUPYTER_ML_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


@pytest.fixture
def server(disk: Path, tmp_path: Path) -> Iterator[JupyterProcess]:
    """A server with its workspace on the small disk, where jobs start warm."""
    more = {"JUPYTER_ML_WARM_MEMORY_MB": "1024", "JUPYTER_ML_KEEP_WARM_S": "10"}
    server = start(tmp_path, JUPYTER_ML_WORKSPACE=str(disk / "workspace"), **more, **KEYS)
    yield server
    server.stop()


@pytest.fixture
def desk(server: JupyterProcess, disk: Path, tmp_path: Path) -> Iterator[Desk]:
    """A client of the server; whatever became of the test, its job and endpoint end with it."""
    desk = Desk(HttpClient(server.url, TOKEN), tmp_path)
    yield desk
    (disk / "ballast").unlink(missing_ok=True)
    if (disk / "workspace" / "jupyter_ml.db").exists():
        desk.close()


def client_of(server: JupyterProcess, service: str) -> Any:
    session = boto3.Session(*KEYS.values(), region_name="us-east-1")
    return session.client(
        service,
        endpoint_url=f"{server.url}jupyter-ml/aws{'/s3' if service == 's3' else ''}",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def fill(disk: Path) -> None:
    block = bytes(4096)
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while os.statvfs(disk).f_bavail:
            file.write(block)


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises((MLError, ClientError)) as error:
        ask()
    return str(error.value)


def code_of(ask: Callable[[], object]) -> str:
    with pytest.raises((ServiceError, ClientError)) as caught:
        ask()
    error = caught.value
    return error.code if isinstance(error, ServiceError) else error.response["Error"]["Code"]


def test_a_full_disk_is_said_by_each_way_in_and_all_goes_on_when_there_is_space(
    desk: Desk, server: JupyterProcess, disk: Path, tmp_path: Path
) -> None:
    call, s3, sagemaker = desk.client.call, client_of(server, "s3"), client_of(server, "sagemaker")
    s3.put_object(Bucket=BUCKET, Key="kept", Body=b"as it was")
    desk.deploy("doubling")
    until = tmp_path / "until"
    desk.train("ticking", TICKING, Environment={"UNTIL": str(until)})
    eventually(lambda: len(desk.steps("ticking", "tick")) > 5, timeout_s=90)
    assert desk.run("warmer", "print(1)")["TrainingJobStatus"] == "Completed"

    archive = str(tmp_path / "models" / "doubling.tar.gz")
    model = {"ModelName": "another", "PrimaryContainer": {"ModelDataUrl": archive}}
    endpoint = {"EndpointName": "another", "EndpointConfigName": "doubling"}
    variant = {"VariantName": "one", "ModelName": "doubling", "InitialInstanceCount": 1}
    config = {"EndpointConfigName": "another", "ProductionVariants": [variant]}
    arn = call("DescribeModel", {"ModelName": "doubling"})["ModelArn"]
    tagging = {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]}
    update = {"EndpointName": "doubling", "EndpointConfigName": "doubling"}
    asked: dict[str, Callable[[], object]] = {
        "a job": lambda: desk.train("next", "print(2)"),
        "a model": lambda: call("CreateModel", model),
        "a configuration": lambda: call("CreateEndpointConfig", config),
        "a tag": lambda: call("AddTags", tagging),
        "an endpoint": lambda: call("CreateEndpoint", endpoint),
        "an update": lambda: call("UpdateEndpoint", update),
        "boto3": lambda: sagemaker.create_experiment(ExperimentName="another"),
        "an object": lambda: s3.put_object(Bucket=BUCKET, Key="put", Body=bytes(100_000)),
        "an object anew": lambda: s3.put_object(Bucket=BUCKET, Key="kept", Body=bytes(100_000)),
        "parts": lambda: s3.create_multipart_upload(Bucket=BUCKET, Key="parts"),
    }
    fill(disk)
    messages = {what: refused(ask) for what, ask in asked.items()}
    assert {what for what, text in messages.items() if "free" not in text.lower()} == set()
    assert {what for what, text in messages.items() if "server failed" in text} == set()
    for what in ("a model", "a configuration", "a tag", "boto3", "an object"):
        assert (what, code_of(asked[what])) == (what, "InsufficientStorage")
    # What is there goes on.
    assert len(call("ListTrainingJobs")["TrainingJobSummaries"]) == 2
    invoked = call("InvokeEndpoint", {"EndpointName": "doubling", "Body": b"[1, 2]"})
    assert invoked["Body"] == b"[2, 4]"
    assert s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"as it was"
    assert not list((disk / "workspace" / "buckets").rglob("*.part"))

    (disk / "ballast").unlink()
    for ask in asked.values():
        ask()
    desk.until_endpoint("doubling", lambda found: found["EndpointStatus"] == "InService")
    seen = len(desk.steps("ticking", "tick"))
    eventually(lambda: len(desk.steps("ticking", "tick")) > seen, timeout_s=30)
    until.touch()
    assert desk.ended("ticking")["TrainingJobStatus"] == "Completed"
    assert desk.ended("next")["TrainingJobStatus"] == "Completed"


def test_a_store_that_is_deleted_under_a_server_is_named_with_what_to_do(
    desk: Desk, server: JupyterProcess, disk: Path
) -> None:
    s3, sagemaker = client_of(server, "s3"), client_of(server, "sagemaker")
    assert desk.run("before", "print(1)")["TrainingJobStatus"] == "Completed"
    s3.put_object(Bucket=BUCKET, Key="kept", Body=b"as it was")
    for file in (disk / "workspace").glob("jupyter_ml.db*"):
        file.unlink()
    for ask in (
        lambda: desk.client.call("ListTrainingJobs"),
        lambda: desk.train("after", "print(2)"),
        sagemaker.list_training_jobs,
    ):
        message = refused(ask)
        assert str(disk / "workspace" / "jupyter_ml.db") in message
        assert "jupyter ml restore BACKUP --keep-files" in message
    assert not (disk / "workspace" / "jupyter_ml.db").exists()
    assert s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"as it was"


@pytest.fixture
def copied_server(disk: Path, tmp_path: Path) -> Iterator[JupyterProcess]:
    """A server with its workspace on the small disk and a replica on another."""
    (tmp_path / "replica").mkdir()
    more = {"JUPYTER_ML_REPLICA": str(tmp_path / "replica")}
    server = start(tmp_path, JUPYTER_ML_WORKSPACE=str(disk / "workspace"), **more)
    yield server
    server.stop()


def test_a_server_whose_store_is_deleted_goes_on_from_its_replica(
    copied_server: JupyterProcess, disk: Path, tmp_path: Path
) -> None:
    desk = Desk(HttpClient(copied_server.url, TOKEN), tmp_path)
    assert desk.run("before", "print(1)")["TrainingJobStatus"] == "Completed"
    until = tmp_path / "until"
    desk.train("ticking", TICKING, Environment={"UNTIL": str(until)})
    eventually(lambda: len(desk.steps("ticking", "tick")) > 5, timeout_s=90)

    def running_is_copied() -> bool:
        (copy,) = (tmp_path / "replica").glob("*/jupyter_ml.db")
        uri = f"file:{copy}?immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as found:
            states = found.execute("SELECT state FROM attempts WHERE key = 'ticking'").fetchall()
        return states == [(RUNNING,)]

    eventually(running_is_copied, timeout_s=60)
    for file in (disk / "workspace").glob("jupyter_ml.db*"):
        file.unlink()
    seen = len(desk.steps("ticking", "tick"))
    assert desk.job("before")["TrainingJobStatus"] == "Completed"
    eventually(lambda: len(desk.steps("ticking", "tick")) > seen, timeout_s=30)
    until.touch()
    assert desk.ended("ticking")["TrainingJobStatus"] == "Completed"
    assert desk.run("after", "print(2)")["TrainingJobStatus"] == "Completed"
    # Whoever missed it first said so: the server, or a process in the background.
    background = (disk / "workspace" / "background.log").read_text()
    assert (copied_server.log + background).count("is recovered from the copy") == 1
