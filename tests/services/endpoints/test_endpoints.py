"""Endpoints through a client, with real processes: deployed, invoked, updated, failed, deleted."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract.errors import (
    ModelError,
    ModelNotReadyException,
    NotImplementedException,
    ServiceUnavailable,
    ValidationException,
)
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.services.endpoints.generations import STARTUP_TIMER
from jupyter_ml.testing import eventually
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    import pandas as pd

    from tests.services.endpoints.conftest import Endpoints


def test_an_endpoint_is_in_service_only_when_it_answers(
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    endpoints.deploy("cancer", archive)
    described = endpoints.status("cancer")
    assert described["EndpointStatus"] == "Creating"
    with pytest.raises(ModelNotReadyException, match="still being created"):
        endpoints.invoke("cancer", [])
    described = endpoints.wait("cancer")
    assert described["EndpointConfigName"] == "cancer"
    (variant,) = described["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("AllTraffic", 1)
    rows = frame.iloc[:3]
    answer = endpoints.invoke("cancer", rows.to_dict("split"))
    assert answer == {"predictions": [0, 0, 0]}


def test_what_is_watched_is_what_happened(
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    endpoints.deploy("cancer", archive)
    endpoints.wait("cancer")
    snapshot = endpoints.client.call("WatchEndpoints")
    assert snapshot["Reset"] is True
    (card,) = snapshot["Endpoints"]
    assert (card["ModelName"], card["EndpointStatus"]) == ("cancer", "InService")
    endpoints.invoke("cancer", [frame.iloc[0].tolist()])
    with pytest.raises(ModelError):
        endpoints.invoke("cancer", [[1]])

    def delta() -> Any:
        return endpoints.client.call("WatchEndpoints", {"Cursor": snapshot["Cursor"]})

    eventually(lambda: delta()["Endpoints"] and delta()["Endpoints"][0]["Requests"] == 2)
    (card,) = delta()["Endpoints"]
    assert delta()["Reset"] is False
    assert (card["Errors4xx"], card["RequestsPerMinute"], sum(card["Sparkline"])) == (1, 2, 2)
    assert card["Workers"] == {"Desired": 1, "Current": 1}
    full = endpoints.client.call("WatchEndpoint", {"EndpointName": "cancer"})
    assert full["SelfTest"]["Passed"] is True
    assert full["Checks"][0]["Library"] == "scikit-learn"
    assert full["Compilation"]["Status"] in {"Compiling", "Compiled"}
    assert [column["Name"] for column in full["Schema"]["Columns"]] == list(frame.columns)
    assert endpoints.invoke("cancer", json.loads(full["Schema"]["SampleRequest"]))
    assert sum(interval["Requests"] for interval in full["Intervals"]) == 2
    endpoints.client.call("DeleteEndpoint", {"EndpointName": "cancer"})
    assert delta()["Removed"] == ["cancer"]


def test_an_endpoint_that_waits_for_memory_says_so(endpoints: Endpoints, archive: Path) -> None:
    assert (
        endpoints.client.call("ListEndpoints", {})["Endpoints"] == []
    )  # makes the workspace's folder
    machine = endpoints.client.runtime.engine.machine
    most = machine.memory_mb // 1024
    sizes = {"ml.most": {"cpus": 1, "memory_gb": most}}
    (endpoints.client.runtime.workspace.root / "instance_types.json").write_text(json.dumps(sizes))
    endpoints.deploy("first", archive, InstanceType="ml.most")
    endpoints.deploy("second", archive, InstanceType="ml.most")
    cards = endpoints.client.call("WatchEndpoints", {})["Endpoints"]
    messages = {card["EndpointName"]: card.get("StatusMessage") for card in cards}
    free = machine.memory_mb - most * 1024
    assert messages == {
        "first": None,
        "second": f"Waiting for memory: needs {most * 1024} MiB, {free} of {machine.memory_mb} "
        "MiB are not reserved",
    }


def test_a_model_that_cannot_be_loaded_fails_the_endpoint_with_its_reason(
    endpoints: Endpoints,
) -> None:
    endpoints.deploy("bad", endpoints.scripted("bad", "def model_fn(d):\n    return {}['w']\n"))
    described = endpoints.wait("bad", "Failed")
    assert described["FailureReason"] == "Loading the model failed: KeyError: 'w'"
    with pytest.raises(ValidationException, match="Endpoint bad is Failed: Loading the model"):
        endpoints.invoke("bad", [])


def test_what_is_not_there_is_named_at_once(endpoints: Endpoints, tmp_path: Path) -> None:
    with pytest.raises(ValidationException, match="Could not find model data at /no/where"):
        endpoints.configure("m", Path("/no/where"))
    (tmp_path / "empty").mkdir()
    config = {
        "EndpointConfigName": "c",
        "ProductionVariants": [{"VariantName": "v", "ModelName": "none"}],
    }
    with pytest.raises(ValidationException, match=r'Could not find model ".*model/none"'):
        endpoints.client.call("CreateEndpointConfig", config)
    with pytest.raises(ValidationException, match="Could not find endpoint config"):
        endpoints.client.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "none"})
    with pytest.raises(ValidationException, match="Endpoint e of account 000000000000 not found"):
        endpoints.invoke("e", [])
    container = {"Image": "registry/my-own:1", "ModelDataUrl": str(tmp_path)}
    with pytest.raises(NotImplementedException, match="cannot be run"):
        endpoints.client.call("CreateModel", {"ModelName": "m", "PrimaryContainer": container})
    environment = {"JUPYTER_ML_PYTHON": "/no/python"}
    endpoints.configure("python", tmp_path / "empty", Environment=environment)
    with pytest.raises(ValidationException, match="JUPYTER_ML_PYTHON='/no/python'"):
        endpoints.client.call(
            "CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "python"}
        )
    endpoints.configure("m", tmp_path / "empty", InstanceType="ml.m5.nonsense")
    with pytest.raises(ValidationException, match=r"ml\.m5\.nonsense"):
        endpoints.client.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "m"})


def test_two_instances_are_two_workers(
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    endpoints.deploy("cancer", archive, InitialInstanceCount=2)
    described = endpoints.wait("cancer")
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    eventually(
        lambda: (
            endpoints.client.call("WatchEndpoints")["Endpoints"][0]["Workers"]
            == {"Desired": 2, "Current": 2}
        )
    )
    assert endpoints.invoke("cancer", [frame.iloc[0].tolist()]) == {"predictions": [0]}


def test_a_server_that_does_not_start_in_time_is_given_up(endpoints: Endpoints) -> None:
    text = "import time\ndef model_fn(d): time.sleep(600)\ndef transform_fn(*a): return ''\n"
    # The contract's least time-out is a minute: the timer is brought forward instead.
    endpoints.deploy("slow", endpoints.scripted("slow", text))
    endpoints.until(lambda: any(a.started_at for a in endpoints.live()))
    bring_forward(endpoints, "slow", 0.0)
    described = endpoints.wait("slow", "Failed")
    assert "did not answer /ping within 0 s of its start" in described["FailureReason"]
    endpoints.until(lambda: not endpoints.live())


def test_a_server_that_starts_while_the_clock_is_set_forward_is_not_given_up(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    text = (
        "import os, time\n"
        "def model_fn(d):\n"
        f"    while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
        "def transform_fn(*a): return ''\n"
    )
    endpoints.deploy("patient", endpoints.scripted("patient", text))
    endpoints.until(lambda: any(a.started_at for a in endpoints.live()))
    tomorrow = dataclasses.replace(endpoints.client.runtime, clock=lambda: time.time() + 86_400)
    tick(tomorrow)
    assert endpoints.status("patient")["EndpointStatus"] == "Creating"
    go.touch()
    assert "FailureReason" not in endpoints.wait("patient")


def bring_forward(endpoints: Endpoints, name: str, startup_timeout_s: float) -> None:
    """Shorten the time in which an endpoint must start."""
    with Context(endpoints.client.runtime, Principal("tester", "test")).writing() as ctx:
        row = ctx.get("Endpoint", name)
        number = row.private["starting"]
        summary = row.private["generations"][str(number)]
        changed = {str(number): {**summary, "startup_timeout_s": startup_timeout_s}}
        ctx.update(row, private={"generations": changed})
        ctx.set_timer(STARTUP_TIMER, name, ctx.now(), {"Attempt": number})


def test_a_deleted_endpoint_is_gone_and_its_name_is_free(
    endpoints: Endpoints, archive: Path
) -> None:
    endpoints.deploy("cancer", archive)
    endpoints.wait("cancer")
    endpoints.client.call("DeleteEndpoint", {"EndpointName": "cancer"})
    with pytest.raises(ValidationException, match=r'Could not find endpoint ".*endpoint/cancer"'):
        endpoints.status("cancer")
    with pytest.raises((ValidationException, ServiceUnavailable), match="not found"):
        endpoints.invoke("cancer", [])
    endpoints.client.call(
        "CreateEndpoint", {"EndpointName": "cancer", "EndpointConfigName": "cancer"}
    )
    assert endpoints.wait("cancer")["EndpointStatus"] == "InService"
