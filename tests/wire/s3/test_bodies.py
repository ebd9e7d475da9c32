"""Bodies in chunks, checksums and signatures: AWS's published examples and botocore's signer."""

from __future__ import annotations

import base64
import hashlib
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from awscrt import checksums as awscrt_checksums
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.aws.s3 import checksums, chunks
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.gateway import Answer, Gateway
from jupyter_ml.aws.s3.signing import Head, Proof, verify_header
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY, SECRET, REGION = "JUPYTERMLTESTKEY0001", "a-secret/with+signs", "us-east-1"
PREFIX = "/user/ann/jupyter-ml/aws/s3"
BUCKET = "sagemaker-us-east-1-000000000000"
EXAMPLE_KEY, EXAMPLE_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EXAMPLE_NOW_S = 1_369_353_600.0  # 20130524T000000Z


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(Workspace.open(fresh_settings(tmp_path)), KeyPair(KEY, SECRET))


def head(key: str, headers: Mapping[str, str], *, method: str = "PUT", body: bytes = b"") -> Head:
    """Return a request for an object, signed by botocore over the headers given."""
    url = f"http://127.0.0.1:8888{PREFIX}/{BUCKET}/{key}"
    request = AWSRequest(method, url, headers=dict(headers), data=body)
    if "X-Amz-Content-SHA256" in headers:
        request.context["payload_signing_enabled"] = False
    _Signer(Credentials(KEY, SECRET), "s3", REGION).add_auth(request)
    parts = urlsplit(url)
    found = {name.lower(): value for name, value in request.headers.items()}
    found = {"content-length": str(len(body)), **found, "host": parts.netloc}
    return Head(method, parts.path, parts.query, found, parts.path.removeprefix(PREFIX))


class _Signer(S3SigV4Auth):
    """Signs the payload that the request says it has, as clients that stream do."""

    def payload(self, request: AWSRequest) -> str:
        given: str | None = request.headers.get("X-Amz-Content-SHA256")
        return given or hashlib.sha256(request.data or b"").hexdigest()

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        given = request.headers.get("X-Amz-Content-SHA256")
        super()._modify_request_before_signing(request)
        if given:
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = given


def send(gateway: Gateway, asked: Head, body: bytes, piece: int = 7) -> Answer:
    """Have a request answered whose body arrives in small pieces."""
    exchange = gateway.begin(asked)
    try:
        for start in range(0, len(body), piece):
            exchange.feed(body[start : start + piece])
        return exchange.finish()
    finally:
        exchange.abort()


def unsigned_chunks(body: bytes, trailer: str, size: int) -> bytes:
    """Return a body as the SDKs frame it over TLS."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return framed + f"0\r\n{trailer}\r\n\r\n".encode()


def streaming(body: bytes, algorithm: str = "crc32") -> dict[str, str]:
    return {
        "X-Amz-Content-SHA256": chunks.UNSIGNED_TRAILER,
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(len(body)),
        "X-Amz-Trailer": f"x-amz-checksum-{algorithm}",
    }


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def stored(tmp_path: Path) -> list[str]:
    """Return the names of all files below the buckets that are no locks."""
    root = tmp_path / "workspace" / "buckets"
    found = [path for path in root.rglob("*") if path.is_file() and "locks" not in path.parts]
    return sorted(path.relative_to(root).parts[-1] for path in found)


@given(body=st.binary(max_size=300), size=st.integers(1, 64), piece=st.integers(1, 50))
def test_a_chunked_body_is_taken_apart_wherever_it_is_cut(
    body: bytes, size: int, piece: int
) -> None:
    framed = unsigned_chunks(body, f"x-amz-checksum-crc32:{crc32(body)}", size)
    decoder = chunks.ChunkDecoder(chunks.UNSIGNED_TRAILER, None)
    found = b"".join(
        part
        for start in range(0, len(framed), piece)
        for part in decoder.feed(framed[start : start + piece])
    )
    decoder.finish()
    assert found == body
    assert decoder.trailers == {"x-amz-checksum-crc32": crc32(body)}


def test_a_body_with_its_checksum_behind_it_is_kept(gateway: Gateway, tmp_path: Path) -> None:
    body = b"0123456789" * 9
    framed = unsigned_chunks(body, f"x-amz-checksum-crc32:{crc32(body)}", 32)
    answer = send(gateway, head("a", streaming(body)), framed)
    assert answer.headers["x-amz-checksum-crc32"] == crc32(body)
    assert (tmp_path / "workspace" / "buckets" / BUCKET / "a").read_bytes() == body


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda framed: framed.replace(b"0123", b"0124", 1), "BadDigest"),
        (lambda framed: framed[:-30], "InvalidRequest"),
        (lambda framed: framed[:40], "IncompleteBody"),
        (lambda framed: framed.replace(b"20\r\n", b"21\r\n", 1), "InvalidRequest"),
        (lambda framed: b"zz\r\n" + framed, "InvalidRequest"),
        (lambda framed: framed.partition(b"\r\n0\r\n")[0] + b"\r\n0\r\n\r\n", "InvalidRequest"),
        (lambda framed: b"3\r\nabc\r\n" + framed, "IncompleteBody"),
        (lambda framed: b"x" * 5000 + framed, "InvalidRequest"),
    ],
)
def test_a_body_that_is_not_what_was_sent_leaves_nothing(
    gateway: Gateway, tmp_path: Path, change: Any, code: str
) -> None:
    body = b"0123456789" * 9
    framed = unsigned_chunks(body, f"x-amz-checksum-crc32:{crc32(body)}", 32)
    with pytest.raises(S3Error) as refused:
        send(gateway, head("a", streaming(body)), change(framed))
    assert refused.value.code == code
    assert stored(tmp_path) == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-crc32": crc32(b"other")}, "BadDigest"),
        ({"x-amz-checksum-sha256": "AAAA"}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAA", "x-amz-checksum-sha1": "AAAA"}, "InvalidRequest"),
        ({"Content-MD5": base64.b64encode(hashlib.md5(b"x").digest()).decode()}, "BadDigest"),
        ({"Content-MD5": "nonsense"}, "InvalidDigest"),
        ({"x-amz-content-sha256": "UNSIGNED"}, "InvalidArgument"),
        ({"x-amz-checksum-xxhash64": "AAAA"}, "NotImplemented"),
        ({"x-amz-unheard-of": "1"}, "NotImplemented"),
    ],
)
def test_headers_that_do_not_fit_the_body_are_refused(
    gateway: Gateway, tmp_path: Path, headers: dict[str, str], code: str
) -> None:
    given = {
        "X-Amz-Content-SHA256" if n == "x-amz-content-sha256" else n: v for n, v in headers.items()
    }
    with pytest.raises(S3Error) as refused:
        send(gateway, head("a", given, body=b"body"), b"body")
    assert refused.value.code == code
    assert stored(tmp_path) == []


def test_a_body_changed_behind_a_signature_over_it_leaves_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    with pytest.raises(S3Error) as refused:
        send(gateway, head("a", {}, body=b"body"), b"bady")
    assert refused.value.code == "XAmzContentSHA256Mismatch"
    assert stored(tmp_path) == []


def test_half_a_body_leaves_nothing(gateway: Gateway, tmp_path: Path) -> None:
    exchange = gateway.begin(head("a", {}, body=b"body"))
    exchange.feed(b"bo")
    exchange.abort()
    assert stored(tmp_path) == []


@pytest.mark.parametrize("length", ["many", "-1"])
def test_a_length_that_is_none_is_refused(gateway: Gateway, length: str) -> None:
    with pytest.raises(S3Error, match="number"):
        gateway.begin(head("a", {"X-Amz-Decoded-Content-Length": length}))


def example(payload: str, signature: str, **more: str) -> Head:
    """Return the request of AWS's documentation of signed chunks."""
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": payload,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        **more,
    }
    signed = ";".join(sorted(headers))
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={EXAMPLE_KEY}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed},Signature={signature}"
    )
    path = "/examplebucket/chunkObject.txt"
    return Head("PUT", path, "", headers, path)


def example_proof(asked: Head) -> Proof:
    secrets = {EXAMPLE_KEY: EXAMPLE_SECRET}
    return verify_header(asked, secrets, region="us-east-1", now_s=EXAMPLE_NOW_S)


def signed_chunks(*signatures: str) -> bytes:
    pieces = (b"a" * 65536, b"a" * 1024, b"")
    return b"".join(
        b"%x;chunk-signature=%s\r\n%s%s" % (len(piece), each.encode(), piece, b"\r\n" * bool(piece))
        for piece, each in zip(pieces, signatures, strict=True)
    )


SIGNED = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)


@pytest.mark.parametrize("changed", [None, 0, 1, 2])
def test_awss_own_example_of_signed_chunks_is_verified(changed: int | None) -> None:
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    asked = example(chunks.SIGNED, seed, **{"content-length": "66824"})
    decoder = chunks.ChunkDecoder(chunks.SIGNED, example_proof(asked).seed)
    signatures = [("0" * 64 if i == changed else each) for i, each in enumerate(SIGNED)]
    framed = signed_chunks(*signatures) + b"\r\n"

    def decode() -> bytes:
        found = b"".join(decoder.feed(framed))
        decoder.finish()
        return found

    if changed is None:
        assert decode() == b"a" * 66560
    else:
        with pytest.raises(S3Error, match="chunk's signature"):
            decode()


@pytest.mark.parametrize("checksum", ["sOO8/Q==", "sOO8/A=="])
def test_awss_own_example_of_a_signed_trailer_is_verified(checksum: str) -> None:
    seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    asked = example(chunks.SIGNED_TRAILER, seed, **{"x-amz-trailer": "x-amz-checksum-crc32c"})
    decoder = chunks.ChunkDecoder(chunks.SIGNED_TRAILER, example_proof(asked).seed)
    framed = signed_chunks(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    )
    trailer = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
    framed += (
        f"x-amz-checksum-crc32c:{checksum}\r\nx-amz-trailer-signature:{trailer}\r\n\r\n".encode()
    )
    whole = checksums.hasher("CRC32C")
    for piece in decoder.feed(framed):
        whole.update(piece)
    if checksum == "sOO8/Q==":
        decoder.finish()
        assert decoder.trailers == {"x-amz-checksum-crc32c": checksums.encoded(whole.digest())}
    else:
        with pytest.raises(S3Error, match="chunk's signature"):
            decoder.finish()


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        # the catalogue of parametrised CRC algorithms has these for the nine digits
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", hashlib.sha1(b"123456789").hexdigest()),
    ],
)
def test_checksums_are_those_of_their_catalogue_however_the_data_is_cut(
    algorithm: str, digest: str
) -> None:
    for cut in range(10):
        made = checksums.hasher(algorithm)
        made.update(b"123456789"[:cut])
        made.update(b"123456789"[cut:])
        assert made.digest().hex() == digest


@pytest.mark.parametrize("step", [checksums._CRC32C, checksums._CRC64NVME])
@given(body=st.binary(max_size=200), cut=st.integers(0, 200))
def test_checksums_in_python_are_those_in_c(step: tuple[int, int], body: bytes, cut: int) -> None:
    name = {4: "crc32c", 8: "crc64nvme"}[step[1]]
    made = checksums.Crc(checksums._stepper(*step), step[1])
    made.update(body[:cut])
    made.update(body[cut:])
    assert made.digest() == getattr(awscrt_checksums, name)(body, 0).to_bytes(step[1], "big")


def test_a_request_is_answered_only_in_its_time(tmp_path: Path) -> None:
    workspace = Workspace.open(fresh_settings(tmp_path))
    late = Gateway(workspace, KeyPair(KEY, SECRET), clock=lambda: time.time() + 16 * 60)
    with pytest.raises(S3Error) as refused:
        late.begin(head("a", {}))
    assert refused.value.code == "RequestTimeTooSkewed"
