"""S3's operations on uploads in parts, but for those that carry the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_ml.aws.s3 import conditions
from jupyter_ml.aws.s3.attributes import checksum_members, kept_headers, quoted
from jupyter_ml.aws.s3.checksums import ALGORITHMS, Checksum, hasher
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.operations import MAX_KEYS, encoder_of, limit_of
from jupyter_ml.aws.s3.uploads import Named, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.s3.operations import Service
    from jupyter_ml.aws.s3.uploads import Upload

Json = dict[str, Any]


def create_multipart_upload(service: Service, request: Json) -> Json:
    """Begin an upload in parts."""
    bucket = service.buckets.get(request["Bucket"])
    algorithm = request.get("ChecksumAlgorithm")
    kind = request.get("ChecksumType")
    if algorithm is not None:
        hasher(algorithm)
        kind = kind or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    if kind not in {None, "FULL_OBJECT", "COMPOSITE"}:
        raise S3Error("InvalidArgument", f"x-amz-checksum-type cannot be {kind!r}.")
    upload = Uploads(bucket).begin(
        request["Key"], kept_headers(request), request["Metadata"], algorithm, kind or "COMPOSITE"
    )
    answer = {"Bucket": bucket.name, "Key": upload.key, "UploadId": upload.id}
    if algorithm is not None:
        answer.update(ChecksumAlgorithm=algorithm, ChecksumType=upload.kind)
    return answer


def list_parts(service: Service, request: Json) -> Json:
    """List what has arrived of an upload."""
    uploads = Uploads(service.buckets.get(request["Bucket"]))
    upload = uploads.get(request["UploadId"], request["Key"])
    limit, marker = (
        limit_of(request, "MaxParts", MAX_KEYS),
        limit_of(request, "PartNumberMarker", 0),
    )
    found = [part for part in uploads.parts(upload) if part.number > marker]
    shown = found[: min(limit, MAX_KEYS)]
    parts = [
        {
            "PartNumber": part.number,
            "LastModified": part.modified_at,
            "ETag": quoted(part.etag),
            "Size": part.size,
            **checksum_members(part.checksum, with_kind=False),
        }
        for part in shown
    ]
    answer = {
        "Bucket": request["Bucket"],
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "MaxParts": limit,
        "IsTruncated": len(shown) < len(found),
        "Parts": parts,
        "Initiator": service.owner,
        "Owner": service.owner,
        "StorageClass": "STANDARD",
        "NextPartNumberMarker": shown[-1].number if shown else None,
    }
    if upload.algorithm is not None:
        answer.update(ChecksumAlgorithm=upload.algorithm, ChecksumType=upload.kind)
    return answer


def list_multipart_uploads(service: Service, request: Json) -> Json:
    """List the uploads that are neither completed nor aborted."""
    bucket = service.buckets.get(request["Bucket"])
    encode, limit = encoder_of(request), min(limit_of(request, "MaxUploads", MAX_KEYS), MAX_KEYS)
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    marker = (request.get("KeyMarker", ""), request.get("UploadIdMarker", ""))
    shown: list[Upload] = []
    prefixes: list[str] = []
    last, truncated = marker, False
    for upload in Uploads(bucket).all():
        if not upload.key.startswith(prefix) or not _is_behind(upload, *marker):
            continue
        cut = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        shared = upload.key[: cut + len(delimiter)] if cut >= 0 else None
        if shared is not None and (shared in prefixes or shared <= marker[0]):
            continue
        if len(shown) + len(prefixes) == limit:
            truncated = True
            break
        if shared is not None:
            prefixes.append(shared)
        else:
            shown.append(upload)
        last = (shared, "") if shared is not None else (upload.key, upload.id)
    return {
        "Bucket": bucket.name,
        "KeyMarker": encode(marker[0]),
        "UploadIdMarker": marker[1],
        "NextKeyMarker": encode(last[0]) if truncated else None,
        "NextUploadIdMarker": last[1] if truncated else None,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) or None,
        "EncodingType": request.get("EncodingType"),
        "MaxUploads": limit,
        "IsTruncated": truncated,
        "Uploads": [_begun(service, upload, encode) for upload in shown],
        "CommonPrefixes": [{"Prefix": encode(each)} for each in prefixes],
    }


def complete_multipart_upload(service: Service, request: Json) -> Json:
    """Make an object of an upload's parts; asked again, say what it has become."""
    bucket, key = service.buckets.get(request["Bucket"]), request["Key"]
    uploads = Uploads(bucket)
    record = uploads.completed(request["UploadId"], key)
    if record is None:
        upload = uploads.get(request["UploadId"], key)
        there = uploads.parts(upload)
        service.require_space(sum(part.size for part in there), f"Completing {key!r}")
        named = [
            _named(each, upload) for each in request.get("MultipartUpload", {}).get("Parts", [])
        ]
        sizes = {part.number: part.size for part in there}
        size = sum(sizes.get(each.number, 0) for each in named)
        if request.get("MpuObjectSize") not in {None, str(size), size}:
            msg = f"The parts have {size:,} bytes, not {request['MpuObjectSize']}."
            raise S3Error("InvalidRequest", msg)
        record = uploads.complete(
            upload, named, _given_checksum(request), conditions.for_writing(request)
        )
    location = f"/{quote(bucket.name)}/{quote(key)}"
    return {
        "Location": location,
        "Bucket": bucket.name,
        "Key": key,
        "ETag": quoted(record.etag),
        **checksum_members(record.checksum),
    }


def abort_multipart_upload(service: Service, request: Json) -> Json:
    """Give up an upload; its parts go."""
    uploads = Uploads(service.buckets.get(request["Bucket"]))
    uploads.abort(uploads.get(request["UploadId"], request["Key"]))
    return {}


def _begun(service: Service, upload: Upload, encode: Callable[[str], str]) -> Json:
    answer = {
        "Key": encode(upload.key),
        "UploadId": upload.id,
        "Initiated": upload.initiated_at,
        "StorageClass": "STANDARD",
        "Owner": service.owner,
        "Initiator": service.owner,
    }
    if upload.algorithm is not None:
        answer.update(ChecksumAlgorithm=upload.algorithm, ChecksumType=upload.kind)
    return answer


def _is_behind(upload: Upload, key: str, upload_id: str) -> bool:
    if upload.key != key:
        return upload.key.encode() > key.encode()
    return upload_id != "" and upload.id > upload_id


def _named(part: Json, upload: Upload) -> Named:
    checksum = part.get(f"Checksum{upload.algorithm}") if upload.algorithm else None
    try:
        return Named(part["PartNumber"], part["ETag"].strip('"'), checksum)
    except KeyError as error:
        raise S3Error("MalformedXML", f"A part lacks {error}.") from error


def _given_checksum(request: Json) -> Checksum | None:
    found = [name for name in ALGORITHMS if request.get(f"Checksum{name}")]
    return Checksum(found[0], request[f"Checksum{found[0]}"]) if found else None
