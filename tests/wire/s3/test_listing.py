"""Listings: moto is the oracle for what a page holds, whatever the keys."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from jupyter_ml.aws.s3.buckets import Bucket
from jupyter_ml.aws.s3.listing import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = st.lists(
    st.lists(
        st.sampled_from(["a", "b", "a-", "a.", "ab", "a0", "é", "日", "~", " "]),
        min_size=1,
        max_size=3,
    ).map("/".join),
    max_size=12,
    unique=True,
)
PREFIXES = st.sampled_from(["", "a", "a/", "a/a", "a-", "é", "a/b/", "zz", "/"])
DELIMITERS = st.sampled_from(["", "/", "a", "/a", "-"])


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """Return a client of moto."""
    with mock_aws():
        yield boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )


def without_conflicts(keys: list[str]) -> list[str]:
    """Return the keys that can be files side by side."""
    return [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]


def bucket_with(root: Path, keys: list[str]) -> Bucket:
    bucket = Bucket("keys", root / "keys", root / ".s3" / "keys")
    bucket.folder.mkdir()
    for key in keys:
        path = bucket.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return bucket


def pages_of(bucket: Bucket, after: str, limit: int, **selection: str) -> list[Page]:
    """Return all pages, each by a look of its own."""
    found = [Listing(bucket).page(after=after, limit=limit, **selection)]
    while (last := found[-1].next) is not None:
        found.append(Listing(bucket).page(after=last, limit=limit, **selection))
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=KEYS,
    prefix=PREFIXES,
    delimiter=DELIMITERS,
    after=PREFIXES,
    limit=st.integers(1, 5),
)
def test_every_page_is_that_of_moto(
    moto: Any, keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    keys = without_conflicts(keys)
    name = "oracle"
    moto.create_bucket(Bucket=name)
    try:
        for key in keys:
            moto.put_object(Bucket=name, Key=key, Body=b"")
        asked = {"Prefix": prefix, "Delimiter": delimiter, "StartAfter": after}
        given_ = {member: value for member, value in asked.items() if value}
        expected = moto.list_objects_v2(Bucket=name, **given_)
        with tempfile.TemporaryDirectory() as folder:
            bucket = bucket_with(Path(folder), keys)
            found = pages_of(bucket, after, limit, prefix=prefix, delimiter=delimiter)
    finally:
        for key in keys:
            moto.delete_object(Bucket=name, Key=key)
        moto.delete_bucket(Bucket=name)
    assert [one.key for page in found for one in page.objects] == [
        each["Key"] for each in expected.get("Contents", [])
    ]
    assert [one for page in found for one in page.prefixes] == [
        each["Prefix"] for each in expected.get("CommonPrefixes", [])
    ]
    sizes = [len(page.objects) + len(page.prefixes) for page in found]
    assert all(size == limit for size in sizes[:-1])
    assert sizes[-1] <= limit
    assume(keys)


def test_a_page_of_nothing_is_empty(tmp_path: Path) -> None:
    page = Listing(bucket_with(tmp_path, ["a", "b"])).page(limit=0)
    assert (page.objects, page.prefixes, page.next) == ([], [], None)


def test_links_that_lead_round_and_round_are_walked_once(tmp_path: Path) -> None:
    bucket = bucket_with(tmp_path, ["a/b"])
    (bucket.folder / "a" / "up").symlink_to(bucket.folder)
    (bucket.folder / "a" / "file").symlink_to(bucket.folder / "a" / "b")
    (bucket.folder / "a" / "lost").symlink_to(tmp_path / "nothing")
    page = Listing(bucket).page()
    assert [one.key for one in page.objects] == ["a/b", "a/file"]


def test_files_that_are_still_being_written_are_not_listed(tmp_path: Path) -> None:
    bucket = bucket_with(tmp_path, ["a", f".a.{'0' * 32}.part", ".hidden"])
    assert [one.key for one in Listing(bucket).page().objects] == [".hidden", "a"]


def test_both_versions_list_the_same_with_awkward_keys(s3: Any, bucket: str) -> None:
    keys = sorted(
        ["a b", "a+b", "a&<b>", "a/ü", 'q"uote', "tab\tnew\nline", "100%"], key=str.encode
    )
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    listed = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    second = [each["Key"] for page in listed for each in page["Contents"]]
    listed = s3.get_paginator("list_objects").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    first = [each["Key"] for page in listed for each in page["Contents"]]
    assert first == second == keys
    shared = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=1)
    assert (shared["IsTruncated"], shared["NextMarker"]) == (True, keys[0])


def test_an_answer_says_what_was_asked(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    answer = s3.list_objects_v2(
        Bucket=bucket, Prefix="a/", StartAfter="a", MaxKeys=5, FetchOwner=True, Delimiter="/"
    )
    assert (answer["KeyCount"], answer["MaxKeys"], answer["IsTruncated"]) == (1, 5, False)
    assert (answer["Prefix"], answer["StartAfter"], answer["Delimiter"]) == ("a/", "a", "/")
    (listed,) = answer["Contents"]
    assert (listed["Size"], listed["StorageClass"]) == (1, "STANDARD")
    assert listed["Owner"]["ID"]
    assert listed["ChecksumAlgorithm"] == ["CRC32"]
