"""Buckets through boto3: made, found, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from jupyter_ml.aws.s3.buckets import Buckets
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.names import is_bucket_name
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = "sagemaker-us-east-1-000000000000"


def test_the_workspaces_own_bucket_is_always_there(s3: Any) -> None:
    assert s3.head_bucket(Bucket=DEFAULT)["BucketRegion"] == "us-east-1"
    assert DEFAULT in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket(Bucket=DEFAULT)
    assert refused.value.response["Error"]["Code"] == "InvalidBucketState"


def test_a_bucket_is_made_listed_and_removed(s3: Any, buckets: Path) -> None:
    for name in ("life-1", "life-2", "life-3"):
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix="life-", PaginationConfig={"PageSize": 2}
    )
    listed = [[each["Name"] for each in page["Buckets"]] for page in pages]
    assert listed == [["life-1", "life-2"], ["life-3"]]
    assert s3.get_bucket_location(Bucket="life-1")["LocationConstraint"] is None
    s3.put_object(Bucket="life-1", Key="a/b", Body=b"")
    assert "Status" not in s3.get_bucket_versioning(Bucket="life-1")
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket(Bucket="life-1")
    assert refused.value.response["Error"]["Code"] == "BucketNotEmpty"
    s3.delete_object(Bucket="life-1", Key="a/b")
    s3.delete_bucket(Bucket="life-1")
    assert not (buckets / "life-1").exists()
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="life-1")
    with pytest.raises(ClientError) as refused:
        s3.head_bucket(Bucket="life-1")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_folder_among_the_buckets_is_one(s3: Any, buckets: Path) -> None:
    (buckets / "by-hand").mkdir()
    s3.put_object(Bucket="by-hand", Key="a", Body=b"1")
    assert (buckets / "by-hand" / "a").read_bytes() == b"1"


def test_what_s3_knows_of_buckets_is_no_bucket(s3: Any) -> None:
    assert ".s3" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.list_objects_v2(Bucket=".s3")


def test_a_second_bucket_of_a_name_is_the_first_in_the_oldest_region_and_refused_elsewhere(
    s3: Any, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket="twice")
    s3.create_bucket(Bucket="twice")
    elsewhere = Buckets(Workspace.open(fresh_settings(tmp_path)).artifacts)
    elsewhere.create("twice")
    with pytest.raises(S3Error) as refused:
        elsewhere.create("twice")
    assert (refused.value.code, refused.value.status) == ("BucketAlreadyOwnedByYou", 409)


def test_a_bucket_is_made_in_the_workspaces_region_only(s3: Any) -> None:
    with pytest.raises(ClientError) as refused:
        s3.create_bucket(
            Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    assert refused.value.response["Error"]["Code"] == "IllegalLocationConstraintException"


@pytest.mark.parametrize(
    "name",
    ["ab", "A-b", "a_b", "-ab", "ab-", "a..b", "a.-b", "a-.b", "1.2.3.4", "xn--abc", "a" * 64],
)
def test_names_that_s3_forbids_are_refused(name: str, tmp_path: Path) -> None:
    assert not is_bucket_name(name)
    with pytest.raises(S3Error) as refused:
        Buckets(Workspace.open(fresh_settings(tmp_path)).artifacts).create(name)
    assert refused.value.code == "InvalidBucketName"


@pytest.mark.parametrize("name", ["abc", "a.b-c", "1-2", "a" * 63, DEFAULT])
def test_names_that_s3_allows_are_accepted(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize(
    ("method", "members", "operation"),
    [
        ("put_bucket_versioning", {"VersioningConfiguration": {}}, "PutBucketVersioning"),
        ("put_bucket_policy", {"Policy": "{}"}, "PutBucketPolicy"),
        ("get_bucket_acl", {}, "GetBucketAcl"),
        ("list_object_versions", {}, "ListObjectVersions"),
        ("get_object_tagging", {"Key": "a"}, "GetObjectTagging"),
        (
            "get_object_attributes",
            {"Key": "a", "ObjectAttributes": ["ETag"]},
            "GetObjectAttributes",
        ),
        ("restore_object", {"Key": "a"}, "RestoreObject"),
    ],
)
def test_an_operation_that_is_not_there_is_named(
    s3: Any, method: str, members: dict[str, Any], operation: str
) -> None:
    with pytest.raises(ClientError, match=operation) as refused:
        getattr(s3, method)(Bucket=DEFAULT, **members)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
