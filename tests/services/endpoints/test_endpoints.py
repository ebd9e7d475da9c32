"""Endpoints through a client, with real processes: deployed, invoked, updated, failed, deleted."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import signal
import socket
import stat
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import psutil
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import (
    AccessDeniedException,
    ModelError,
    ModelNotReadyException,
    NotImplementedException,
    ServiceUnavailable,
    ValidationException,
)
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine import identity
from jupyter_ml.services.endpoints.generations import STARTUP_TIMER
from jupyter_ml.services.endpoints.invoke import invoke_endpoint
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_S = 60
DATA = load_breast_cancer(as_frame=True)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalClient]:
    """A client of a fresh workspace; its endpoints end with the test."""
    client = LocalClient(fresh_settings(tmp_path))
    yield client
    for endpoint in client.call("ListEndpoints", {"MaxResults": 100})["Endpoints"]:
        client.call("DeleteEndpoint", {"EndpointName": endpoint["EndpointName"]})
    eventually(lambda: (client.attend(), not live(client))[1], timeout_s=START_S)


def live(client: LocalClient) -> list[Any]:
    """Return the attempts that have not ended."""
    with Context(client.runtime, Principal("tester", "test")).reading() as ctx:
        return ctx.live_attempts()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model.tar.gz as a training job writes it."""
    folder = tmp_path_factory.mktemp("model")
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(DATA.data, DATA.target)
    joblib.dump(model, folder / "model.joblib")
    manifest = {
        "format": "joblib",
        "file": "model.joblib",
        "features": list(DATA.data.columns),
        "libraries": {"scikit-learn": "0.1"},
        "sample": {"columns": list(DATA.data.columns), "data": [DATA.data.iloc[0].tolist()]},
    }
    (folder / "jupyter_ml.json").write_text(json.dumps(manifest))
    return pack(folder)


def pack(folder: Path) -> Path:
    """Return a folder as model.tar.gz."""
    target = folder.with_suffix(".tar.gz")
    with tarfile.open(target, "w:gz") as tar:
        tar.add(folder, ".")
    return target


def scripted(folder: Path, text: str) -> Path:
    """Return a model.tar.gz that holds this inference script."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text(text)
    return pack(folder)


def configure(client: LocalClient, name: str, data: Path, **variant: Any) -> None:
    """Create a model and an endpoint configuration of the same name."""
    environment = variant.pop("Environment", {})
    container = {"ModelDataUrl": str(data), "Environment": environment}
    client.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": name, **variant}
    client.call(
        "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]}
    )


def deploy(client: LocalClient, name: str, data: Path, **variant: Any) -> None:
    """Create an endpoint with all that it needs; it is still being created afterwards."""
    configure(client, name, data, **variant)
    client.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})


def status(client: LocalClient, name: str) -> dict[str, Any]:
    """Return the description of an endpoint."""
    return client.call("DescribeEndpoint", {"EndpointName": name})


def wait(client: LocalClient, name: str, wanted: str = "InService") -> dict[str, Any]:
    """Wait for a status, as the toolkit's waiters do; return the description."""

    def reached() -> bool:
        client.attend()
        return status(client, name)["EndpointStatus"] == wanted

    eventually(reached, timeout_s=START_S, poll_s=0.1)
    return status(client, name)


def invoke(client: LocalClient, name: str, body: Any, **members: Any) -> Any:
    """Return the parsed body of an answer."""
    answer = client.call(
        "InvokeEndpoint",
        {
            "EndpointName": name,
            "Body": json.dumps(body),
            "ContentType": "application/json",
            **members,
        },
    )
    return json.loads(answer["Body"])


def test_an_endpoint_is_in_service_only_when_it_answers(client: LocalClient, archive: Path) -> None:
    deploy(client, "cancer", archive)
    described = status(client, "cancer")
    assert described["EndpointStatus"] == "Creating"
    with pytest.raises(ModelNotReadyException, match="still being created"):
        invoke(client, "cancer", [])
    described = wait(client, "cancer")
    assert described["EndpointConfigName"] == "cancer"
    (variant,) = described["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("AllTraffic", 1)
    rows = DATA.data.iloc[:3]
    answer = invoke(client, "cancer", rows.to_dict("split"))
    assert answer == {"predictions": [0, 0, 0]}


def test_what_is_watched_is_what_happened(client: LocalClient, archive: Path) -> None:
    deploy(client, "cancer", archive)
    wait(client, "cancer")
    snapshot = client.call("WatchEndpoints")
    assert snapshot["Reset"] is True
    (card,) = snapshot["Endpoints"]
    assert (card["ModelName"], card["EndpointStatus"]) == ("cancer", "InService")
    invoke(client, "cancer", [DATA.data.iloc[0].tolist()])
    with pytest.raises(ModelError):
        invoke(client, "cancer", [[1]])

    def delta() -> Any:
        return client.call("WatchEndpoints", {"Cursor": snapshot["Cursor"]})

    eventually(lambda: delta()["Endpoints"] and delta()["Endpoints"][0]["Requests"] == 2)
    (card,) = delta()["Endpoints"]
    assert delta()["Reset"] is False
    assert (card["Errors4xx"], card["RequestsPerMinute"], sum(card["Sparkline"])) == (1, 2, 2)
    assert card["Workers"] == {"Desired": 1, "Current": 1}
    full = client.call("WatchEndpoint", {"EndpointName": "cancer"})
    assert full["SelfTest"]["Passed"] is True
    assert full["Checks"][0]["Library"] == "scikit-learn"
    assert full["Compilation"]["Status"] in {"Compiling", "Compiled"}
    assert [column["Name"] for column in full["Schema"]["Columns"]] == list(DATA.data.columns)
    assert invoke(client, "cancer", json.loads(full["Schema"]["SampleRequest"]))
    assert sum(interval["Requests"] for interval in full["Intervals"]) == 2
    client.call("DeleteEndpoint", {"EndpointName": "cancer"})
    assert delta()["Removed"] == ["cancer"]


def test_an_endpoint_that_waits_for_memory_says_so(client: LocalClient, archive: Path) -> None:
    assert client.call("ListEndpoints", {})["Endpoints"] == []  # makes the workspace's folder
    machine = client.runtime.engine.machine
    most = machine.memory_mb // 1024
    sizes = {"ml.most": {"cpus": 1, "memory_gb": most}}
    (client.runtime.workspace.root / "instance_types.json").write_text(json.dumps(sizes))
    deploy(client, "first", archive, InstanceType="ml.most")
    deploy(client, "second", archive, InstanceType="ml.most")
    cards = client.call("WatchEndpoints", {})["Endpoints"]
    messages = {card["EndpointName"]: card.get("StatusMessage") for card in cards}
    free = machine.memory_mb - most * 1024
    assert messages == {
        "first": None,
        "second": f"Waiting for memory: needs {most * 1024} MiB, {free} of {machine.memory_mb} "
        "MiB are not reserved",
    }


def test_the_direct_url_wants_the_token_of_its_owner(client: LocalClient, archive: Path) -> None:
    deploy(client, "cancer", archive)
    wait(client, "cancer")
    (card,) = client.call("WatchEndpoints")["Endpoints"]
    token_file = Path(card["TokenFile"])
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(token_file.parent.stat().st_mode) == 0o700
    port = int(card["Url"].split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/ping")
    response = connection.getresponse()
    response.read()
    assert response.status == 401
    headers = {"Authorization": f"Bearer {token_file.read_text()}"}
    connection.request("GET", "/ping", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


class _Denying:
    def authorize(self, principal: Principal, operation: str, request: dict[str, Any]) -> None:
        raise AccessDeniedException(
            f"{principal.name} may not do {operation} on {request['EndpointName']} "
            f"from {principal.source}."
        )


def test_an_endpoint_answers_tensors_and_logs_as_its_workspace_says(
    client: LocalClient, archive: Path, tmp_path: Path
) -> None:
    deployer = LocalClient(fresh_settings(tmp_path, log_format="json"))
    deploy(deployer, "cancer", archive)
    wait(client, "cancer")
    (card,) = client.call("WatchEndpoints")["Endpoints"]
    token_file = Path(card["TokenFile"])
    port = int(card["Url"].split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    row = DATA.data.iloc[0].tolist()
    tensor = {"name": "rows", "shape": [1, 30], "datatype": "FP64", "data": row}
    headers = {"Authorization": f"Bearer {token_file.read_text()}"}
    connection.request("POST", "/v2/models/cancer/infer", json.dumps({"inputs": [tensor]}), headers)
    response = connection.getresponse()
    assert response.status == 200
    assert json.loads(response.read())["outputs"][0]["shape"] == [1]
    connection.close()
    log = token_file.parent / "members" / "0" / "log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "different versions" in lines[0]["message"]


def test_who_may_not_invoke_is_denied_and_the_denial_is_recorded(client: LocalClient) -> None:
    runtime = dataclasses.replace(client.runtime, authorizer=_Denying())
    principal = Principal("eve", "aws")
    with pytest.raises(AccessDeniedException, match="eve may not do InvokeEndpoint on x from aws"):
        invoke_endpoint(runtime, {"EndpointName": "x", "Body": b"[1]"}, principal)
    with Context(client.runtime, principal).reading() as ctx:
        event = ctx.events_since(0)[-1]
    assert (event.name, event.principal) == ("InvokeEndpoint", "eve")
    assert event.error_code == "AccessDeniedException"


def test_a_wrong_column_comes_back_as_a_model_error_that_names_it(
    client: LocalClient, archive: Path
) -> None:
    deploy(client, "cancer", archive)
    wait(client, "cancer")
    body = DATA.data.iloc[:1].rename(columns={"mean area": "mean aera"}).to_dict("split")
    with pytest.raises(ModelError, match=r"client error \(400\).*did you mean 'mean area'") as info:
        invoke(client, "cancer", body)
    assert info.value.original_status == 400
    assert json.loads(info.value.original_message)["type"] == "ValidationError"
    with pytest.raises(ValidationException, match="6,291,456"):
        client.call("InvokeEndpoint", {"EndpointName": "cancer", "Body": b" " * 6_291_457})
    with pytest.raises(ValidationException, match="no variant 'blue'"):
        invoke(client, "cancer", body, TargetVariant="blue")
    with pytest.raises(ValidationException, match="does not take TargetModel"):
        invoke(client, "cancer", body, TargetModel="m")


def test_a_model_that_cannot_be_loaded_fails_the_endpoint_with_its_reason(
    client: LocalClient, tmp_path: Path
) -> None:
    deploy(client, "bad", scripted(tmp_path / "bad", "def model_fn(d):\n    return {}['w']\n"))
    described = wait(client, "bad", "Failed")
    assert described["FailureReason"] == "Loading the model failed: KeyError: 'w'"
    with pytest.raises(ValidationException, match="Endpoint bad is Failed: Loading the model"):
        invoke(client, "bad", [])


def test_what_is_not_there_is_named_at_once(client: LocalClient, tmp_path: Path) -> None:
    with pytest.raises(ValidationException, match="Could not find model data at /no/where"):
        configure(client, "m", Path("/no/where"))
    (tmp_path / "empty").mkdir()
    config = {
        "EndpointConfigName": "c",
        "ProductionVariants": [{"VariantName": "v", "ModelName": "none"}],
    }
    with pytest.raises(ValidationException, match=r'Could not find model ".*model/none"'):
        client.call("CreateEndpointConfig", config)
    with pytest.raises(ValidationException, match="Could not find endpoint config"):
        client.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "none"})
    with pytest.raises(ValidationException, match="Endpoint e of account 000000000000 not found"):
        invoke(client, "e", [])
    container = {"Image": "registry/my-own:1", "ModelDataUrl": str(tmp_path)}
    with pytest.raises(NotImplementedException, match="cannot be run"):
        client.call("CreateModel", {"ModelName": "m", "PrimaryContainer": container})
    environment = {"JUPYTER_ML_PYTHON": "/no/python"}
    configure(client, "python", tmp_path / "empty", Environment=environment)
    with pytest.raises(ValidationException, match="JUPYTER_ML_PYTHON='/no/python'"):
        client.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "python"})
    configure(client, "m", tmp_path / "empty", InstanceType="ml.m5.nonsense")
    with pytest.raises(ValidationException, match=r"ml\.m5\.nonsense"):
        client.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "m"})


def answers(folder: Path, text: str) -> Path:
    """Return a model that answers each request with a text."""
    return scripted(
        folder,
        "def model_fn(d): return 0\n"
        f"def transform_fn(m, body, ct, accept): return {json.dumps(json.dumps(text))}\n",
    )


class Load:
    """Clients that invoke without a pause until they are stopped."""

    def __init__(self, ask: Callable[[], Any], clients: int = 4) -> None:
        self.answers: list[Any] = []
        self.by_client: list[list[Any]] = [[] for _ in range(clients)]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(ask, own)) for own in self.by_client
        ]

    def __enter__(self) -> Load:  # noqa: PYI034
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests have been answered."""
        wanted = len(self.answers) + more
        eventually(lambda: len(self.answers) >= wanted, timeout_s=START_S)

    def _run(self, ask: Callable[[], Any], own: list[Any]) -> None:
        while not self._stopped.is_set():
            try:
                own.append(ask())
            except Exception as error:  # noqa: BLE001
                own.append(error)
            self.answers.append(own[-1])


def test_an_update_drops_no_request_and_ends_the_generation_before(
    client: LocalClient, tmp_path: Path
) -> None:
    deploy(client, "e", answers(tmp_path / "one", "one"))
    wait(client, "e")
    configure(client, "two", answers(tmp_path / "two", "two"))
    with Load(lambda: invoke(client, "e", [])) as load:
        load.wait_for(20)
        client.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "two"})
        assert status(client, "e")["EndpointStatus"] == "Updating"
        assert wait(client, "e")["EndpointConfigName"] == "two"
        eventually(lambda: (client.attend(), len(live(client)) == 1)[1], timeout_s=START_S)
        load.wait_for(20)
        assert {invoke(client, "e", []) for _ in range(20)} == {"two"}
    assert {str(answer) for answer in load.answers} == {"one", "two"}
    # Whoever was answered by the new generation is never answered by the old one again.
    for answered in load.by_client:
        assert answered == sorted(answered)


def test_an_update_that_fails_is_rolled_back(client: LocalClient, tmp_path: Path) -> None:
    deploy(client, "e", answers(tmp_path / "one", "one"))
    wait(client, "e")
    configure(client, "bad", scripted(tmp_path / "bad", "def model_fn(d):\n    1 / 0\n"))
    client.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "bad"})
    described = wait(client, "e")
    assert described["EndpointConfigName"] == "e"
    assert "The update to 'bad' failed and was rolled back." in described["FailureReason"]
    assert "ZeroDivisionError" in described["FailureReason"]
    assert invoke(client, "e", []) == "one"


def test_a_server_killed_under_load_comes_back_without_a_failed_request(
    client: LocalClient, tmp_path: Path
) -> None:
    text = (
        "import os, time\n"
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept):\n"
        "    time.sleep(0.005)\n"
        "    return str(os.getpid())\n"
    )
    deploy(client, "e", scripted(tmp_path / "pids", text))
    wait(client, "e")
    victim = invoke(client, "e", [])
    with Load(lambda: invoke(client, "e", [])) as load:
        load.wait_for(20)
        os.kill(victim, signal.SIGKILL)
        load.wait_for(20)
    assert all(isinstance(answer, int) for answer in load.answers), load.answers
    assert len(set(load.answers)) == 2
    assert status(client, "e")["EndpointStatus"] == "InService"


def test_a_lost_supervisor_is_replaced_and_the_endpoint_serves_on(
    client: LocalClient, tmp_path: Path
) -> None:
    deploy(client, "e", answers(tmp_path / "one", "one"))
    wait(client, "e")
    (attempt,) = live(client)
    folder = client.runtime.workspace.work_dir("Endpoint", "e", attempt.number)
    supervisor = json.loads((folder / "shim.json").read_text())["identity"].split(":")[1]
    os.kill(int(supervisor), signal.SIGKILL)

    def replaced() -> bool:
        client.attend()
        return [found.number for found in live(client)] == [attempt.number + 1]

    eventually(replaced, timeout_s=START_S, poll_s=0.1)
    assert status(client, "e")["EndpointStatus"] in {"SystemUpdating", "InService"}
    assert invoke(client, "e", []) == "one"
    assert wait(client, "e")["EndpointConfigName"] == "e"


def test_a_lost_supervisor_under_load_fails_no_request(client: LocalClient, tmp_path: Path) -> None:
    deploy(client, "e", answers(tmp_path / "one", "one"))
    wait(client, "e")
    (attempt,) = live(client)
    folder = client.runtime.workspace.work_dir("Endpoint", "e", attempt.number)
    shim = json.loads((folder / "shim.json").read_text())
    server = identity.identify(shim["members"][0])
    # Nobody ticks from here on but who is sent for by those that ask.
    eventually(lambda: not ticks(client), timeout_s=START_S)
    with Load(lambda: invoke(client, "e", [])) as load:
        load.wait_for(20)
        identity.send(shim["identity"], (signal.SIGKILL,))
        # It answers until it has died, too.
        eventually(lambda: not identity.is_alive(server), timeout_s=START_S)
        load.wait_for(50)
    assert {str(answer) for answer in load.answers} == {"one"}
    assert [found.number for found in live(client)] == [attempt.number + 1]


class Died(BaseException):
    """Stands for a tick that is killed."""


def lose(client: LocalClient) -> None:
    """Kill the supervisor of the only endpoint; a tick notes it, and is killed at once."""

    def die(step: str) -> None:
        if "generation_runs_again" in step:
            raise Died

    (attempt,) = live(client)
    os.kill(identity.pid_of(attempt.handle["identity"]), signal.SIGKILL)
    eventually(lambda: not identity.is_alive(attempt.handle["identity"]))
    with pytest.raises(Died):
        tick(client.runtime, die)
    assert len(live(client)) == 1


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_an_update_of_an_endpoint_whose_supervisor_was_just_lost_is_not_lost(
    client: LocalClient, tmp_path: Path, ends: str
) -> None:
    deploy(client, "e", answers(tmp_path / "one", "one"))
    wait(client, "e")
    broken = scripted(tmp_path / "broken", "raise ValueError('no model')")
    good = answers(tmp_path / "two", "two")
    configure(client, "v2", good if ends == "well" else broken)
    # What was lost is noted by the test alone.
    eventually(lambda: not ticks(client), timeout_s=START_S)
    lose(client)
    client.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "v2"})
    described = wait(client, "e")
    assert described["EndpointConfigName"] == ("v2" if ends == "well" else "e")
    assert ("rolled back" in described.get("FailureReason", "")) == (ends == "badly")
    assert invoke(client, "e", None) == ("two" if ends == "well" else "one")
    eventually(lambda: (client.attend(), len(live(client)) == 1)[1], timeout_s=START_S)


def ticks(client: LocalClient) -> list[int]:
    """Return the processes that tick this workspace on their own."""
    command = list(client.runtime.tick_command)
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if process.info["cmdline"] == command]


def test_two_instances_are_two_workers(client: LocalClient, archive: Path) -> None:
    deploy(client, "cancer", archive, InitialInstanceCount=2)
    described = wait(client, "cancer")
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    eventually(
        lambda: (
            client.call("WatchEndpoints")["Endpoints"][0]["Workers"] == {"Desired": 2, "Current": 2}
        )
    )
    assert invoke(client, "cancer", [DATA.data.iloc[0].tolist()]) == {"predictions": [0]}


def test_a_server_that_does_not_start_in_time_is_given_up(
    client: LocalClient, tmp_path: Path
) -> None:
    text = "import time\ndef model_fn(d): time.sleep(600)\ndef transform_fn(*a): return ''\n"
    # The contract's least time-out is a minute: the timer is brought forward instead.
    deploy(client, "slow", scripted(tmp_path / "slow", text))
    eventually(lambda: (client.attend(), any(a.started_at for a in live(client)))[1], START_S)
    bring_forward(client, "slow", 0.0)
    described = wait(client, "slow", "Failed")
    assert "did not answer /ping within 0 s of its start" in described["FailureReason"]
    eventually(lambda: (client.attend(), not live(client))[1], timeout_s=START_S)


def test_a_server_that_starts_while_the_clock_is_set_forward_is_not_given_up(
    client: LocalClient, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    text = (
        "import os, time\n"
        "def model_fn(d):\n"
        f"    while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
        "def transform_fn(*a): return ''\n"
    )
    deploy(client, "patient", scripted(tmp_path / "patient", text))
    eventually(lambda: (client.attend(), any(a.started_at for a in live(client)))[1], START_S)
    tomorrow = dataclasses.replace(client.runtime, clock=lambda: time.time() + 86_400)
    tick(tomorrow)
    assert status(client, "patient")["EndpointStatus"] == "Creating"
    go.touch()
    assert "FailureReason" not in wait(client, "patient")


def bring_forward(client: LocalClient, name: str, startup_timeout_s: float) -> None:
    """Shorten the time in which an endpoint must start."""
    with Context(client.runtime, Principal("tester", "test")).writing() as ctx:
        row = ctx.get("Endpoint", name)
        number = row.private["starting"]
        summary = row.private["generations"][str(number)]
        changed = {str(number): {**summary, "startup_timeout_s": startup_timeout_s}}
        ctx.update(row, private={"generations": changed})
        ctx.set_timer(STARTUP_TIMER, name, ctx.now(), {"Attempt": number})


def test_a_deleted_endpoint_is_gone_and_its_name_is_free(
    client: LocalClient, archive: Path
) -> None:
    deploy(client, "cancer", archive)
    wait(client, "cancer")
    client.call("DeleteEndpoint", {"EndpointName": "cancer"})
    with pytest.raises(ValidationException, match=r'Could not find endpoint ".*endpoint/cancer"'):
        status(client, "cancer")
    with pytest.raises((ValidationException, ServiceUnavailable), match="not found"):
        invoke(client, "cancer", [])
    client.call("CreateEndpoint", {"EndpointName": "cancer", "EndpointConfigName": "cancer"})
    assert wait(client, "cancer")["EndpointStatus"] == "InService"


CALLS_OUT = """
import socket
import numpy

def model_fn(model_dir):
    return model_dir

def predict_fn(data, model):
    try:
        socket.create_connection(("127.0.0.1", int(numpy.ravel(data)[0])), 2)
    except OSError as error:
        return [type(error).__name__]
    return ["reached"]
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_an_isolated_endpoint_answers_and_calls_nobody(
    client: LocalClient, tmp_path: Path, workers: int
) -> None:
    data = scripted(tmp_path / "model", CALLS_OUT)
    with socket.create_server(("127.0.0.1", 0)) as outside:
        for name, isolated in (("open", False), ("cut-off", True)):
            environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)}
            container = {"ModelDataUrl": str(data), "Environment": environment}
            client.call(
                "CreateModel",
                {
                    "ModelName": name,
                    "PrimaryContainer": container,
                    "EnableNetworkIsolation": isolated,
                },
            )
            variant = {"VariantName": "AllTraffic", "ModelName": name}
            client.call(
                "CreateEndpointConfig",
                {"EndpointConfigName": name, "ProductionVariants": [variant]},
            )
            client.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
            wait(client, name)
        port = outside.getsockname()[1]
        assert invoke(client, "open", [[port]])["predictions"] == ["reached"]
        assert invoke(client, "cut-off", [[port]])["predictions"] == ["PermissionError"]
    cards = {card["EndpointName"]: card for card in client.call("WatchEndpoints", {})["Endpoints"]}
    assert cards["cut-off"]["Network"] == "network namespace"
    assert "Network" not in cards["open"]


def test_an_isolated_endpoint_is_in_service_without_anybody_looking(
    client: LocalClient, archive: Path
) -> None:
    container = {"ModelDataUrl": str(archive)}
    client.call("CreateModel", {"ModelName": "quiet", "PrimaryContainer": container})
    client.call(
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "quiet",
            "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "quiet"}],
            "EnableNetworkIsolation": True,
        },
    )
    client.call("CreateEndpoint", {"EndpointName": "quiet", "EndpointConfigName": "quiet"})
    client.attend()
    eventually(lambda: status(client, "quiet")["EndpointStatus"] == "InService", START_S, 0.1)
    assert len(invoke(client, "quiet", DATA.data.head(2).to_dict("records"))["predictions"]) == 2
