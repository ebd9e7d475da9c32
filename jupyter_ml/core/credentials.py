"""What secrets are called and what they look like, wherever a text could carry one away.

The one list for all: what a job inherits, which variables go along with a cell, what is recorded
of a run, and the event log. Standard library only, and quick to import: the shim does.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

REDACTED: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET: Final = frozenset(
    {"password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets"}
    | {"credential", "credentials", "authorization", "bearer", "apikey", "apikeys"}
)
# What is written in one: PGPASSWORD, dbpassword, clientsecret.
_ENDINGS: Final = ("password", "passwd", "passphrase", "apikey", "secretkey", "accesskey", "secret")
_KEY_OF: Final = frozenset(
    {"api", "access", "private", "secret", "signing", "encryption", "account", "master", "shared"}
    | {"storage", "license", "openai", "anthropic", "mistral", "cohere", "wandb", "aws"}
)
_PASS_OF: Final = frozenset(
    {"db", "database", "user", "smtp", "imap", "mail", "mysql", "postgres", "pg", "redis", "ftp"}
    | {"admin", "root", "login", "ssh", "http", "https", "proxy", "basic", "my"}
)
# Tokens of a text and of the API's own paging give no access; several are of a text mostly.
_TOKEN_OF: Final = frozenset(
    {"pad", "eos", "bos", "unk", "mask", "sep", "cls", "special", "start", "end", "stop"}
    | {"next", "new", "image", "per", "request"}
)
_OF_TOKEN: Final = frozenset(
    {"type", "count", "limit", "id", "ids", "length", "len", "pattern", "column", "col"}
    | {"embedding", "embeddings", "classification"}
)
_TOKENS_OF: Final = frozenset({"access", "api", "auth", "bearer", "refresh", "session", "secret"})
_AUTH: Final = frozenset({"", "header", "headers", "string"})
_WIRE: Final = frozenset({"ClientToken", "ContinuationToken"})


def is_secret_name(name: str) -> bool:
    """Return whether a variable, member or header of this name holds a secret by its name.

    Words count, in whatever case they are written: ``DB_PASSWORD``, ``clientSecret`` and
    ``X-Api-Key`` do, ``tokenizer``, ``max_tokens``, ``eos_token`` and ``keyboard`` do not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if name in _WIRE or not words:
        return False
    before = ["", *words]
    after = [*words[1:], ""]
    return any(map(_is_secret_word, before, words, after))


def _is_secret_word(before: str, word: str, after: str) -> bool:
    match word:
        case "token":
            is_secret = before not in _TOKEN_OF and after not in _OF_TOKEN
        case "tokens":
            is_secret = before in _TOKENS_OF
        case "key" | "keys":
            is_secret = before in _KEY_OF
        case "pass":
            is_secret = before in _PASS_OF and not after
        case "auth":
            is_secret = after in _AUTH
        case _:
            is_secret = word in _SECRET or word.endswith(_ENDINGS)
    return is_secret


def has_credential(text: str) -> bool:
    """Return whether something in a text looks like a key or a password, whatever it is called."""
    return _credential().search(text) is not None


def without_credentials(text: str, mark: str) -> str:
    """Return the text with `mark` in place of what looks like a key or a password."""
    return _credential().sub(mark, text)


def without_secrets(text: str, mark: str) -> str:
    """Return the text without credentials and what stands in quotes behind a name of a secret.

    Such as in ``{"password": "..."}`` and ``api_key='...'``.
    """

    def hidden(found: re.Match[str]) -> str:
        # A text under a harmless name may hold others in turn.
        is_secret = is_secret_name(found["name"])
        shown = mark if is_secret else without_secrets(found["text"], mark)
        return f"{found['before']}{found['quote']}{shown}{found['quote']}"

    return _assigned().sub(hidden, without_credentials(text, mark))


@cache
def _credential() -> re.Pattern[str]:
    return re.compile(
        r"""\b(AKIA|ASIA)[A-Z0-9]{16}\b                 # AWS access keys
        | \b(gh[pousr]|github_pat)_\w{20,}              # GitHub
        | \bglpat-[\w-]{18,}                            # GitLab
        | \bxox[abprs]-[\w-]{10,}                       # Slack
        | \bsk-[\w-]{20,}                               # OpenAI and alike
        | \b[rs]k_(live|test)_\w{16,}                   # Stripe
        | \bhf_[A-Za-z0-9]{20,}                         # Hugging Face
        | \bAIza[\w-]{30,}                              # Google
        | \bya29\.[\w-]{20,}                            # Google, for an hour
        | \b(npm_|pypi-|dapi|hvs\.)[A-Za-z0-9_-]{24,}   # registries, Databricks, Vault
        | \bSG\.[\w-]{16,}\.[\w-]{16,}                  # SendGrid
        | \beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}        # JSON web tokens
        | \b[Bb]earer\s+[\w.~+/=-]{16,}                 # headers
        | \bAccountKey=[A-Za-z0-9+/=]{20,}              # Azure
        | (?<=[?&])(sig|token|access_token|api_key|password)=[^&\s"']{6,}
        | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(.*?-----END\ [A-Z ]*PRIVATE\ KEY-----)?
        | (?<=\w://)[^/\s:@"']*:[^/\s@"']+(?=@)         # passwords in addresses
        """,
        re.VERBOSE | re.DOTALL,
    )


@cache
def _assigned() -> re.Pattern[str]:
    """Return a pattern of a name and the quoted text that is given to it."""
    return re.compile(
        r"""(?P<before>
          (?<![\w.-]) (?P<name>[A-Za-z_][\w.-]{0,80}) \\?["']? \]? \s*
          (: \s* [A-Za-z_][\w\[\], .|]* \s* (?==))?      # an annotation
          (=|:|==|!=) \s* \(? \s* [rRbBuUfF]{0,2}
        )
        (?P<quote>\"{3}|'{3}|\\?"|\\?') (?P<text>.*?) (?<!\\) (?P=quote)
        """,
        re.VERBOSE | re.DOTALL,
    )
