"""Whatever is done in whatever order: moto is the oracle, and no request is a bug of ours."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from in_process import ADDRESS, answer_of, client_of, head_of
from moto import mock_aws

from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.aws.s3.gateway import Gateway
from jupyter_ml.aws.s3.members import MEMBERS
from jupyter_ml.contract import model
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAIR = KeyPair("JUPYTERMLTESTKEY0001", "a-secret/with+signs")
KEYS = st.sampled_from(["a", "b/c", "b/d e", "b/f/g", "ü+&"])
BODIES = st.binary(max_size=40)
METADATA = st.dictionaries(st.sampled_from(["x", "y-z"]), st.sampled_from(["1", "b c"]), max_size=2)
# moto takes no wildcard, as HTTP does.
ETAGS = st.sampled_from([None, '"d41d8cd98f00b204e9800998ecf8427e"', '"other"'])
TOLD = ("ETag", "ContentType", "Metadata", "ContentLength", "ContentRange")


@pytest.fixture(scope="module", autouse=True)
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make a client of ours and one of moto, for all that is drawn."""
    root = tmp_path_factory.mktemp("model")
    Buckets.root = root / "workspace" / "buckets"
    Buckets.ours = client_of(Gateway(Workspace.open(fresh_settings(root)), PAIR), PAIR)
    with mock_aws():
        Buckets.oracle = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        yield


class Buckets(RuleBasedStateMachine):
    """Does the same to both and compares what they answer."""

    root: Path
    ours: Any
    oracle: Any
    names = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.bucket = f"model-{next(self.names)}"
        for client in (self.ours, self.oracle):
            client.create_bucket(Bucket=self.bucket)
        assert (self.root / self.bucket).is_dir()

    def both(self, method: str, **members: Any) -> tuple[Any, Any]:
        """Return what both answer: what they tell of an object, or the status of an error."""
        given_ = {name: value for name, value in members.items() if value is not None}
        found = []
        for client in (self.ours, self.oracle):
            try:
                answer = getattr(client, method)(Bucket=self.bucket, **given_)
            except ClientError as error:
                found.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
                continue
            told = {name: answer[name] for name in TOLD if name in answer}
            if "Body" in answer:
                told["Body"] = answer["Body"].read()
            found.append(told)
        return found[0], found[1]

    @rule(key=KEYS, body=BODIES, metadata=METADATA, kind=st.sampled_from([None, "text/css"]))
    def put(self, key: str, body: bytes, metadata: dict[str, str], kind: str | None) -> None:
        """Put an object."""
        ours, oracle = self.both(
            "put_object", Key=key, Body=body, Metadata=metadata, ContentType=kind
        )
        assert ours == oracle

    @rule(key=KEYS, body=BODIES)
    def put_if_new(self, key: str, body: bytes) -> None:
        """Put an object where there is none."""
        ours, oracle = self.both("put_object", Key=key, Body=body, IfNoneMatch="*")
        assert ours == oracle

    @rule(key=KEYS, match=ETAGS, none_match=ETAGS)
    def get(self, key: str, match: str | None, none_match: str | None) -> None:
        """Get an object, on conditions."""
        for method in ("get_object", "head_object"):
            ours, oracle = self.both(method, Key=key, IfMatch=match, IfNoneMatch=none_match)
            assert ours == oracle

    @rule(key=KEYS, first=st.integers(0, 45), length=st.integers(0, 10))
    def get_range(self, key: str, first: int, length: int) -> None:
        """Get a part of an object."""
        wanted = f"bytes={first}-{first + length}"
        ours, oracle = self.both("get_object", Key=key, Range=wanted)
        assert ours == oracle

    @rule(source=KEYS, onto=KEYS, metadata=METADATA, directive=st.sampled_from(["COPY", "REPLACE"]))
    def copy(self, source: str, onto: str, metadata: dict[str, str], directive: str) -> None:
        """Copy an object; onto itself only with new metadata, as both refuse it otherwise."""
        directive = "REPLACE" if source == onto else directive
        ours, oracle = self.both(
            "copy_object",
            Key=onto,
            CopySource={"Bucket": self.bucket, "Key": source},
            MetadataDirective=directive,
            Metadata=metadata if directive == "REPLACE" else None,
        )
        assert ours == oracle

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        """Remove an object."""
        assert self.both("delete_object", Key=key) == ({}, {})

    @rule(prefix=st.sampled_from([None, "b", "b/"]), delimiter=st.sampled_from([None, "/"]))
    def list_keys(self, prefix: str | None, delimiter: str | None) -> None:
        """List keys with sizes and ETags."""
        given_ = {"Prefix": prefix, "Delimiter": delimiter}
        given_ = {name: value for name, value in given_.items() if value is not None}
        found = []
        for client in (self.ours, self.oracle):
            answer = client.list_objects_v2(Bucket=self.bucket, **given_)
            objects = [
                (each["Key"], each["Size"], each["ETag"]) for each in answer.get("Contents", [])
            ]
            found.append((objects, answer.get("CommonPrefixes"), answer["KeyCount"]))
        assert found[0] == found[1]


TestBuckets = pytest.mark.slow(Buckets.TestCase)
TestBuckets.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def wire_names(place: str) -> list[str]:
    """Return every name that a member of some operation has in a place."""
    document = model.document("s3")
    names = {
        member["locationName"]
        for name in MEMBERS
        for member in document["shapes"][document["operations"][name]["input"]["shape"]][
            "members"
        ].values()
        if member.get("location") == place
    }
    return sorted(names)


FLAGS = ["uploads", "delete", "location", "versioning", "acl", "list-type", "tagging", "bogus"]
VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "2", "true", "*", '"x"', "model/a", "bytes=0-1", "url", "CRC32"]
    ),
    st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=8),
)
DOCUMENTS = st.sampled_from(
    [
        b"",
        b"<",
        b"<Delete/>",
        b"<Delete><Object><Key>a</Key></Object><Object/></Delete>",
        b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
        (
            b"<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint>"
            b"</CreateBucketConfiguration>"
        ),
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><Delete>&a;</Delete>",
        b"\xff\xfe",
    ]
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    workspace = Workspace.open(fresh_settings(tmp_path_factory.mktemp("drawn")))
    gateway = Gateway(workspace, PAIR)
    gateway.service.buckets.create("model")
    client_of(gateway, PAIR).put_object(Bucket="model", Key="a", Body=b"0123")
    return gateway


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"]),
    path=st.sampled_from(
        ["/", "/model", "/model/", "/model/a", "/model/b%2Fc", "/none/a", "/m%ff/x"]
    ),
    query=st.dictionaries(
        st.sampled_from([*FLAGS, *wire_names("querystring")]), VALUES, max_size=3
    ),
    headers=st.dictionaries(st.sampled_from(wire_names("header")), VALUES, max_size=3),
    body=DOCUMENTS,
)
def test_no_request_that_is_signed_is_a_bug_of_ours(
    gateway: Gateway,
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    headers.pop("Content-Length", None)
    request = AWSRequest(method, ADDRESS + path, headers=headers, params=query, data=body)
    S3SigV4Auth(
        Credentials(PAIR.access_key_id, PAIR.secret_access_key), "s3", "us-east-1"
    ).add_auth(request)
    prepared = request.prepare()
    sent = {name.lower(): str(value) for name, value in prepared.headers.items()}
    head = head_of(method, prepared.url, {**sent, "content-length": str(len(body))})
    answer = answer_of(gateway, head, body)
    answer.close()
    assert answer.status != 500
    assert answer.status in {200, 204, 206, 304, 400, 403, 404, 405, 409, 412, 416, 501}
