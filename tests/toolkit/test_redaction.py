"""Secrets are recognised by their names and by their looks."""

from __future__ import annotations

import pytest

from jupyter_ml.toolkit.redaction import redacted, why_secret


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "x"),
        ("DB_PASSWORD", "x"),
        ("hf_token", "x"),
        ("openai_api_key", b"x"),
        ("credentials", {"user": "a"}),
        ("config", {"aws": ["AKIA" + "A" * 16]}),
        ("url", "postgresql://me:hunter2@host/db"),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_a_secret_is_recognised(name, value):
    assert why_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 512),
        ("tokens", [1, 2, 3]),
        ("keyboard", "qwerty"),
        ("author", "x"),
        ("text", "a normal sentence"),
        ("path", "https://example.org/a:b@c"),
    ],
)
def test_what_only_resembles_a_secret_is_none(name, value):
    assert why_secret(name, value) is None


def test_texts_that_look_like_secrets_are_hidden_in_recorded_source():
    source = (
        'password = "hunter2"\nclient = Api(token="abc", name="é")\n'
        'headers = {"api_key": "k", "kind": "json"}\nother = "AKIAABCDEFGHIJKLMNOP"\n'
    )
    hidden = redacted(source)
    for secret in ("hunter2", '"abc"', '"k"', "AKIA"):
        assert secret not in hidden
    assert 'name="é"' in hidden
    assert '"kind": "json"' in hidden
    assert len(hidden.splitlines()) == 4
