"""Who may invoke an endpoint, by which way, and what is refused."""

from __future__ import annotations

import dataclasses
import http.client
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract.errors import (
    AccessDeniedException,
    ModelError,
    ValidationException,
)
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.services.endpoints.invoke import invoke_endpoint

if TYPE_CHECKING:
    import pandas as pd

    from tests.services.endpoints.conftest import Endpoints


def test_the_direct_url_wants_the_token_of_its_owner(endpoints: Endpoints, archive: Path) -> None:
    endpoints.deploy("cancer", archive)
    endpoints.wait("cancer")
    (card,) = endpoints.client.call("WatchEndpoints")["Endpoints"]
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
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    endpoints.seen_with(log_format="json").deploy("cancer", archive)
    endpoints.wait("cancer")
    (card,) = endpoints.client.call("WatchEndpoints")["Endpoints"]
    token_file = Path(card["TokenFile"])
    port = int(card["Url"].split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    row = frame.iloc[0].tolist()
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


def test_who_may_not_invoke_is_denied_and_the_denial_is_recorded(endpoints: Endpoints) -> None:
    runtime = dataclasses.replace(endpoints.client.runtime, authorizer=_Denying())
    principal = Principal("eve", "aws")
    with pytest.raises(AccessDeniedException, match="eve may not do InvokeEndpoint on x from aws"):
        invoke_endpoint(runtime, {"EndpointName": "x", "Body": b"[1]"}, principal)
    with Context(endpoints.client.runtime, principal).reading() as ctx:
        event = ctx.events_since(0)[-1]
    assert (event.name, event.principal) == ("InvokeEndpoint", "eve")
    assert event.error_code == "AccessDeniedException"


def test_a_wrong_column_comes_back_as_a_model_error_that_names_it(
    endpoints: Endpoints, frame: pd.DataFrame, archive: Path
) -> None:
    endpoints.deploy("cancer", archive)
    endpoints.wait("cancer")
    body = frame.iloc[:1].rename(columns={"mean area": "mean aera"}).to_dict("split")
    with pytest.raises(ModelError, match=r"client error \(400\).*did you mean 'mean area'") as info:
        endpoints.invoke("cancer", body)
    assert info.value.original_status == 400
    assert json.loads(info.value.original_message)["type"] == "ValidationError"
    with pytest.raises(ValidationException, match="6,291,456"):
        endpoints.client.call(
            "InvokeEndpoint", {"EndpointName": "cancer", "Body": b" " * 6_291_457}
        )
    with pytest.raises(ValidationException, match="no variant 'blue'"):
        endpoints.invoke("cancer", body, TargetVariant="blue")
    with pytest.raises(ValidationException, match="does not take TargetModel"):
        endpoints.invoke("cancer", body, TargetModel="m")
