"""Refusals to services that are not there, each in the protocol that its client speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jupyter_ml.aws import json11, query
from jupyter_ml.contract.errors import NotImplementedException, ServiceError

if TYPE_CHECKING:
    from jupyter_ml.aws.sigv4 import SignedRequest

# REST services whose errors are XML; those of all others are JSON.
_XML = {"cloudfront", "route53", "s3", "s3-object-lambda", "s3express"}
_CBOR = "rpc-v2-cbor"


def not_here(service: str, request: SignedRequest) -> ServiceError:
    """Return that a service is not there, with what was asked of it as far as that shows."""
    target = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if _speaks_form(request):
        target = parse_qs(request.body.decode("latin-1")).get("Action", [""])[0]
    elif "smithy-protocol" in request.headers:
        target = request.path.rpartition("/")[2]
    asked = target or f"{request.method} {request.path}"
    where = " S3 is at the address that `jupyter ml env` prints for it." if service == "s3" else ""
    return NotImplementedException(
        f"{asked} was asked of the AWS service {service!r}, which this workspace does not have. "
        f"It has sagemaker, s3, logs, iam and sts.{where}"
    )


def refuse(
    error: ServiceError, service: str, request: SignedRequest, request_id: str
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a refusal."""
    if request.headers.get("smithy-protocol") == _CBOR:
        headers = {"Content-Type": "application/cbor", "smithy-protocol": _CBOR}
        return _cbor({"__type": error.code, "message": error.message}), headers
    if service in _XML or _speaks_form(request):
        return query.refusal(error, request_id), {"Content-Type": query.CONTENT_TYPE}
    content: dict[str, Any] = {"__type": error.code, "message": error.message}
    headers = {"Content-Type": json11.CONTENT_TYPE, "x-amzn-ErrorType": error.code}
    return json11.serialise(content), headers


def _speaks_form(request: SignedRequest) -> bool:
    return request.headers.get("content-type", "").startswith(query.FORM)


def _cbor(content: dict[str, str]) -> bytes:
    """Return a map of texts in CBOR (RFC 8949): major types 5 and 3, lengths in four bytes."""
    encoded = [text.encode() for item in content.items() for text in item]
    texts = (b"\x7a" + len(text).to_bytes(4, "big") + text for text in encoded)
    return b"\xba" + len(content).to_bytes(4, "big") + b"".join(texts)
