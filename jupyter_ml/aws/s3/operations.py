"""S3's operations on buckets and their lists of keys.

Each takes the service and the members of the request; what it answers is by the members of
botocore's model.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_ml.aws.s3 import conditions
from jupyter_ml.aws.s3.attributes import quoted
from jupyter_ml.aws.s3.documents import document, escaped
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.listing import Listing
from jupyter_ml.aws.s3.objects import delete_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.s3.buckets import Buckets
    from jupyter_ml.aws.s3.listing import Page
    from jupyter_ml.aws.s3.records import Record

Json = dict[str, Any]
MAX_KEYS = 1000
# S3's oldest region goes by no name.
CLASSIC_REGION = "us-east-1"


@dataclass(frozen=True)
class Service:
    """What operations work on.

    Parameters
    ----------
    buckets
        The workspace's.
    region, account_id, user
        What the workspace is called.
    require_space
        Raises where so many bytes do not fit; its second argument says what for.
    """

    buckets: Buckets
    region: str
    account_id: str
    user: str
    require_space: Callable[[int, str], None]

    @property
    def owner(self) -> Json:
        """Whose everything is."""
        identity = hashlib.sha256(self.account_id.encode()).hexdigest()
        return {"ID": identity, "DisplayName": self.user}


def list_buckets(service: Service, request: Json) -> Json:
    """List the workspace's buckets; its own is always among them."""
    limit, after = limit_of(request, "MaxBuckets", 10_000), _after(request)
    region = request.get("BucketRegion", service.region)
    found = [
        bucket
        for bucket in service.buckets.all()
        if bucket.name.startswith(request.get("Prefix", ""))
        and bucket.name > after
        and region == service.region
    ]
    shown = found[:limit]
    answer = {
        "Buckets": [
            {"Name": each.name, "CreationDate": each.created_at, "BucketRegion": service.region}
            for each in shown
        ],
        "Owner": service.owner,
        "Prefix": request.get("Prefix"),
    }
    if len(found) > limit:
        answer["ContinuationToken"] = _token(shown[-1].name if shown else after)
    return answer


def create_bucket(service: Service, request: Json) -> Json:
    """Make a bucket: a folder among the workspace's buckets."""
    name, configuration = request["Bucket"], request.get("CreateBucketConfiguration", {})
    wanted = configuration.get("LocationConstraint") or CLASSIC_REGION
    if wanted != service.region and (configuration or service.region != CLASSIC_REGION):
        msg = (
            f"The location constraint {wanted!r} is not the workspace's region, "
            f"{service.region!r}. Ask for that one."
        )
        raise S3Error("IllegalLocationConstraintException", msg)
    try:
        service.buckets.create(name)
    except S3Error as error:
        # In its oldest region S3 takes it for done, and scripts of that age count on it.
        if error.code != "BucketAlreadyOwnedByYou" or service.region != CLASSIC_REGION:
            raise
    return {"Location": f"/{name}"}


def head_bucket(service: Service, request: Json) -> Json:
    """Say whether a bucket is there, and in which region."""
    service.buckets.get(request["Bucket"])
    return {"BucketRegion": service.region}


def get_bucket_location(service: Service, request: Json) -> bytes:
    """Return the region of a bucket; the oldest one is an empty name."""
    service.buckets.get(request["Bucket"])
    region = "" if service.region == CLASSIC_REGION else service.region
    return document("LocationConstraint", escaped(region))


def get_bucket_versioning(service: Service, request: Json) -> Json:
    """Say that a bucket has no versions: an answer without a status, as S3 gives it."""
    service.buckets.get(request["Bucket"])
    return {}


def delete_bucket(service: Service, request: Json) -> Json:
    """Remove a bucket without objects; the workspace's own stays."""
    service.buckets.delete(request["Bucket"])
    return {}


def list_objects(service: Service, request: Json) -> Json:
    """List keys, a page at a time, with common prefixes up to a delimiter."""
    bucket = service.buckets.get(request["Bucket"])
    limit = min(limit_of(request, "MaxKeys", MAX_KEYS), MAX_KEYS)
    marker = request.get("Marker", "")
    page = Listing(bucket).page(**_selection(request), after=marker, limit=limit)
    answer = {**_listed(service, request, page, with_owner=True), "MaxKeys": limit}
    encode = encoder_of(request)
    answer["Marker"] = encode(marker)
    if page.next is not None and request.get("Delimiter"):
        answer["NextMarker"] = encode(page.next)
    return answer


def list_objects_v2(service: Service, request: Json) -> Json:
    """List keys, a page at a time, with common prefixes up to a delimiter."""
    bucket = service.buckets.get(request["Bucket"])
    limit = min(limit_of(request, "MaxKeys", MAX_KEYS), MAX_KEYS)
    after = _after(request) or request.get("StartAfter", "")
    page = Listing(bucket).page(**_selection(request), after=after, limit=limit)
    with_owner = bool(request.get("FetchOwner"))
    answer = {**_listed(service, request, page, with_owner=with_owner), "MaxKeys": limit}
    answer["KeyCount"] = len(page.objects) + len(page.prefixes)
    answer["ContinuationToken"] = request.get("ContinuationToken")
    if "StartAfter" in request:
        answer["StartAfter"] = encoder_of(request)(request["StartAfter"])
    if page.next is not None:
        answer["NextContinuationToken"] = _token(page.next)
    return answer


def delete_one(service: Service, request: Json) -> Json:
    """Remove an object; where there is none, that is fine too."""
    bucket = service.buckets.get(request["Bucket"])
    delete_object(bucket, request["Key"], conditions.for_writing(request))
    return {}


def delete_objects(service: Service, request: Json) -> Json:
    """Remove up to 1000 objects, and say of each what became of it."""
    bucket = service.buckets.get(request["Bucket"])
    wanted = request.get("Delete", {}).get("Objects", [])
    if not 1 <= len(wanted) <= MAX_KEYS or not all(each.get("Key") for each in wanted):
        msg = f"Delete must name 1 to {MAX_KEYS} objects by their keys, not {len(wanted)}."
        raise S3Error("MalformedXML", msg)
    deleted, errors = [], []
    for each in wanted:
        allow = conditions.for_writing({"IfMatch": each.get("ETag")})
        try:
            delete_object(bucket, each["Key"], allow)
        except S3Error as error:
            errors.append({"Key": each["Key"], "Code": error.code, "Message": error.message})
        except OSError as error:
            message = f"It could not be removed: {error}."
            errors.append({"Key": each["Key"], "Code": "InternalError", "Message": message})
        else:
            deleted.append({"Key": each["Key"]})
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def limit_of(request: Json, name: str, default: int) -> int:
    """Return a number that a request may give.

    Raises
    ------
    S3Error
        ``InvalidArgument``: it is none, or negative.
    """
    value = request.get(name, default)
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise S3Error("InvalidArgument", f"{name} must be a number, 0 or more, not {value!r}.")
    return number


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _after(request: Json) -> str:
    token = request.get("ContinuationToken")
    if token is None:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        msg = f"The continuation token {token!r} is none that was given here."
        raise S3Error("InvalidArgument", msg) from None


def _selection(request: Json) -> dict[str, str]:
    return {"prefix": request.get("Prefix", ""), "delimiter": request.get("Delimiter", "")}


def encoder_of(request: Json) -> Callable[[str], str]:
    """Return what makes of a key what the answer to a request shows.

    Raises
    ------
    S3Error
        ``InvalidArgument``: the encoding that it asks for does not exist.
    """
    kind = request.get("EncodingType")
    if kind not in {None, "url"}:
        raise S3Error("InvalidArgument", f"encoding-type can be 'url', not {kind!r}.")
    return quote if kind else str


def _listed(service: Service, request: Json, page: Page, *, with_owner: bool) -> Json:
    encode = encoder_of(request)
    return {
        "IsTruncated": page.next is not None,
        "Name": request["Bucket"],
        "Prefix": encode(request.get("Prefix", "")),
        "Delimiter": encode(request.get("Delimiter", "")) or None,
        "EncodingType": request.get("EncodingType"),
        "Contents": [
            {
                "Key": encode(key),
                "LastModified": record.mtime_ns / 1e9,
                "ETag": quoted(record.etag),
                "Size": record.size,
                "StorageClass": "STANDARD",
                **_algorithm(record),
                **({"Owner": service.owner} if with_owner else {}),
            }
            for key, record in page.objects
        ],
        "CommonPrefixes": [{"Prefix": encode(each)} for each in page.prefixes],
    }


def _algorithm(record: Record) -> Json:
    checksum = record.checksum
    if checksum is None:
        return {}
    return {"ChecksumAlgorithm": [checksum.algorithm], "ChecksumType": checksum.kind}
