"""No credential and no token of the one who submits is in the environment of what is run.

Looked up in the kernel for every process of the workspace, while they run: of a job that starts
from nothing, of one that starts warm, of a cell, and of an endpoint with its workers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from desk import Desk, pack

from jupyter_ml.client import LocalClient
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 120
MARK = "hunter2"
LONG = f"{MARK}{'a' * 36}"
PLANTED = {
    "AWS_ACCESS_KEY_ID": MARK,
    "AWS_SECRET_ACCESS_KEY": MARK,
    "AWS_SESSION_TOKEN": MARK,
    "AWS_PROFILE": MARK,
    "AWS_WEB_IDENTITY_TOKEN_FILE": f"/{MARK}",
    "AZURE_CLIENT_SECRET": MARK,
    "GOOGLE_APPLICATION_CREDENTIALS": f"/{MARK}.json",
    "GITHUB_TOKEN": MARK,
    "HF_TOKEN": MARK,
    "OPENAI_API_KEY": MARK,
    "WANDB_API_KEY": MARK,
    "JUPYTER_TOKEN": MARK,
    "JUPYTER_ML_TOKEN": MARK,
    "JUPYTERHUB_API_TOKEN": MARK,
    "JPY_API_TOKEN": MARK,
    "JPY_SESSION_NAME": MARK,
    "PGPASSWORD": MARK,
    "MYSQL_PWD": MARK,
    "db_password": MARK,
    "clientSecret": MARK,
    "SERVICE_AUTH": MARK,
    "DATABASE_URL": f"postgresql://ada:{MARK}@db/x",
    "BROKER": f"amqp://:{MARK}@mq",
    "https_proxy": f"http://ada:{MARK}@proxy:3128",
    "PIP_INDEX_URL": f"https://ada:{MARK}@packages.example/simple",
    "REPORT": f"https://blob.example/x?sig={LONG}&se=1",
    "HARMLESS_1": f"ghp_{LONG}",
    "HARMLESS_2": f"sk-{LONG}",
    "HARMLESS_3": f"DefaultEndpointsProtocol=https;AccountKey={LONG}==",
    "HARMLESS_4": f"Bearer {LONG}",
    "HARMLESS_5": f"eyJ{LONG}.eyJ{LONG}.{LONG}",
    "HARMLESS_6": f"-----BEGIN RSA PRIVATE KEY-----\n{MARK}\n-----END RSA PRIVATE KEY-----",
    "HARMLESS_7": json.dumps({"key": f"hf_{LONG}"}),
    "SSH_AUTH_SOCK": f"/tmp/{MARK}/agent",
    "GPG_AGENT_INFO": f"/tmp/{MARK}",
    "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/{MARK}",
    "XAUTHORITY": f"/{MARK}",
}
KEPT = {"COLOUR": "blue", "TOKENIZERS_PARALLELISM": "false", "no_proxy": "localhost"}
TELL = """
import json, os, time
import numpy
with open({told!r}, "w") as file:
    json.dump(dict(os.environ), file)
os.rename({told!r}, {told!r} + ".json")
while not os.path.exists({go!r}):
    time.sleep(0.02)
"""
SERVE = """
import json, os

def model_fn(model_dir):
    return 1

def input_fn(body, content_type):
    return None

def predict_fn(data, model):
    return dict(os.environ)

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """What a user holds whose environment is full of secrets."""
    for name, value in {**PLANTED, **KEPT}.items():
        monkeypatch.setenv(name, value)
    client = LocalClient(fresh_settings(tmp_path, warm_memory_mb=4096))
    yield Desk(client, tmp_path)
    for endpoint in client.call("ListEndpoints", {})["Endpoints"]:
        client.call("DeleteEndpoint", {"EndpointName": endpoint["EndpointName"]})
    engine: Any = client.runtime.engine
    # The last job may only now have a zygote started.
    eventually(lambda: not (engine._zygotes.end_all() or environments(tmp_path)), PATIENCE_S)


def environments(folder: Path) -> dict[int, dict[str, str]]:
    """Return the environments of all processes of jobs, endpoints and zygotes of a workspace."""
    found = {}
    for process in psutil.process_iter():
        try:
            environment, command = process.environ(), process.cmdline()
        except psutil.Error:  # it has ended, or is another user's
            continue
        is_ours = any(
            str(folder / "workspace") in word for word in (*environment.values(), *command)
        )
        if is_ours and ("JUPYTER_ML_JOB" in environment or "JUPYTER_ML_ZYGOTE" in environment):
            found[process.pid] = environment
    return found


def check(environment: dict[str, str], tokens: set[str]) -> None:
    """Find nothing that was planted, and no token of ours but the mark of the attempt."""
    assert MARK not in json.dumps(environment)
    holding = {name for name, value in environment.items() if any(t in value for t in tokens)}
    assert holding <= {"JUPYTER_ML_JOB"}


def tokens_of(folder: Path) -> set[str]:
    """Return the tokens of all attempts and endpoints."""
    works = (folder / "workspace" / "work").glob("*/*/*/work.json")
    told = (folder / "workspace" / "work").glob("*/*/*/token")
    return {json.loads(path.read_text())["token"] for path in works} | {
        path.read_text() for path in told
    }


def run_job(desk: Desk, name: str, files: dict[str, str], **hyperparameters: str) -> bool:
    """Run a job that tells its environment, look at all processes; return whether it was warm."""
    told, go = desk.folder / f"{name}-told", desk.folder / f"{name}-go"
    script = TELL.format(told=str(told), go=str(go))
    source = pack(desk.folder / "sources" / f"{name}.tar.gz", {"train.py": script, **files})
    desk.client.call(
        "CreateTrainingJob",
        {
            "TrainingJobName": name,
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": source,
                **hyperparameters,
            },
        },
    )
    eventually(told.with_name(f"{told.name}.json").exists, PATIENCE_S)
    environment = json.loads(told.with_name(f"{told.name}.json").read_text())
    assert KEPT.items() <= environment.items()
    for seen in (environment, *environments(desk.folder).values()):
        check(seen, tokens_of(desk.folder))
    assert len(environments(desk.folder)) >= 3  # supervisor, harness, program
    go.touch()

    def is_done() -> bool:
        desk.client.attend()
        job = desk.client.call("DescribeTrainingJob", {"TrainingJobName": name})
        assert job["TrainingJobStatus"] != "Failed", job["FailureReason"]
        return job["TrainingJobStatus"] == "Completed"

    eventually(is_done, PATIENCE_S, 0.1)
    work = desk.folder / "workspace" / "work" / "TrainingJob" / name
    (spawned,) = work.glob("*/spawned.json")
    warm: bool = json.loads(spawned.read_text())["warm"]
    return warm


def test_jobs_are_given_no_credential_and_no_token(desk: Desk) -> None:
    engine: Any = desk.client.runtime.engine
    assert not run_job(desk, "cold", {})
    eventually(lambda: [each for each in engine.zygotes() if each.state == "ready"], PATIENCE_S)
    assert run_job(desk, "warm", {})
    run_job(desk, "cell", {".jupyter_ml/cell.json": json.dumps({"outputs": [], "inputs": []})})


def test_endpoints_and_their_workers_are_given_no_credential_and_no_token(desk: Desk) -> None:
    data = pack(desk.folder / "model.tar.gz", {"code/inference.py": SERVE})
    container = {"ModelDataUrl": data, "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}}
    desk.client.call("CreateModel", {"ModelName": "told", "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": "told"}
    desk.client.call(
        "CreateEndpointConfig", {"EndpointConfigName": "told", "ProductionVariants": [variant]}
    )
    desk.client.call("CreateEndpoint", {"EndpointName": "told", "EndpointConfigName": "told"})

    def is_in_service() -> bool:
        desk.client.attend()
        endpoint = desk.client.call("DescribeEndpoint", {"EndpointName": "told"})
        assert endpoint["EndpointStatus"] != "Failed", endpoint
        return endpoint["EndpointStatus"] == "InService"

    eventually(is_in_service, PATIENCE_S, 0.1)
    answer = desk.client.call(
        "InvokeEndpoint",
        {"EndpointName": "told", "Body": "[[1]]", "ContentType": "application/json"},
    )
    environment = json.loads(answer["Body"])
    assert KEPT.items() <= environment.items()
    running = environments(desk.folder)
    assert len(running) >= 4  # supervisor, front and two workers
    for seen in (environment, *running.values()):
        check(seen, tokens_of(desk.folder))
