"""AWS Query, the protocol of STS and IAM: a form with the operation's name in it, XML back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from jupyter_ml.aws.s3 import documents
from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ServiceError, UnknownOperationException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.contract.model import Shape

Json = dict[str, Any]
CONTENT_TYPE = "text/xml"
FORM = "application/x-www-form-urlencoded"
# What says of a request how it is to be read, and is no member of it.
_ENVELOPE = ("Action", "Version")


def parse(service: str, body: bytes) -> tuple[str, Json]:
    """Return the operation's name and its request.

    Parameters
    ----------
    service
        Name of the service in botocore.
    body
        A form: lists and structures are spelt out, as in ``ActionNames.member.1``.

    Raises
    ------
    UnknownOperationException
        The form names no operation of the service.
    ValidationException
        It is not a form, or a value in it cannot be read.
    """
    try:
        form = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        raise ValidationException(f"The body must be a form: {error}.") from None
    name = form.get("Action", "")
    operation = model.document(service)["operations"].get(name)
    if operation is None:
        raise UnknownOperationException(f"There is no operation {name!r} of {service}.")
    flat = {key: text for key, text in form.items() if key not in _ENVELOPE}
    if "input" not in operation:
        return name, flat
    return name, _structure(model.shape(operation["input"]["shape"], service), _nested(flat))


def serialise(service: str, name: str, answer: Json, request_id: str) -> bytes:
    """Return an answer as XML."""
    document = model.document(service)
    output = document["operations"][name]["output"]
    content = documents.elements(answer, output["shape"], service)
    wrapper = output["resultWrapper"]
    return documents.document(
        f"{name}Response",
        f"<{wrapper}>{content}</{wrapper}>"
        f"<ResponseMetadata>{documents.element('RequestId', request_id)}</ResponseMetadata>",
        document["metadata"]["xmlNamespace"],
    )


def refusal(error: ServiceError, request_id: str) -> bytes:
    """Return an error as XML."""
    sender = "Sender" if error.status < 500 else "Receiver"
    content = (
        f"<Error>{documents.element('Type', sender)}{documents.element('Code', error.code)}"
        f"{documents.element('Message', error.message)}</Error>"
        f"{documents.element('RequestId', request_id)}"
    )
    return documents.document("ErrorResponse", content, None)


def _nested(form: Mapping[str, str]) -> Json:
    """Return ``{"A.member.1": "x"}`` as ``{"A": {"member": {"1": "x"}}}``."""
    tree: Json = {}
    for key, text in form.items():
        *path, last = key.split(".")
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
            if not isinstance(branch, dict):
                raise ValidationException(f"{key} is both a value and a structure.")
        branch[last] = text
    return tree


def _structure(shape: Shape, given: Json) -> Json:
    members = shape.members
    return {
        name: _value(members[name], value, name) if name in members else value
        for name, value in given.items()
    }


def _value(shape: Shape, value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return _branch(shape, value, name)
    if shape.type == "list" and not value:
        return []
    try:
        if shape.type in {"integer", "long"}:
            return int(value)
        if shape.type == "boolean":
            return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        raise ValidationException(f"{name} must be of type {shape.type}, not {value!r}.") from None
    return value


def _branch(shape: Shape, value: Json, name: str) -> Any:
    """Return a structure or a list; what does not fit is left to validation."""
    if shape.type == "structure":
        return _structure(shape, value)
    items = value.get("member")
    if shape.type == "list" and isinstance(items, dict):
        ordered = sorted(items.items(), key=lambda item: (len(item[0]), item[0]))
        return [_value(shape.element, item, name) for _, item in ordered]
    return value
