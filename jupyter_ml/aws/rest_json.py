"""AWS REST JSON, the protocol of ``sagemaker-runtime`` and ``sagemaker-metrics``.

Path, headers and body carry the members as the service models' ``http`` and ``location``
traits say; no operation is named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyter_ml.aws.json11 import serialise
from jupyter_ml.contract import model
from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import NotImplementedException, UnknownOperationException

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/json"
SERVICES = ("sagemaker-runtime", "sagemaker-metrics")
# Their requests are signed for SageMaker too.
_ABSENT = ("sagemaker-featurestore-runtime", "sagemaker-a2i-runtime", "sagemaker-edge")


@dataclass(frozen=True)
class Route:
    """An operation and how its members travel.

    Parameters
    ----------
    name, service
        Of the operation.
    method
        HTTP method.
    path
        Matches the path and names the members in it.
    status
        HTTP status of success.
    """

    name: str
    service: str
    method: str
    path: re.Pattern[str]
    status: int

    def parse(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the request that arrived.

        Parameters
        ----------
        path
            Below the gateway's prefix, percent-encoded.
        headers
            By lower-case name.
        body
            The payload.
        """
        match = self.path.fullmatch(path)
        in_path = match.groupdict() if match else {}
        request = {name: unquote(text) for name, text in in_path.items()}
        shape = _structure(self.service, self.name, "input")
        for name, member in shape["members"].items():
            header = member.get("locationName", "").lower()
            if member.get("location") == "header" and header in headers:
                request[name] = headers[header]
        payload = shape.get("payload")
        return {**request, **({payload: body} if payload else json_object(body))}

    def serialise(self, answer: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of an answer."""
        shape = _structure(self.service, self.name, "output")
        headers = {
            member["locationName"]: str(answer[name])
            for name, member in shape["members"].items()
            if member.get("location") == "header" and name in answer
        }
        payload = shape.get("payload")
        if payload is not None:
            body = answer.get(payload, b"")
            return headers, body.encode() if isinstance(body, str) else body
        rest = {
            name: answer[name]
            for name, member in shape["members"].items()
            if name in answer and "location" not in member
        }
        return {"Content-Type": CONTENT_TYPE, **headers}, serialise(rest)


def route(method: str, path: str) -> Route:
    """Return the operation that a method and a path ask for.

    Raises
    ------
    NotImplementedException
        One of a service that is not there does.
    UnknownOperationException
        None does.
    """
    if (found := _among(_routes(SERVICES), method, path)) is not None:
        return found
    if (absent := _among(_routes(_ABSENT), method, path)) is not None:
        raise NotImplementedException(
            f"{absent.name} of {absent.service} is not implemented by this workspace."
        )
    msg = (
        f"Nothing answers {method} {path!r} here. SageMaker's own operations are named by an "
        "X-Amz-Target header; invocations go to /endpoints/NAME/invocations."
    )
    raise UnknownOperationException(msg)


def _among(routes: tuple[Route, ...], method: str, path: str) -> Route | None:
    fitting = (one for one in routes if one.method == method and one.path.fullmatch(path))
    return next(fitting, None)


@cache
def _routes(services: tuple[str, ...]) -> tuple[Route, ...]:
    return tuple(
        Route(
            name,
            service,
            operation["http"]["method"],
            _pattern(operation["http"]["requestUri"]),
            operation["http"].get("responseCode", 200),
        )
        for service in services
        for name, operation in model.document(service)["operations"].items()
    )


def _pattern(uri: str) -> re.Pattern[str]:
    """Return a pattern for a template such as ``/endpoints/{EndpointName}/invocations``."""
    pieces = re.split(r"\{(\w+)\}", uri)
    return re.compile(
        "".join(
            f"(?P<{piece}>[^/]+)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)
        )
    )


def _structure(service: str, operation: str, side: str) -> dict[str, Any]:
    document = model.document(service)
    reference = document["operations"][operation].get(side)
    if reference is None:
        return {"members": {}}
    structure: dict[str, Any] = document["shapes"][reference["shape"]]
    return structure
