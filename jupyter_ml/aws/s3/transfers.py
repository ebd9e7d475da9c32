"""S3's operations that take in or give out the bytes of an object."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyter_ml.aws.s3 import conditions
from jupyter_ml.aws.s3.attributes import KEPT, checksum_members, kept_headers, quoted
from jupyter_ml.aws.s3.checksums import Checksum, encoded, hasher
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.objects import open_object, put_object
from jupyter_ml.aws.s3.records import Record
from jupyter_ml.aws.s3.uploads import MOST_PARTS, Uploads, copy_range

if TYPE_CHECKING:
    from jupyter_ml.aws.s3.buckets import Bucket
    from jupyter_ml.aws.s3.drafts import Draft
    from jupyter_ml.aws.s3.objects import Opened
    from jupyter_ml.aws.s3.operations import Service
    from jupyter_ml.aws.s3.uploads import Upload

Json = dict[str, Any]
DEFAULT_TYPE = "binary/octet-stream"
MOST_BYTES = 5 << 30
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass
class Reading:
    """An object on its way out.

    Parameters
    ----------
    status
        Of the answer.
    answer
        Its members.
    opened
        The object; whoever sends it closes it.
    first, size
        Which bytes.
    """

    status: int
    answer: Json
    opened: Opened
    first: int = 0
    size: int = field(default=0)


def read(service: Service, request: Json) -> Reading:
    """Return an object, or the part of it that is asked for, opened.

    Raises
    ------
    S3Error
        ``NoSuchKey``, ``InvalidRange`` or ``PreconditionFailed``.
    """
    opened = open_object(service.buckets.get(request["Bucket"]), request["Key"])
    try:
        return _reading(request, opened)
    except BaseException:
        opened.close()
        raise


def put(service: Service, request: Json, draft: Draft, checksum: Checksum | None) -> Json:
    """Put an object whose bytes have arrived."""
    bucket = service.buckets.get(request["Bucket"])
    record = Record(0, 0, draft.md5, kept_headers(request), request["Metadata"], checksum)
    placed = put_object(bucket, request["Key"], draft, record, conditions.for_writing(request))
    return {"ETag": quoted(placed.etag), **checksum_members(checksum)}


def put_part(service: Service, request: Json, draft: Draft, checksum: Checksum | None) -> Json:
    """Keep a part whose bytes have arrived."""
    uploads = Uploads(service.buckets.get(request["Bucket"]))
    upload = uploads.get(request["UploadId"], request["Key"])
    if checksum is not None and upload.algorithm not in {None, checksum.algorithm}:
        msg = (
            f"The upload was begun with {upload.algorithm}; part {request['PartNumber']} came with "
            f"{checksum.algorithm}."
        )
        raise S3Error("InvalidRequest", msg)
    checksum = checksum or _computed(draft, upload.algorithm)
    part = uploads.put_part(upload, request["PartNumber"], draft, checksum)
    return {"ETag": quoted(part.etag), **checksum_members(checksum, with_kind=False)}


def check_part(service: Service, request: Json) -> Upload:
    """Return the upload of a part, before any of the bytes are taken.

    Raises
    ------
    S3Error
        ``InvalidArgument`` or ``NoSuchUpload``.
    """
    if not 1 <= request["PartNumber"] <= MOST_PARTS:
        msg = f"Part numbers go from 1 to {MOST_PARTS:,}; {request['PartNumber']} does not."
        raise S3Error("InvalidArgument", msg)
    uploads = Uploads(service.buckets.get(request["Bucket"]))
    return uploads.get(request["UploadId"], request["Key"])


def copy(service: Service, request: Json) -> Json:
    """Copy an object within the workspace, with its metadata or with new."""
    bucket = service.buckets.get(request["Bucket"])
    source_bucket, source_key = _source(service, request)
    directive = request.get("MetadataDirective", "COPY")
    if directive not in {"COPY", "REPLACE"}:
        raise S3Error("InvalidArgument", f"MetadataDirective cannot be {directive!r}.")
    is_itself = (source_bucket.name, source_key) == (bucket.name, request["Key"])
    if is_itself and directive == "COPY":
        msg = (
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata. Give MetadataDirective='REPLACE' and new metadata."
        )
        raise S3Error("InvalidRequest", msg)
    opened = open_object(source_bucket, source_key)
    try:
        source = opened.record
        _check_source(request, source)
        draft, algorithm = _copied(service, request, bucket, opened, 0, source.size)
        try:
            kept = (source.headers, source.metadata)
            if directive == "REPLACE":
                kept = (kept_headers(request), request["Metadata"])
            checksum = _computed(draft, algorithm)
            record = Record(0, 0, draft.md5, *kept, checksum)
            allow = conditions.for_writing(request)
            placed = put_object(bucket, request["Key"], draft, record, allow)
        finally:
            draft.discard()
    finally:
        opened.close()
    result = {"ETag": quoted(placed.etag), "LastModified": placed.mtime_ns / 1e9}
    return {"CopyObjectResult": {**result, **checksum_members(checksum)}}


def copy_part(service: Service, request: Json) -> Json:
    """Make a part of an upload from bytes of an object in the workspace."""
    upload = check_part(service, request)
    bucket = service.buckets.get(request["Bucket"])
    uploads = Uploads(bucket)
    opened = open_object(*_source(service, request))
    try:
        _check_source(request, opened.record)
        first, size = _copy_range(request.get("CopySourceRange"), opened.record.size)
        wanted = {"ChecksumAlgorithm": upload.algorithm}
        draft, algorithm = _copied(service, wanted, bucket, opened, first, size)
        try:
            checksum = _computed(draft, algorithm) if upload.algorithm else None
            part = uploads.put_part(upload, request["PartNumber"], draft, checksum)
        finally:
            draft.discard()
    finally:
        opened.close()
    result = {"ETag": quoted(part.etag), "LastModified": part.modified_at}
    return {"CopyPartResult": {**result, **checksum_members(part.checksum, with_kind=False)}}


def _reading(request: Json, opened: Opened) -> Reading:
    record = opened.record
    answer: Json = {
        "ETag": quoted(record.etag),
        "LastModified": opened.modified_at,
        "AcceptRanges": "bytes",
    }
    if not conditions.check_reading(request, record):
        return Reading(304, answer, opened)
    answer.update({"ContentType": DEFAULT_TYPE, **record.headers, "Metadata": record.metadata})
    answer.update(
        {name: request[f"Response{name}"] for name in KEPT if f"Response{name}" in request}
    )
    span = _span(request.get("Range"), record.size)
    if span is None:
        answer["ContentLength"] = record.size
        if request.get("ChecksumMode") == "ENABLED":
            answer.update(checksum_members(record.checksum))
        return Reading(200, answer, opened, 0, record.size)
    first, last = span
    answer["ContentLength"] = last - first + 1
    answer["ContentRange"] = f"bytes {first}-{last}/{record.size}"
    return Reading(206, answer, opened, first, last - first + 1)


def _span(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a range asks for; `None` for all.

    As HTTP has it, what is no range of bytes, and several at once, count as none.
    """
    parts = _RANGE.fullmatch(text.strip()) if text else None
    if parts is None or not (parts[1] or parts[2]):
        return None
    if not parts[1]:
        first, last = max(0, size - int(parts[2])), size - 1
    else:
        first = int(parts[1])
        last = min(int(parts[2]), size - 1) if parts[2] else size - 1
        if parts[2] and int(parts[2]) < first:
            return None
    if first >= size or first > last:
        msg = f"The requested range {text!r} is not satisfiable: the object has {size:,} bytes."
        raise S3Error("InvalidRange", msg, RangeRequested=str(text), ActualObjectSize=str(size))
    return first, last


def _copy_range(text: str | None, size: int) -> tuple[int, int]:
    """Return the first byte and the number of bytes that are copied as a part."""
    if text is None:
        return 0, size
    parts = _RANGE.fullmatch(text)
    if parts is None or not (parts[1] and parts[2]) or int(parts[2]) < int(parts[1]):
        msg = f"x-amz-copy-source-range must look like bytes=0-9, not {text!r}."
        raise S3Error("InvalidArgument", msg)
    first, last = int(parts[1]), int(parts[2])
    if last >= size:
        raise S3Error(
            "InvalidRange", f"The range {text!r} goes beyond the {size:,} bytes there are."
        )
    return first, last - first + 1


def _source(service: Service, request: Json) -> tuple[Bucket, str]:
    text = request["CopySource"]
    path, _, query = text.removeprefix("/").partition("?")
    name, _, key = unquote(path).partition("/")
    if not name or not key:
        raise S3Error("InvalidArgument", f"x-amz-copy-source must be bucket/key, not {text!r}.")
    if query:
        raise S3Error("NotImplemented", "Objects have no versions here; leave the versionId out.")
    owner = request.get("ExpectedSourceBucketOwner", service.account_id)
    if owner != service.account_id:
        raise S3Error("AccessDenied", f"The bucket {name!r} is not of the account {owner!r}.")
    return service.buckets.get(name), key


def _check_source(request: Json, record: Record) -> None:
    if not conditions.check_reading(request, record, "CopySource"):
        msg = "At least one of the pre-conditions you specified did not hold: it has not changed."
        raise S3Error("PreconditionFailed", msg)


def _copied(
    service: Service, request: Json, bucket: Bucket, opened: Opened, first: int, size: int
) -> tuple[Draft, str | None]:
    """Return a draft with bytes of an object, and the algorithm of the checksum that it takes."""
    service.require_space(size, f"Copying {opened.key!r}")
    there = opened.record.checksum
    algorithm = request.get("ChecksumAlgorithm") or (there.algorithm if there else None)
    draft = bucket.draft(hasher(algorithm) if algorithm else None)
    try:
        if opened.file is not None:
            copy_range(opened.file, draft, first, size)
    except BaseException:
        draft.discard()
        raise
    return draft, algorithm


def _computed(draft: Draft, algorithm: str | None) -> Checksum | None:
    if algorithm is None or draft.check is None:
        return None
    return Checksum(algorithm, encoded(draft.check.digest()))
