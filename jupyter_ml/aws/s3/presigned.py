"""Presigned addresses: whoever holds one may do one thing until it expires.

boto3 makes them with Signature Version 4 or, in the old regions and unless told otherwise, with
Version 2. Version 2 is accepted in addresses only.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.signing import (
    PAYLOAD_HEADER,
    UNSIGNED,
    Proof,
    Seed,
    check,
    refuse_session_token,
    scope_flaw,
    scope_of,
    seconds_of,
    secret_of,
    signed_headers,
    verify_header,
)
from jupyter_ml.aws.sigv4 import ALGORITHM, MAX_SKEW_S, signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.aws.s3.signing import Head

MAX_EXPIRES_S = 7 * 86_400
PARAMETERS = {
    "AWSAccessKeyId",
    "Expires",
    "Signature",
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "x-amz-security-token",
}
_CREDENTIAL = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)
# The parts of a query that Version 2 signs.
_SIGNED_BY_2 = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
}


def authenticate(head: Head, secrets: Mapping[str, str], *, region: str, now_s: float) -> Proof:
    """Return the proof that a request carries, in a header or in its address.

    Parameters
    ----------
    head
        The request.
    secrets
        Secret key by access key id.
    region
        The only region that a signature may be scoped to.
    now_s
        The present, in seconds since the epoch.

    Raises
    ------
    S3Error
        It carries none, or one that does not hold; the code and the message say why.
    """
    if "authorization" in head.headers:
        return verify_header(head, secrets, region=region, now_s=now_s)
    given = dict(head.parameters)
    if "X-Amz-Algorithm" in given or "X-Amz-Signature" in given:
        return _verify_4(head, given, secrets, region, now_s)
    if "Signature" in given and "AWSAccessKeyId" in given:
        return _verify_2(head, given, secrets, now_s)
    msg = "The request is not signed. Set the variables that `jupyter ml env` prints."
    raise S3Error("AccessDenied", msg)


def _verify_4(
    head: Head, given: Mapping[str, str], secrets: Mapping[str, str], region: str, now_s: float
) -> Proof:
    parts = _CREDENTIAL.fullmatch(given.get("X-Amz-Credential", ""))
    if parts is None or given.get("X-Amz-Algorithm") != ALGORITHM:
        raise _malformed(f"The address needs X-Amz-Algorithm={ALGORITHM} and a credential.")
    secret = secret_of(parts["key"], secrets)
    refuse_session_token(given.get("X-Amz-Security-Token"))
    wrong = scope_flaw(parts, region)
    if wrong is not None:
        raise S3Error("AuthorizationQueryParametersError", wrong, Region=region)
    _check_lifetime(given, parts["date"], now_s)
    signed = signed_headers(head, given.get("X-Amz-SignedHeaders", ""))
    scope = scope_of(parts)
    seed = Seed(
        signing_key(secret, scope), given["X-Amz-Date"], scope, given.get("X-Amz-Signature", "")
    )
    payload = head.headers.get(PAYLOAD_HEADER, UNSIGNED)
    rest = "&".join(
        part for part in head.query.split("&") if unquote(part.split("=")[0]) != "X-Amz-Signature"
    )
    check(head, seed, rest, signed, payload)
    return Proof(payload)


def _verify_2(
    head: Head, given: Mapping[str, str], secrets: Mapping[str, str], now_s: float
) -> Proof:
    secret = secret_of(given["AWSAccessKeyId"], secrets)
    refuse_session_token(given.get("x-amz-security-token"))
    expires = given.get("Expires", "")
    if not expires.isdecimal():
        raise _malformed(f"Expires must be a time in seconds since the epoch, not {expires!r}.")
    if now_s > int(expires):
        raise _expired(now_s - int(expires))
    amz = "".join(
        f"{name}:{' '.join(head.headers[name].split())}\n"
        for name in sorted(head.headers)
        if name.startswith("x-amz-")
    )
    pairs = sorted((name, value) for name, value in head.parameters if name in _SIGNED_BY_2)
    named = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    query = f"?{named}" if named else ""
    kind, digest = head.headers.get("content-type", ""), head.headers.get("content-md5", "")
    for resource in _resources(head):
        text = f"{head.method}\n{digest}\n{kind}\n{expires}\n{amz}{resource}{query}"
        expected = base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1"))
        if hmac.compare_digest(expected, given["Signature"].encode()):
            return Proof(UNSIGNED)
    msg = "The signature does not match the address. Have it made again, for what you do."
    raise S3Error("SignatureDoesNotMatch", msg)


def _resources(head: Head) -> list[str]:
    """Return what Version 2 may have signed as the path.

    botocore signs it below the endpoint's address, a bucket's with a slash behind it.
    """
    bare = [f"{head.below}/"] if head.below.count("/") == 1 else []
    return [head.below, *bare, head.path]


def _check_lifetime(given: Mapping[str, str], scope_date: str, now_s: float) -> None:
    stamp, lifetime = given.get("X-Amz-Date", ""), given.get("X-Amz-Expires", "")
    signed_at = seconds_of(stamp)
    if signed_at is None or not stamp.startswith(scope_date):
        raise _malformed(f"X-Amz-Date must look like {scope_date}T120000Z, not {stamp!r}.")
    if not lifetime.isdecimal() or not 1 <= int(lifetime) <= MAX_EXPIRES_S:
        raise _malformed(f"X-Amz-Expires must be 1 to {MAX_EXPIRES_S} seconds, not {lifetime!r}.")
    if signed_at - now_s > MAX_SKEW_S:
        raise S3Error(
            "AccessDenied", f"The address is not valid before {stamp}. Check both clocks."
        )
    if now_s > signed_at + int(lifetime):
        raise _expired(now_s - signed_at - int(lifetime))


def _malformed(message: str) -> S3Error:
    return S3Error("AuthorizationQueryParametersError", message)


def _expired(seconds: float) -> S3Error:
    msg = f"Request has expired: the address was valid until {seconds:.0f} s ago. Make a new one."
    return S3Error("AccessDenied", msg)
