"""Secrets are recognised by their names and by their looks."""

from __future__ import annotations

import dataclasses
import types

import pytest

from jupyter_ml.toolkit.redaction import redacted, why_secret


@dataclasses.dataclass
class Settings:
    api_token: str


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
        ("PGPASSWORD", "x"),
        ("dbPassword", "x"),
        ("clientSecret", "x"),
        ("X-Api-Key", "x"),
        ("OPENAI_KEY", "x"),
        ("smtp_pass", "x"),
        ("basic_auth", ("ann", "x")),
        ("access_tokens", ["x"]),
        ("config", {"db": {"password": "x"}}),
        ("settings", types.SimpleNamespace(api_key="x")),
        ("settings", Settings("x")),
        ("headers", {"Authorization": "Bearer 0123456789abcdef"}),
        ("url", "https://host/blob?sv=1&sig=0123456789abcdef"),
        ("connection", "AccountName=a;AccountKey=0123456789abcdef0123456789=="),
        ("stripe", "sk_live_0123456789abcdef"),
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
        ("eos_token", "</s>"),
        ("token_pattern", r"\w+"),
        ("tokens", ["the", "cat"]),
        ("batch", {"tokens": ["the", "cat"]}),
        ("tokenizer", "bert"),
        ("low_pass", "butterworth"),
        ("secretary", "ann"),
        ("primary_key", "id"),
        ("keys", ["a", "b"]),
        ("author_email", "a@b.org"),
        ("settings", types.SimpleNamespace(depth=3, name="x")),
    ],
)
def test_what_only_resembles_a_secret_is_none(name, value):
    assert why_secret(name, value) is None


SHAPES = """\
password: str = "HUNTER"
user, db_password = "ann", "HUNTER"
self.clientSecret = f"HUNTER{1}"
os.environ["OPENAI_API_KEY"] = "HUNTER"
os.environ.setdefault("API_KEY", "HUNTER")
headers = {"Authorization": "HUNTER", "X-Api-Key": "HUNTER"}
def connect(host, password="HUNTER", *, token='HUNTER'): pass
if (passphrase := "HUNTER") and password == "HUNTER": pass
secret = "HUN" "HUNTER" + b"HUNTER".decode()
token = os.environ["HF_TOKEN"] or "HUNTER"
api_key = (
    "HUNTER"
)
login(**dict(pwd="HUNTER"))
config = '{"password": "HUNTER"}'
# password: HUNTER
url = "postgresql://ann:HUNTER@host/db"
secrets = ["HUNTER", "HUNTER"]
private_key = '''
HUNTER
'''
"""
IPYTHON = """\
%env API_KEY=HUNTER
%set_env DB_PASSWORD HUNTER
!export HF_TOKEN=HUNTER
!curl -H "Authorization: HUNTER" --token HUNTER https://host
password = "HUNTER"
"""


@pytest.mark.parametrize(
    "source",
    [
        *SHAPES.splitlines(keepends=True)[:10],
        SHAPES,
        IPYTHON,
        "%%time\n" + SHAPES,
        "%%bash\n" + IPYTHON,
        "this is (no Python\n" + SHAPES.splitlines(keepends=True)[0],
    ],
)
def test_a_secret_is_hidden_in_whatever_shape_it_is_written(source):
    assert "HUNTER" in source
    assert "HUNTER" not in redacted(source)


def test_what_is_no_secret_stays_in_the_recorded_source():
    source = (
        '%matplotlib inline\ntoken = os.environ["HF_TOKEN"]\ntokens = ["the", "cat"]\n'
        'model = Model(depth=3, eos_token="</s>", max_tokens="5")  # the secret of its success\n'
        'password = getpass("Password: ")\ntext = "a\u2028b"\nname = "é"; label = "x"\n'
    )
    assert redacted(source) == source


def test_a_long_text_is_looked_at_in_no_time():
    assert why_secret("text", "a" * 50_000_000) is None
    assert redacted("x = '" + "b" * 200_000 + "'\n" + "y = 1\n" * 2000)


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
