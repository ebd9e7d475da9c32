"""Proof that a request was signed with a known key pair (AWS Signature Version 4).

The signature is computed again from what arrived and compared in constant time. Only the
``Authorization`` header form is read here; S3, which has other forms too, has rooms of its own for
them. See "Create a signed AWS API request" in AWS's IAM guide for the algorithm.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_ml.contract.errors import (
    InvalidSignatureException,
    ServiceError,
    UnrecognizedClientException,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW_S = 15 * 60
SERVICE = "sagemaker"
# What is there once for all regions is signed for this one.
GLOBAL = {"iam": "us-east-1", "sts": "us-east-1"}

AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request,\s*SignedHeaders=(?P<signed>[^,\s]+)"
    r",\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class SignedRequest:
    """A request exactly as it arrived.

    Parameters
    ----------
    method
        HTTP method, upper case.
    path, query
        As sent: percent-encoded, with the prefix of the gateway, without the ``?``.
    headers
        Names in lower case; several values of one name joined by a comma.
    body
        All bytes of the body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def signed_service(request: SignedRequest) -> str:
    """Return the service that a request says it is signed for; SageMaker where it does not."""
    parts = AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    return parts["service"] if parts else SERVICE


def verify(
    request: SignedRequest,
    secrets: Mapping[str, str],
    *,
    region: str,
    now_s: float,
    service: str = SERVICE,
) -> str:
    """Return the access key that signed the request.

    Parameters
    ----------
    request
        What arrived.
    secrets
        Secret key by access key id.
    region
        The only region that a signature may be scoped to.
    now_s
        The present, in seconds since the epoch.
    service
        The only service that a signature may be scoped to.

    Raises
    ------
    UnrecognizedClientException
        The request is not signed, or with a key that does not belong to this workspace.
    InvalidSignatureException
        The signature does not fit the request, or is too old or too new.
    """
    header = request.headers.get("authorization", "")
    parts = AUTHORIZATION.fullmatch(header.strip())
    if parts is None:
        raise _unsigned(header)
    secret = secrets.get(parts["key"])
    if secret is None:
        msg = (
            f"The access key {parts['key']!r} does not belong to this workspace. "
            "`jupyter ml env` prints the pair that does."
        )
        raise UnrecognizedClientException(msg)
    if "x-amz-security-token" in request.headers:
        msg = (
            "The request carries a session token, which no key of this workspace has. "
            "Unset AWS_SESSION_TOKEN."
        )
        raise UnrecognizedClientException(msg)
    _check_scope(parts, region, service)
    stamp = _check_time(request, parts["date"], now_s)
    signed = _check_signed_headers(request, parts["signed"])
    expected = _signature(request, parts, stamp, signed, secret)
    if not hmac.compare_digest(expected, parts["signature"]):
        msg = (
            "The signature does not match the request. Check the secret access key, and that "
            "nothing between client and server rewrites the request or its Host header."
        )
        raise InvalidSignatureException(msg)
    return str(parts["key"])


def canonical_request(request: SignedRequest, signed: list[str], payload_hash: str) -> str:
    """Return the text that is hashed and signed."""
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed)
    query = "&".join(
        f"{key}={value}"
        for key, _, value in sorted(
            part.partition("=") for part in request.query.split("&") if part
        )
    )
    path = quote(_without_dots(request.path), safe="/~")
    return "\n".join([request.method, path, query, headers, ";".join(signed), payload_hash])


def signing_key(secret: str, scope: str) -> bytes:
    """Return what signs within a scope such as ``20300131/us-east-1/s3/aws4_request``."""
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def _unsigned(header: str) -> ServiceError:
    if not header:
        msg = "The request is not signed. Set the variables that `jupyter ml env` prints."
        return UnrecognizedClientException(msg)
    msg = f"The Authorization header is not {ALGORITHM} with a credential, headers and signature."
    return InvalidSignatureException(msg)


def _check_scope(parts: re.Match[str], region: str, service: str) -> None:
    if parts["region"] not in {region, GLOBAL.get(service, region)}:
        msg = (
            f"The request is signed for region {parts['region']!r}; this workspace is "
            f"{region!r}. Set AWS_DEFAULT_REGION={region}."
        )
        raise InvalidSignatureException(msg)
    if parts["service"] != service:
        msg = f"The request is signed for service {parts['service']!r} instead of {service!r}."
        raise InvalidSignatureException(msg)


def _check_time(request: SignedRequest, scope_date: str, now_s: float) -> str:
    stamp = request.headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        msg = f"The X-Amz-Date header must look like 20300131T120000Z, not {stamp!r}."
        raise InvalidSignatureException(msg) from None
    if not stamp.startswith(scope_date):
        msg = f"The credential is scoped to {scope_date}, but X-Amz-Date is {stamp}."
        raise InvalidSignatureException(msg)
    if abs(now_s - signed_at) > MAX_SKEW_S:
        msg = (
            f"The signature was made at {stamp}, which is {abs(now_s - signed_at):.0f} s away "
            f"from the server's time; {MAX_SKEW_S} s are allowed. Check both clocks."
        )
        raise InvalidSignatureException(msg)
    return stamp


def misfit_of(headers: Mapping[str, str], listed: str) -> str | None:
    """Return what is wrong with SignedHeaders, or `None`: whatever steers a request is signed."""
    signed = listed.split(";")
    absent = [name for name in signed if name not in headers]
    unsigned = [
        name
        for name in headers
        if (name == "host" or name.startswith("x-amz-")) and name not in signed
    ]
    if not absent and not unsigned and signed == sorted(set(signed)):
        return None
    wrong = ", ".join(absent or unsigned) or "the list is not sorted"
    return f"SignedHeaders does not fit the headers of the request: {wrong}."


def _check_signed_headers(request: SignedRequest, listed: str) -> list[str]:
    if (misfit := misfit_of(request.headers, listed)) is not None:
        raise InvalidSignatureException(misfit)
    return listed.split(";")


def _signature(
    request: SignedRequest, parts: re.Match[str], stamp: str, signed: list[str], secret: str
) -> str:
    payload_hash = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", payload_hash) != payload_hash:
        msg = "The body is not the one that X-Amz-Content-SHA256 was computed from."
        raise InvalidSignatureException(msg)
    canonical = canonical_request(request, signed, payload_hash).encode()
    scope = "/".join([parts["date"], parts["region"], parts["service"], "aws4_request"])
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical).hexdigest()])
    return hmac.digest(signing_key(secret, scope), to_sign.encode(), "sha256").hex()


def _without_dots(path: str) -> str:
    """Return the path with empty, ``.`` and ``..`` segments resolved, as signers do."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    tail = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + tail
