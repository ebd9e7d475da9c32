"""Who gets in: signatures in headers and addresses, and nobody else."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from jupyter_process import TOKEN, JupyterProcess, certificate, environment, start

from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.gateway import Gateway
from jupyter_ml.aws.s3.signing import Head
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path

Connect = Callable[..., Any]
VERSIONS = ["s3v4", "s3"]


def fetch(url: str, body: bytes | None = None, method: str = "GET", **headers: str) -> Any:
    """Return the answer to a request without credentials but those in its address."""
    request = Request(
        url, body, {k.replace("_", "-"): v for k, v in headers.items()}, method=method
    )
    answer: HTTPResponse = urlopen(request)
    with answer:
        return answer.status, answer.read()


def refused(url: str, body: bytes | None = None, method: str = "GET") -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(HTTPError) as error:
        fetch(url, body, method)
    with error.value as answer:
        text = answer.read().decode()
    return error.value.code, text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "InvalidAccessKeyId"),
        ({"aws_session_token": "stale"}, "InvalidAccessKeyId"),
    ],
)
def test_other_credentials_are_refused(connect: Connect, other: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as error:
        connect(**other).list_buckets()
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_another_region_is_refused_with_the_right_one(connect: Connect) -> None:
    with pytest.raises(ClientError) as error:
        connect(region_name="eu-west-1").list_buckets()
    assert error.value.response["Error"]["Code"] == "AuthorizationHeaderMalformed"
    assert error.value.response["Error"]["Region"] == "us-east-1"


def test_strangers_are_refused(connect: Connect, bucket: str, address: str) -> None:
    stranger = connect(config=Config(signature_version=UNSIGNED))
    calls = [
        stranger.list_buckets,
        lambda: stranger.get_object(Bucket=bucket, Key="a"),
        lambda: stranger.put_object(Bucket=bucket, Key="a", Body=b"x" * (1 << 20)),
        lambda: stranger.delete_object(Bucket=bucket, Key="a"),
    ]
    for call in calls:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
    # Neither Jupyter's token nor a method that nobody knows is a way in.
    assert refused(f"{address}/{bucket}/a?token={TOKEN}") == (403, "AccessDenied")
    assert refused(f"{address}/{bucket}/a", b"x", "PATCH") == (403, "AccessDenied")


def test_another_name_of_the_host_is_refused(address: str) -> None:
    with pytest.raises(HTTPError) as error:
        fetch(f"{address}/", Host="evil.example")
    with error.value as answer:
        assert (answer.code, b"<Code>AccessDenied</Code>" in answer.read()) == (403, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_address_lets_do_what_it_was_made_for_and_nothing_else(
    connect: Connect, s3: Any, bucket: str, version: str
) -> None:
    signer = connect(config=Config(signature_version=version))
    key = {"Bucket": bucket, "Key": "a b/ü+.txt"}
    put = signer.generate_presigned_url("put_object", key)
    assert fetch(put, b"by address", "PUT", Content_Type="")[0] == 200
    get = signer.generate_presigned_url("get_object", {**key, "ResponseContentType": "text/x"})
    assert fetch(get)[1] == b"by address"
    assert fetch(get, Range="bytes=3-9") == (206, b"address")
    assert refused(get, b"other", "PUT") == (403, "SignatureDoesNotMatch")
    assert refused(get.replace("text%2Fx", "text%2Fy")) == (403, "SignatureDoesNotMatch")
    assert refused(get.replace(".txt", ".tx")) == (403, "SignatureDoesNotMatch")
    listed = signer.generate_presigned_url("list_objects_v2", {"Bucket": bucket})
    assert b"<KeyCount>1</KeyCount>" in fetch(listed)[1]
    delete = signer.generate_presigned_url("delete_object", key)
    assert fetch(delete, None, "DELETE")[0] == 204
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_an_address_expires(tmp_path: Path, version: str) -> None:
    now = [0.0]
    keys = KeyPair("JUPYTERMLTESTKEY0001", "secret")
    gateway = Gateway(Workspace.open(fresh_settings(tmp_path)), keys, clock=lambda: now[0])
    signer = boto3.Session("JUPYTERMLTESTKEY0001", "secret", region_name="us-east-1").client(
        "s3", endpoint_url="http://host:1/x", config=Config(signature_version=version)
    )
    url = signer.generate_presigned_url("list_buckets", ExpiresIn=60)
    parts = urlsplit(url)
    head = Head("GET", parts.path, parts.query, {"host": "host:1"}, "/")
    given = dict(head.parameters)
    made = int(given["Expires"]) - 60 if "Expires" in given else _stamp(given["X-Amz-Date"])
    now[0] = made + 59
    gateway.begin(head).abort()
    now[0] = made + 62
    with pytest.raises(S3Error, match="expired") as error:
        gateway.begin(head)
    assert error.value.code == "AccessDenied"


def _stamp(text: str) -> float:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def test_an_address_for_more_than_a_week_is_refused(connect: Connect, bucket: str) -> None:
    signer = connect(config=Config(signature_version="s3v4"))
    url = signer.generate_presigned_url("list_buckets", ExpiresIn=8 * 86_400)
    assert refused(url) == (400, "AuthorizationQueryParametersError")


def test_no_signature_reaches_the_log(connect: Connect, jupyter: JupyterProcess) -> None:
    for version in VERSIONS:
        signer = connect(config=Config(signature_version=version))
        url = signer.generate_presigned_url("get_object", {"Bucket": "none-of", "Key": "them"})
        signature = url.partition("Signature=")[2].partition("&")[0]
        refused(url)
        assert signature not in jupyter.log
    assert "Signature=[secret]" in jupyter.log


def test_a_refused_connection_serves_the_next_request(connect: Connect, bucket: str) -> None:
    wrong = connect(aws_secret_access_key="wrong")
    for size in (10, 1 << 20, 70 << 20):
        with pytest.raises(ClientError) as error:
            wrong.put_object(Bucket=bucket, Key="a", Body=b"x" * size)
        assert error.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_the_variables_of_jupyter_ml_env_are_all_that_boto3_needs(jupyter: JupyterProcess) -> None:
    script = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][-1]['Name'])"
    line = f'eval "$({sys.executable} -m jupyter_ml.cli env)" && {sys.executable} -c "{script}"'
    outcome = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environment(jupyter.home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (outcome.stderr, outcome.stdout != "") == ("", True)


@pytest.mark.slow
def test_over_tls_checksums_come_behind_the_body(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    server = start(tmp_path / "home", f"--ServerApp.certfile={pem}", f"--ServerApp.keyfile={key}")
    try:
        url = server.url.replace("http://", "https://")
        context = ssl.create_default_context(cafile=str(pem))
        request = Request(
            f"{url}jupyter-ml/credentials", headers={"Authorization": f"token {TOKEN}"}
        )
        with urlopen(request, context=context) as answer:
            pair = json.load(answer)
        session = boto3.Session(
            pair["AccessKeyId"], pair["SecretAccessKey"], region_name="us-east-1"
        )
        s3 = session.client("s3", endpoint_url=f"{url}jupyter-ml/aws/s3", verify=str(pem))
        sent = []
        s3.meta.events.register(
            "before-send.s3.*", lambda request, **_: sent.append(request.headers)
        )
        s3.create_bucket(Bucket="secure")
        for algorithm in ("CRC32", "SHA256"):
            body = algorithm.encode() * 300_000
            s3.put_object(Bucket="secure", Key="a", Body=body, ChecksumAlgorithm=algorithm)
            got = s3.get_object(Bucket="secure", Key="a")
            assert got["Body"].read() == body
            assert got[f"Checksum{algorithm}"]
        payloads = [headers.get("X-Amz-Content-SHA256") for headers in sent]
        assert b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" in [
            payload.encode() if isinstance(payload, str) else payload for payload in payloads
        ]
    finally:
        server.stop()
