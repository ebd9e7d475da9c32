"""Endpoints without a network."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.services.endpoints.conftest import Endpoints


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
def test_an_isolated_endpoint_answers_and_calls_nobody(endpoints: Endpoints, workers: int) -> None:
    data = endpoints.scripted("model", CALLS_OUT)
    with socket.create_server(("127.0.0.1", 0)) as outside:
        for name, isolated in (("open", False), ("cut-off", True)):
            environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers)}
            container = {"ModelDataUrl": str(data), "Environment": environment}
            endpoints.client.call(
                "CreateModel",
                {
                    "ModelName": name,
                    "PrimaryContainer": container,
                    "EnableNetworkIsolation": isolated,
                },
            )
            variant = {"VariantName": "AllTraffic", "ModelName": name}
            endpoints.client.call(
                "CreateEndpointConfig",
                {"EndpointConfigName": name, "ProductionVariants": [variant]},
            )
            endpoints.client.call(
                "CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name}
            )
            endpoints.wait(name)
        port = outside.getsockname()[1]
        assert endpoints.invoke("open", [[port]])["predictions"] == ["reached"]
        assert endpoints.invoke("cut-off", [[port]])["predictions"] == ["PermissionError"]
    cards = {
        card["EndpointName"]: card
        for card in endpoints.client.call("WatchEndpoints", {})["Endpoints"]
    }
    assert cards["cut-off"]["Network"] == "network namespace"
    assert "Network" not in cards["open"]


def test_an_isolated_endpoint_is_in_service_without_anybody_looking(
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    container = {"ModelDataUrl": str(archive)}
    endpoints.client.call("CreateModel", {"ModelName": "quiet", "PrimaryContainer": container})
    endpoints.client.call(
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "quiet",
            "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "quiet"}],
            "EnableNetworkIsolation": True,
        },
    )
    endpoints.client.call(
        "CreateEndpoint", {"EndpointName": "quiet", "EndpointConfigName": "quiet"}
    )
    endpoints.client.attend()
    eventually(lambda: endpoints.status("quiet")["EndpointStatus"] == "InService", 60, 0.1)
    assert len(endpoints.invoke("quiet", frame.head(2).to_dict("records"))["predictions"]) == 2
