"""Signatures: botocore's own signer is the oracle."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import KEY, REGION, SECRET, signed

from jupyter_ml.aws.keys import KeyFileError, gateway_keys
from jupyter_ml.aws.sigv4 import SignedRequest, verify
from jupyter_ml.contract.errors import InvalidSignatureException, UnrecognizedClientException
from jupyter_ml.core.settings import Settings


def check(request: SignedRequest, now_s: float | None = None) -> str:
    """Verify against the one key that these tests know."""
    return verify(request, {KEY: SECRET}, region=REGION, now_s=now_s or time.time())


def test_a_request_signed_by_botocore_is_accepted() -> None:
    request = signed(headers={"X-Amz-Target": "SageMaker.ListModels", "X-Two": "a   b "})
    assert check(request) == KEY


@given(
    segments=st.lists(st.text(min_size=1, max_size=8), max_size=5),
    query=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3),
    body=st.binary(max_size=64),
    trailing=st.booleans(),
)
def test_any_path_query_and_body_signed_by_botocore_is_accepted(
    segments: list[str], query: dict[str, str], body: bytes, *, trailing: bool
) -> None:
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    path += "/" * trailing
    text = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
    assert check(signed(f"http://localhost:1{path}?{text}", body)) == KEY


def test_a_wrong_secret_is_refused() -> None:
    with pytest.raises(InvalidSignatureException, match="does not match"):
        check(signed(secret="another"))


def test_an_unknown_key_is_refused_and_named() -> None:
    with pytest.raises(UnrecognizedClientException, match=KEY):
        verify(signed(), {"OTHER": SECRET}, region=REGION, now_s=time.time())


def test_a_request_without_signature_is_refused() -> None:
    request = signed()
    del request.headers["authorization"]  # type: ignore[attr-defined]
    with pytest.raises(UnrecognizedClientException, match="jupyter ml env"):
        check(request)


@pytest.mark.parametrize("change", ["method", "path", "query", "body"])
def test_a_tampered_part_is_refused(change: str) -> None:
    tampered: dict[str, object] = {"method": "PUT", "path": "/x", "query": "a=1", "body": b"{ }"}
    with pytest.raises(InvalidSignatureException):
        check(replace(signed(), **{change: tampered[change]}))  # type: ignore[arg-type]


def test_a_body_hash_that_is_not_the_bodys_is_refused() -> None:
    request = signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    with pytest.raises(InvalidSignatureException, match="body"):
        check(request)


def test_a_header_that_steers_the_request_must_be_signed() -> None:
    request = signed()
    steered = replace(request, headers={**request.headers, "x-amz-target": "SageMaker.Other"})
    with pytest.raises(InvalidSignatureException, match="x-amz-target"):
        check(steered)


@pytest.mark.parametrize("skew_s", [-16 * 60, 16 * 60])
def test_a_signature_from_another_time_is_refused(skew_s: float) -> None:
    with pytest.raises(InvalidSignatureException, match="clocks"):
        check(signed(), now_s=time.time() + skew_s)


def test_a_signature_within_the_skew_is_accepted() -> None:
    assert check(signed(), now_s=time.time() + 14 * 60) == KEY


def test_another_region_is_refused_with_what_to_set() -> None:
    with pytest.raises(InvalidSignatureException, match="AWS_DEFAULT_REGION=us-east-1"):
        check(signed(region="eu-west-1"))


def test_another_service_is_refused() -> None:
    with pytest.raises(InvalidSignatureException, match="'s3'"):
        check(signed(service="s3"))


def test_a_session_token_is_refused_with_what_to_unset() -> None:
    with pytest.raises(UnrecognizedClientException, match="AWS_SESSION_TOKEN"):
        check(signed(token="from the cloud"))


@pytest.mark.parametrize("header", ["Bearer x", "AWS4-HMAC-SHA256 Credential=a/b", "x" * 10_000])
def test_a_malformed_authorization_is_refused(header: str) -> None:
    request = signed()
    with pytest.raises(InvalidSignatureException):
        check(replace(request, headers={**request.headers, "authorization": header}))


def test_keys_are_made_once_and_only_the_owner_can_read_them(tmp_path) -> None:
    settings = Settings(tmp_path)
    first = gateway_keys(tmp_path / "keys", settings)
    assert first == gateway_keys(tmp_path / "keys", settings)
    assert len(first.access_key_id) == 20
    file = tmp_path / "keys" / "gateway.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["gateway.json"]


def test_two_workspaces_have_different_keys(tmp_path) -> None:
    settings = Settings(tmp_path)
    assert gateway_keys(tmp_path / "a", settings) != gateway_keys(tmp_path / "b", settings)


def test_pinned_keys_are_used_and_not_written(tmp_path) -> None:
    settings = Settings(tmp_path, access_key_id="PINNED", secret_access_key="pinned")
    assert gateway_keys(tmp_path / "keys", settings).access_key_id == "PINNED"
    assert not (tmp_path / "keys").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX notion")
def test_keys_that_others_can_read_are_refused(tmp_path) -> None:
    gateway_keys(tmp_path, Settings(tmp_path))
    (tmp_path / "gateway.json").chmod(0o644)
    with pytest.raises(KeyFileError, match="Delete it"):
        gateway_keys(tmp_path, Settings(tmp_path))


def test_the_secret_does_not_appear_in_a_repr(tmp_path) -> None:
    keys = gateway_keys(tmp_path, Settings(tmp_path))
    assert keys.secret_access_key not in repr(keys)
