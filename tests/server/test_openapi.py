"""The OpenAPI document: valid, complete, and of one mind with the validator."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from jupyter_ml.contract import drawing
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.validator import validate as check
from jupyter_ml.server.extension import routes
from jupyter_ml.server.openapi import document
from jupyter_ml.services import registry

# What speaks AWS's protocols is described by AWS.
FOREIGN = {"/aws(/.*)?", "/aws/s3(/.*)?"}
SAMPLES = {r"([A-Z][A-Za-z]+)": "GetWorkspace", r"([^/]+)": "{EndpointName}", "\\.": "."}
drawn = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

whole = cache(document)


@cache
def schema_of(operation: str) -> Any:
    described = whole("/")["paths"][f"/api/{operation}"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": whole("/")["components"]})


async def test_it_is_served_to_who_has_a_token_and_is_valid(
    jp_fetch: Any, jp_base_url: str, workspace: Any
) -> None:
    response = await jp_fetch("jupyter-ml", "api", "openapi.json")
    assert response.headers["Content-Type"].startswith("application/json")
    served = json.loads(response.body)
    assert served["servers"] == [{"url": f"{jp_base_url}jupyter-ml"}]
    assert served == json.loads(json.dumps(document(jp_base_url)))
    validate(served)
    assert not workspace.exists()


def test_every_operation_and_every_route_is_in_it() -> None:
    paths = whole("/")["paths"]
    assert {f"/api/{name}" for name in registry().operations} <= set(paths)
    # the handlers get what they work with when they are made, which they are not here
    unused: Any = None

    class Answers:
        answer_aws = None

    for pattern, _, _ in routes(Answers(), unused, unused):  # type: ignore[arg-type]
        path = pattern.removeprefix("jupyter-ml")
        if path not in FOREIGN:
            for group, sample in SAMPLES.items():
                path = path.replace(group, sample)
            assert path in paths
            assert not re.search(r"[()\[\]\\]", path)


def test_what_has_no_effect_is_said() -> None:
    described = whole("/")["paths"]["/api/CreateTrainingJob"]["post"]
    assert "`VpcConfig`: rejected: there is no virtual private cloud" in described["description"]
    assert described["summary"] == "Starts a model training job."


@pytest.mark.parametrize("operation", sorted(registry().operations))
@drawn
@given(data=st.data())
def test_it_takes_what_the_validator_takes(operation: str, data: st.DataObject) -> None:
    strategy = st.one_of(drawing.requests(operation), drawing.broken_requests(operation))
    request = json.loads(
        json.dumps(data.draw(strategy), default=lambda blob: blob.decode("latin-1"))
    )
    try:
        check(operation, request)
    except ValidationException:
        return
    problems = list(schema_of(operation).iter_errors(request))
    assert not problems, problems[0]
