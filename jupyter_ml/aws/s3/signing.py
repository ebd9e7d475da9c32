"""Who asks: SigV4 as S3 has it, where the path is signed as it is and bodies may be streamed.

Requests that carry their signature in the address are in `presigned`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.sigv4 import (
    ALGORITHM,
    AUTHORIZATION,
    MAX_SKEW_S,
    misfit_of,
    signing_key,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

SERVICE = "s3"
UNSIGNED = "UNSIGNED-PAYLOAD"
PAYLOAD_HEADER = "x-amz-content-sha256"


@dataclass(frozen=True)
class Head:
    """A request without its body, as it arrived.

    Parameters
    ----------
    method
        Upper case.
    path, query
        As sent: percent-encoded, with the prefix of the server, without the ``?``.
    headers
        Names in lower case.
    below
        The part of the path that S3 knows: ``/bucket/key``, percent-encoded.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    below: str

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Names and values of the query, decoded; ``+`` is a plus, as signers have it."""
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class Seed:
    """What the signatures of the pieces of a streamed body go on from."""

    key: bytes
    stamp: str
    scope: str
    signature: str

    def sign(self, *lines: str) -> str:
        """Return the signature of some lines below the stamp and the scope."""
        kind, *rest = lines
        text = "\n".join([kind, self.stamp, self.scope, *rest])
        return hmac.digest(self.key, text.encode(), "sha256").hex()


@dataclass(frozen=True)
class Proof:
    """That a request comes from whoever holds the secret key.

    Parameters
    ----------
    payload
        What was signed in place of the body: its SHA-256 in hex, or how it is streamed.
    seed
        For streamed bodies that are signed piece by piece; `None` in presigned addresses.
    """

    payload: str
    seed: Seed | None = None


def verify_header(head: Head, secrets: Mapping[str, str], *, region: str, now_s: float) -> Proof:
    """Return the proof that the ``Authorization`` header is.

    Raises
    ------
    S3Error
        It is none; the code and the message say why.
    """
    parts = AUTHORIZATION.fullmatch(head.headers["authorization"].strip())
    if parts is None:
        msg = f"The Authorization header is not {ALGORITHM} with a credential for S3."
        raise S3Error("AuthorizationHeaderMalformed", msg)
    secret = secret_of(parts["key"], secrets)
    refuse_session_token(head.headers.get("x-amz-security-token"))
    wrong = scope_flaw(parts, region)
    if wrong is not None:
        raise S3Error("AuthorizationHeaderMalformed", wrong, Region=region)
    payload = head.headers.get(PAYLOAD_HEADER)
    if payload is None:
        raise S3Error("InvalidRequest", "The header x-amz-content-sha256 is missing.")
    stamp = _stamp(head, parts["date"], now_s)
    scope = scope_of(parts)
    signed = signed_headers(head, parts["signed"])
    key = signing_key(secret, scope)
    seed = Seed(key, stamp, scope, parts["signature"])
    check(head, seed, head.query, signed, payload)
    return Proof(payload, seed)


def secret_of(access_key: str, secrets: Mapping[str, str]) -> str:
    """Return the secret of an access key.

    Raises
    ------
    S3Error
        ``InvalidAccessKeyId``.
    """
    secret = secrets.get(access_key)
    if secret is None:
        msg = (
            f"The access key {access_key!r} does not belong to this workspace. "
            "`jupyter ml env` prints the pair that does."
        )
        raise S3Error("InvalidAccessKeyId", msg, AWSAccessKeyId=access_key)
    return secret


def refuse_session_token(token: str | None) -> None:
    """Refuse temporary credentials, which nobody here has issued."""
    if token:
        msg = (
            "The request carries a session token, which no key of this workspace has. "
            "Unset AWS_SESSION_TOKEN."
        )
        raise S3Error("InvalidAccessKeyId", msg)


def scope_flaw(parts: re.Match[str], region: str) -> str | None:
    """Return what is wrong with a credential's region or service."""
    if parts["region"] != region:
        return (
            f"The region {parts['region']!r} is wrong; expecting {region!r}. "
            f"Set AWS_DEFAULT_REGION={region}."
        )
    if parts["service"] != SERVICE:
        return f"The service {parts['service']!r} is wrong; expecting {SERVICE!r}."
    return None


def scope_of(parts: re.Match[str]) -> str:
    """Return the scope that a credential has."""
    return "/".join([parts["date"], parts["region"], parts["service"], "aws4_request"])


def signed_headers(head: Head, listed: str) -> list[str]:
    """Return the signed names; whatever steers the request must be among them."""
    if (misfit := misfit_of(head.headers, listed)) is not None:
        raise S3Error("AccessDenied", misfit)
    return listed.split(";")


def check(head: Head, seed: Seed, query: str, signed: list[str], payload: str) -> None:
    """Compare the signature with that of what arrived.

    Raises
    ------
    S3Error
        ``SignatureDoesNotMatch``.
    """
    headers = "".join(f"{name}:{' '.join(head.headers[name].split())}\n" for name in signed)
    pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    canonical_query = "&".join(f"{name}={value}" for name, value in pairs)
    # Some signers encode a path as S3 would, some sign it as they send it.
    for path in {quote(unquote(head.path), safe="/~"), head.path}:
        request = [head.method, path, canonical_query, headers, ";".join(signed), payload]
        digest = hashlib.sha256("\n".join(request).encode()).hexdigest()
        if hmac.compare_digest(seed.sign(ALGORITHM, digest), seed.signature):
            return
    msg = (
        "The signature does not match the request. Check the secret access key, and that "
        "nothing between client and server rewrites the request or its Host header."
    )
    raise S3Error("SignatureDoesNotMatch", msg)


def seconds_of(stamp: str) -> float | None:
    """Return the time of a stamp such as ``20300131T120000Z``, in seconds since the epoch."""
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _stamp(head: Head, scope_date: str, now_s: float) -> str:
    stamp = head.headers.get("x-amz-date", "")
    signed_at = seconds_of(stamp)
    if signed_at is None or not stamp.startswith(scope_date):
        msg = f"The X-Amz-Date header must look like {scope_date}T120000Z, not {stamp!r}."
        raise S3Error("AccessDenied", msg)
    if abs(now_s - signed_at) > MAX_SKEW_S:
        msg = (
            f"The signature was made at {stamp}, which is {abs(now_s - signed_at):.0f} s away "
            f"from the server's time; {MAX_SKEW_S} s are allowed. Check both clocks."
        )
        raise S3Error("RequestTimeTooSkewed", msg)
    return stamp
