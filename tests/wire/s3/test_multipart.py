"""Uploads in parts through boto3."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from pathlib import Path

FIRST, LAST = os.urandom(5 << 20), b"the end"


def begin(s3: Any, bucket: str, key: str = "whole", **members: Any) -> dict[str, str]:
    """Return the members that name a new upload."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **members)
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def put(s3: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    """Upload a part; return how it is named at the end."""
    answer = s3.upload_part(**upload, PartNumber=number, Body=body)
    checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}


def complete(s3: Any, upload: dict[str, str], *parts: dict[str, Any], **more: Any) -> Any:
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": list(parts)}, **more)


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_parts_in_any_order_become_one_object(s3: Any, bucket: str, buckets: Path) -> None:
    upload = begin(s3, bucket, Metadata={"x": "1"}, ContentType="text/plain")
    last = put(s3, upload, 7, LAST)
    put(s3, upload, 2, b"replaced below")
    first = put(s3, upload, 2, FIRST)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="whole")
    answer = complete(s3, upload, first, last)
    digests = hashlib.md5(FIRST).digest() + hashlib.md5(LAST).digest()
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = s3.get_object(Bucket=bucket, Key="whole")
    assert got["Body"].read() == FIRST + LAST
    assert (got["Metadata"], got["ContentType"]) == ({"x": "1"}, "text/plain")
    assert complete(s3, upload, first, last)["ETag"] == answer["ETag"]  # a retry that came late
    assert list((buckets / ".s3" / bucket / "uploads").iterdir()) == []


def test_a_checksum_of_checksums_is_answered(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32")
    parts = [put(s3, upload, 1, FIRST), put(s3, upload, 2, LAST)]
    joined = b"".join(zlib.crc32(body).to_bytes(4, "big") for body in (FIRST, LAST))
    expected = base64.b64encode(zlib.crc32(joined).to_bytes(4, "big")).decode() + "-2"
    answer = complete(s3, upload, *parts)
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (expected, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == expected


def test_a_checksum_of_the_whole_is_verified(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [put(s3, upload, 1, FIRST), put(s3, upload, 2, LAST)]
    with pytest.raises(ClientError) as refused:
        complete(s3, upload, *parts, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT")
    assert code_of(refused) == "BadDigest"
    value = base64.b64encode(zlib.crc32(FIRST + LAST).to_bytes(4, "big")).decode()
    answer = complete(s3, upload, *parts, ChecksumCRC32=value, ChecksumType="FULL_OBJECT")
    assert answer["ChecksumCRC32"] == value
    assert s3.get_object(Bucket=bucket, Key="whole")["Body"].read() == FIRST + LAST


def test_parts_that_do_not_fit_are_refused_and_the_upload_goes_on(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    first, small, last = (
        put(s3, upload, 1, FIRST),
        put(s3, upload, 2, b"x"),
        put(s3, upload, 3, LAST),
    )
    refusals = [
        ([first, small, last], "EntityTooSmall"),
        ([last, first], "InvalidPartOrder"),
        ([first, first], "InvalidPartOrder"),
        ([{**first, "ETag": '"other"'}], "InvalidPart"),
        ([{"PartNumber": 9, "ETag": first["ETag"]}], "InvalidPart"),
    ]
    for parts, code in refusals:
        with pytest.raises(ClientError) as refused:
            complete(s3, upload, *parts)
        assert code_of(refused) == code
    with pytest.raises(ClientError) as refused:
        complete(s3, upload, first, last, MpuObjectSize=3)
    assert code_of(refused) == "InvalidRequest"
    complete(s3, upload, first, last, MpuObjectSize=len(FIRST + LAST))
    assert s3.get_object(Bucket=bucket, Key="whole")["Body"].read() == FIRST + LAST


def test_the_condition_of_the_whole_is_checked_at_the_end(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = put(s3, upload, 1, LAST)
    s3.put_object(Bucket=bucket, Key="whole", Body=b"first")
    with pytest.raises(ClientError) as refused:
        complete(s3, upload, part, IfNoneMatch="*")
    assert code_of(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="whole")["Body"].read() == b"first"


def test_an_aborted_upload_is_gone(s3: Any, bucket: str, buckets: Path) -> None:
    upload = begin(s3, bucket)
    part = put(s3, upload, 1, LAST)
    s3.abort_multipart_upload(**upload)
    calls = [
        lambda: put(s3, upload, 2, LAST),
        lambda: complete(s3, upload, part),
        lambda: s3.list_parts(**upload),
        lambda: s3.abort_multipart_upload(**upload),
        lambda: s3.list_parts(**{**upload, "UploadId": "../../x"}),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused) == "NoSuchUpload"
    assert list((buckets / ".s3" / bucket / "uploads").iterdir()) == []
    assert list((buckets / ".s3" / bucket / "drafts").iterdir()) == []


def test_parts_and_uploads_are_listed_page_by_page(s3: Any, bucket: str) -> None:
    uploads = [begin(s3, bucket, key) for key in ("a/1", "a/2", "b", "b")]
    for number in (3, 1, 2):
        put(s3, uploads[2], number, b"%d" % number)
    pages = s3.get_paginator("list_parts").paginate(**uploads[2], PaginationConfig={"PageSize": 2})
    listed = [[(each["PartNumber"], each["Size"]) for each in page["Parts"]] for page in pages]
    assert listed == [[(1, 1), (2, 1)], [(3, 1)]]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    found = [(each["Key"], each["UploadId"]) for page in pages for each in page["Uploads"]]
    assert sorted(found) == sorted((each["Key"], each["UploadId"]) for each in uploads)
    shared = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in shared["CommonPrefixes"]] == ["a/"]
    assert [each["Key"] for each in shared["Uploads"]] == ["b", "b"]


def test_a_part_is_made_from_bytes_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=FIRST + LAST)
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for number, wanted in enumerate([None, f"bytes={len(FIRST)}-{len(FIRST + LAST) - 1}"], 1):
        more = {"CopySourceRange": wanted} if wanted else {}
        source = {"Bucket": bucket, "Key": "source"}
        answer = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, **more)
        result = answer["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": result["ETag"]})
        assert result["ChecksumSHA256"]
    complete(s3, upload, *parts)
    assert s3.get_object(Bucket=bucket, Key="whole")["Body"].read() == FIRST + LAST + LAST
    with pytest.raises(ClientError) as refused:
        s3.upload_part_copy(
            **{**upload, "UploadId": begin(s3, bucket)["UploadId"]},
            PartNumber=1,
            CopySource=f"{bucket}/source",
            CopySourceRange="bytes=0-99999999",
        )
    assert code_of(refused) == "InvalidRange"


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_has_one_of_ten_thousand_numbers(s3: Any, bucket: str, number: int) -> None:
    upload = begin(s3, bucket)
    with pytest.raises(ClientError) as refused:
        put(s3, upload, number, b"x")
    assert code_of(refused) == "InvalidArgument"
