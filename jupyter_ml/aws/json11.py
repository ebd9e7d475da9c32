"""AWS JSON 1.1, the protocol of ``sagemaker``: one path, the operation in a header.

Times are epoch seconds in both directions and need no conversion.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract import model
from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import UnknownOperationException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.contract.model import Shape

CONTENT_TYPE = "application/x-amz-json-1.1"
SERVICE = "sagemaker"
_PREFIX = "SageMaker."


def parse(target: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the operation's name and its request.

    Parameters
    ----------
    target
        The ``X-Amz-Target`` header, such as ``SageMaker.ListModels``.
    body
        A JSON object, or nothing.

    Raises
    ------
    UnknownOperationException
        SageMaker has no such operation.
    ValidationException
        The body is not a JSON object, or a blob in it not base64.
    """
    name = target.removeprefix(_PREFIX)
    if name == target or model.operation(name).service != SERVICE:
        msg = f"There is no operation {target!r} behind this address, only SageMaker's."
        raise UnknownOperationException(msg)
    request = json_object(body)
    shape = model.operation(name).input
    if shape is not None and _holds_blob(shape.service, shape.name):
        request = _decoded(request, shape)
    return name, request


def operation_of(target: str, service: str) -> str:
    """Return the name of the operation of another service that a target says.

    Raises
    ------
    UnknownOperationException
        The target is not one of this service.
    """
    prefix = model.document(service)["metadata"]["targetPrefix"]
    name = target.removeprefix(f"{prefix}.")
    if name == target:
        raise UnknownOperationException(f"{target!r} is not an operation of {service}.")
    return name


def serialise(content: Mapping[str, Any]) -> bytes:
    """Return an answer as JSON; bytes become base64."""
    return json.dumps(content, default=_encoded, separators=(",", ":")).encode()


def _encoded(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    msg = f"{type(value).__name__} has no JSON form."
    raise TypeError(msg)


def _decoded(value: Any, shape: Shape) -> Any:
    """Return `value` with its base64 texts as bytes; what does not fit is left to validation."""
    if shape.type == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            msg = f"A {shape.name} must be base64: {error}."
            raise ValidationException(msg) from None
    if shape.type == "structure" and isinstance(value, dict):
        members = shape.members
        return {
            name: _decoded(item, members[name]) if name in members else item
            for name, item in value.items()
        }
    if shape.type == "list" and isinstance(value, list):
        return [_decoded(item, shape.element) for item in value]
    if shape.type == "map" and isinstance(value, dict):
        return {name: _decoded(item, shape.element) for name, item in value.items()}
    return value


@cache
def _holds_blob(service: str, name: str) -> bool:
    return _reaches_blob(model.shape(name, service), set())


def _reaches_blob(shape: Shape, seen: set[str]) -> bool:
    if shape.name in seen:
        return False
    seen.add(shape.name)
    inner = list(shape.members.values())
    if shape.type in {"list", "map"}:
        inner = [shape.element]
    return shape.type == "blob" or any(_reaches_blob(each, seen) for each in inner)
