"""Recognising secrets, so that they are never sent or recorded without being asked for."""

from __future__ import annotations

import ast
import itertools
import re
from typing import TYPE_CHECKING

from jupyter_ml.core.credentials import CREDENTIAL

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "***"

_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|pwd|secrets?|tokens?|credentials?|auth"
    r"|(api|access|private|secret|signing|encryption)_?keys?)(_|$)",
    re.IGNORECASE,
)
_LOOKED_AT = 1000
_DEPTH = 3


def why_secret(name: str, value: object) -> str | None:
    """Return why a variable looks like a secret, or None when it does not.

    A telling name counts only on text: `max_tokens = 512` is no secret.
    """
    if _NAME.search(name) and any(True for _ in _texts(value)):
        return "its name says that it is a secret"
    if any(CREDENTIAL.search(text) for text in _texts(value)):
        return "it looks like a key or a password"
    return None


def redacted(source: str) -> str:
    """Return Python source with the texts that look like secrets replaced by `***`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return CREDENTIAL.sub(HIDDEN, source)
    lines = source.encode().splitlines(keepends=True)
    spans = sorted({_span(node) for node in _secret_texts(tree)}, reverse=True)
    for first, start, last, end in spans:
        tail = lines[last][end:]
        lines[first : last + 1] = [lines[first][:start] + f'"{HIDDEN}"'.encode() + tail]
    return CREDENTIAL.sub(HIDDEN, b"".join(lines).decode())


def _texts(value: object, depth: int = _DEPTH) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif depth and isinstance(value, dict):
        for item in itertools.islice(value.values(), _LOOKED_AT):
            yield from _texts(item, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for item in itertools.islice(value, _LOOKED_AT):
            yield from _texts(item, depth - 1)


def _secret_texts(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text) if CREDENTIAL.search(text):
                yield node
            case ast.Assign(targets=targets, value=ast.Constant(value=str()) as text_node):
                if any(_NAME.search(_called(target)) for target in targets):
                    yield text_node
            case ast.keyword(arg=str() as name, value=ast.Constant(value=str()) as text_node):
                if _NAME.search(name):
                    yield text_node
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if (
                        isinstance(key, ast.Constant)
                        and _NAME.search(str(key.value))
                        and isinstance(value, ast.Constant)
                        and isinstance(value.value, str)
                    ):
                        yield value


def _called(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""


def _span(node: ast.Constant) -> tuple[int, int, int, int]:
    last = node.end_lineno or node.lineno
    return node.lineno - 1, node.col_offset, last - 1, node.end_col_offset or 0
