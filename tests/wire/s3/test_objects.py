"""Objects through boto3: what was put comes back, in whole, in part and on conditions."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["plain", "a/b/c.txt", "with space+plus&and=é%.csv", "ü/日本/~tilde", "x" * 255, "dir/"]


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """Return the code and the status that S3 answered with."""
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("key", KEYS)
def test_an_object_comes_back_as_it_was_put(s3: Any, bucket: str, key: str) -> None:
    body = b"" if key.endswith("/") else b"some bytes"
    put = s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=body,
        ContentType="text/csv",
        CacheControl="no-cache",
        ContentEncoding="identity",
        Metadata={"who": "ann", "mixed-case": "Y e s"},
    )
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == body
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert got["Metadata"] == {"who": "ann", "mixed-case": "Y e s"}
    assert (got["ContentType"], got["CacheControl"]) == ("text/csv", "no-cache")
    assert got["ContentEncoding"] == "identity"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    head = s3.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["Metadata"]) == (len(body), got["Metadata"])
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("../other/x", "InvalidArgument"),
        ("a/../../x", "InvalidArgument"),
        ("./a", "InvalidArgument"),
        ("a//b", "InvalidArgument"),
        ("/a", "InvalidArgument"),
        ("a\0b", "InvalidArgument"),
        ("x" * 256, "KeyTooLongError"),
        ("x/" * 512 + "y", "KeyTooLongError"),
        (f"a/.m.{'0' * 32}.part", "InvalidArgument"),
    ],
)
def test_a_key_that_no_folder_can_hold_is_refused(
    s3: Any, bucket: str, buckets: Path, key: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert code_of(refused) == (code, 400)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key=key)
    assert list((buckets / bucket).iterdir()) == []


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b")])
def test_a_key_that_would_be_file_and_folder_at_once_is_refused(
    s3: Any, bucket: str, first: str, second: str
) -> None:
    s3.put_object(Bucket=bucket, Key=first, Body=b"first", Metadata={"kept": "yes"})
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key=second, Body=b"second")
    assert code_of(refused) == ("KeyConflict", 409)
    got = s3.get_object(Bucket=bucket, Key=first)
    assert (got["Body"].read(), got["Metadata"]) == (b"first", {"kept": "yes"})
    s3.delete_object(Bucket=bucket, Key=first)
    s3.put_object(Bucket=bucket, Key=second, Body=b"second")


def test_a_folder_has_no_bytes_of_its_own(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="folder/", Body=b"x")
    assert code_of(refused) == ("KeyConflict", 409)


def test_a_folder_stays_as_long_as_it_holds_something_or_is_an_object(
    s3: Any, bucket: str, buckets: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="kept/", Body=b"")
    for key in ("kept/a", "gone/deep/b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        s3.delete_object(Bucket=bucket, Key=key)
    assert [path.name for path in (buckets / bucket).iterdir()] == ["kept"]
    s3.delete_object(Bucket=bucket, Key="kept/")
    assert list((buckets / bucket).iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "body", "says"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=9-99", b"9", "bytes 9-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
    ],
)
def test_a_range_answers_its_part(
    s3: Any, bucket: str, wanted: str, body: bytes, says: str
) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=wanted)
    assert (got["Body"].read(), got["ContentRange"]) == (body, says)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_beyond_the_end_is_refused(s3: Any, bucket: str, wanted: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="digits", Range=wanted)
    assert code_of(refused) == ("InvalidRange", 416)
    assert refused.value.response["Error"]["ActualObjectSize"] == "10"


@pytest.mark.parametrize("wanted", ["lines=0-1", "bytes=3-1", "bytes=0-1,3-4", "bytes=x"])
def test_what_is_no_single_range_of_bytes_answers_the_whole(
    s3: Any, bucket: str, wanted: str
) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=wanted)
    assert (got["Body"].read(), got["ResponseMetadata"]["HTTPStatusCode"]) == (b"0123456789", 200)


def test_conditions_decide_what_is_sent(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    changed = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    hour = timedelta(hours=1)
    sent: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfMatch": f'"other", {etag}'},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": changed - hour},
        {"IfUnmodifiedSince": changed},
        {"IfMatch": etag, "IfUnmodifiedSince": changed - hour},
    ]
    for conditions in sent:
        assert s3.get_object(Bucket=bucket, Key="a", **conditions)["Body"].read() == b"1"
    unsent: list[tuple[dict[str, Any], int]] = [
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": changed - hour}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": changed}, 304),
    ]
    for conditions, status in unsent:
        for read in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as refused:
                read(Bucket=bucket, Key="a", **conditions)
            assert code_of(refused)[1] == status


def test_conditions_decide_what_is_replaced_and_removed(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")["ETag"]
    for conditions in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key="a", Body=b"2", **conditions)
        assert code_of(refused) == ("PreconditionFailed", 412)
    second = s3.put_object(Bucket=bucket, Key="a", Body=b"2", IfMatch=first)["ETag"]
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=bucket, Key="a", IfMatch=first)
    assert code_of(refused) == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key="a", IfMatch=second)
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="a", Body=b"3", IfMatch=second)
    assert code_of(refused) == ("NoSuchKey", 404)


def test_one_of_many_writers_on_the_same_condition_wins(s3: Any, bucket: str) -> None:
    def put(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(put, range(24))) == 1


def test_of_writers_at_once_each_leaves_a_whole_object_with_its_own_metadata(
    s3: Any, bucket: str
) -> None:
    bodies = {str(number): os.urandom(200_000) for number in range(6)}

    def put(number: str) -> None:
        metadata = {"number": number}
        s3.put_object(Bucket=bucket, Key="a", Body=bodies[number], Metadata=metadata)

    def get(_: int) -> tuple[str, bytes, str]:
        got = s3.get_object(Bucket=bucket, Key="a")
        return got["Metadata"]["number"], got["Body"].read(), got["ETag"]

    put("0")
    with ThreadPoolExecutor(8) as threads:
        writing = [threads.submit(put, str(number % 6)) for number in range(36)]
        for number, body, etag in threads.map(get, range(60)):
            assert body == bodies[number]
            assert etag == f'"{hashlib.md5(body).hexdigest()}"'
        for each in writing:
            each.result()


def test_copies_keep_metadata_or_take_new(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="a b/ü+", Body=b"1", Metadata={"x": "1"}, ContentType="text/plain"
    )
    source = {"Bucket": bucket, "Key": "a b/ü+"}
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"1").hexdigest()}"'
    kept = s3.get_object(Bucket=bucket, Key="b")
    assert (kept["Body"].read(), kept["Metadata"]) == (b"1", {"x": "1"})
    assert kept["ContentType"] == "text/plain"
    s3.copy_object(
        Bucket=bucket,
        Key="a b/ü+",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"y": "2"},
    )
    assert s3.head_object(**source)["Metadata"] == {"y": "2"}
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="a b/ü+", CopySource=source)
    assert code_of(refused) == ("InvalidRequest", 400)
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="c", CopySource=source, CopySourceIfMatch='"other"')
    assert code_of(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/none")
    assert code_of(refused) == ("NoSuchKey", 404)


def test_objects_are_removed_one_by_one_and_many_at_once(s3: Any, bucket: str) -> None:
    for key in ("a", "b/c", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.delete_object(Bucket=bucket, Key="a")["ResponseMetadata"]["HTTPStatusCode"] == 204
    s3.delete_object(Bucket=bucket, Key="never/was")
    named = [{"Key": "b/c"}, {"Key": "none"}, {"Key": "d", "ETag": '"other"'}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": named})
    assert [each["Key"] for each in answer["Deleted"]] == ["b/c", "none"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [
        ("d", "PreconditionFailed")
    ]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "d"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_large_file_goes_up_in_parts_and_comes_down_in_ranges(
    s3: Any, bucket: str, tmp_path: Path, buckets: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(100 << 20))
    many = TransferConfig(multipart_chunksize=8 << 20, max_concurrency=8)
    s3.upload_file(str(source), bucket, "large", Config=many)
    s3.download_file(bucket, "large", str(target), Config=many)
    content = source.read_bytes()
    assert target.read_bytes() == content
    parts = [content[i : i + (8 << 20)] for i in range(0, len(content), 8 << 20)]
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    etag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"] == etag
    assert (buckets / bucket / "large").read_bytes() == content


def test_files_that_others_put_there_are_objects_too(s3: Any, bucket: str, buckets: Path) -> None:
    file = buckets / bucket / "by" / "hand.txt"
    file.parent.mkdir()
    file.write_bytes(b"first")
    first = s3.get_object(Bucket=bucket, Key="by/hand.txt")
    assert first["Body"].read() == b"first"
    assert first["ETag"].endswith('-1"')  # no MD5, and says so
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [(each["Key"], each["ETag"]) for each in listed] == [("by/hand.txt", first["ETag"])]
    file.write_bytes(b"second!")
    assert s3.head_object(Bucket=bucket, Key="by/hand.txt")["ETag"] != first["ETag"]


def test_a_file_that_was_edited_loses_what_was_known_of_it(
    s3: Any, bucket: str, buckets: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata={"x": "1"}, ContentType="text/css")
    (buckets / bucket / "a").write_bytes(b"22")
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["Metadata"]) == (b"22", {})
    assert got["ContentType"] == "binary/octet-stream"


def test_nothing_of_an_object_is_left_in_its_folder_but_the_file(
    s3: Any, bucket: str, buckets: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"1", Metadata={"x": "1"})
    found = [path for path in (buckets / bucket).rglob("*") if path.is_file()]
    assert found == [buckets / bucket / "a" / "b"]
    assert list((buckets / ".s3" / bucket / "drafts").iterdir()) == []


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_comes_back_with_the_object(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"body", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"body"
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert (got["ChecksumType"], put["ChecksumType"]) == ("FULL_OBJECT", "FULL_OBJECT")


def test_metadata_beyond_two_kilobytes_is_refused(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata={"x": "y" * 2048})
    assert code_of(refused) == ("MetadataTooLarge", 400)


def test_the_answer_says_what_the_reader_wants_it_to_say(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    got = s3.get_object(
        Bucket=bucket,
        Key="a",
        ResponseContentType="text/plain",
        ResponseContentDisposition='attachment; filename="a b.txt"',
    )
    assert got["ContentType"] == "text/plain"
    assert got["ContentDisposition"] == 'attachment; filename="a b.txt"'
    # A browser must not run it as a page of Jupyter's.
    headers = got["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mine"}, "SSEKMSKeyId"),
        ({"Tagging": "a=b"}, "Tagging"),
        ({"ACL": "public-read"}, "ACL"),
        ({"StorageClass": "GLACIER"}, "StorageClass"),
        ({"WebsiteRedirectLocation": "/x"}, "WebsiteRedirectLocation"),
    ],
)
def test_what_is_not_done_is_refused_and_named(
    s3: Any, bucket: str, members: dict[str, str], names: str
) -> None:
    with pytest.raises(ClientError, match=names) as refused:
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", **members)
    assert code_of(refused) == ("NotImplemented", 501)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_says_how_it_is_anyway_is_accepted(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="a",
        Body=b"1",
        ACL="private",
        StorageClass="STANDARD",
        ServerSideEncryption="aws:kms",
        ExpectedBucketOwner="000000000000",
    )
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="a", ExpectedBucketOwner="111111111111")
    assert code_of(refused) == ("AccessDenied", 403)
