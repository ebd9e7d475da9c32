"""Recognising secrets, so that they are never sent or recorded without being asked for."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import itertools
import re
import types
from typing import TYPE_CHECKING

from jupyter_ml.core.credentials import (
    has_credential,
    is_secret_name,
    without_credentials,
    without_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"

# Of a value and of a text, no more than this is looked at.
_MOST_TEXTS = 10_000
_MOST_CHARACTERS = 1 << 20
_DEPTH = 3
_IPYTHON = re.compile(r"\s*[%!]")
_COMMENT = re.compile(r"#.*")
# In a log, all that stands behind the name of a secret: it may be of several words.
_LOGGED = re.compile(
    r"""(?P<name>[A-Za-z_][\w-]*)\\?["']?\]?\s*(?:[:=]|(?<=\s)is\s)+\s*(?P<text>\S.*)"""
)
# Of a private key, the beginning without its end, and the end without its beginning.
_KEY_WITHOUT_END = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?!.*-----END [A-Z ]*PRIVATE KEY-----).*", re.DOTALL
)
_KEY_CUT_OFF = re.compile(r"\A[^-]*(?:-(?!----BEGIN)[^-]*)*?-----END [A-Z ]*PRIVATE KEY-----")
_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)\s+(?P<text>[^\s-]\S*)")
# A name and the word behind it: in a magic or a shell command, and in a comment.
_ARGUMENT, _REMARK = (
    re.compile(rf"""\b(?P<name>[A-Za-z_][\w-]*)["']?\s*{between}\s*(?P<text>[^\s"']+)""")
    for between in ("[:= ]", "[:=]")
)


def why_secret(name: str, value: object) -> str | None:
    """Return why a variable looks like a secret, or None when it does not.

    A telling name counts only on text: `max_tokens = 512` is no secret.
    """
    for inner, text in itertools.islice(_texts(name, value), _MOST_TEXTS):
        if is_secret_name(inner):
            return (
                "its name says that it is a secret"
                if inner == name
                else f"it holds {inner!r}, whose name says that it is a secret"
            )
        if has_credential(text):
            return "it looks like a key or a password"
    return None


def redacted(source: str) -> str:
    """Return the source of a cell or script with the texts that look like secrets hidden.

    Names decide in whatever way they are given a text: assigned, annotated, as an argument or its
    default, in a dict, compared, in a magic, a shell command or a comment.
    """
    # As Python counts lines: texts know more characters that end one.
    lines = [line.decode() for line in source.encode().splitlines(keepends=True)]
    shell = {number for number, line in enumerate(lines) if _IPYTHON.match(line)}
    python = "".join("#\n" if number in shell else line for number, line in enumerate(lines))
    try:
        tree = ast.parse(python)
    except SyntaxError:
        hide = without_secrets
    else:
        hide = without_credentials
        lines = _without(lines, _secret_texts(tree))
    for number, line in enumerate(lines):
        if number in shell:
            lines[number] = _without_words(line, _ARGUMENT)
        elif comment := _COMMENT.search(line):
            start = comment.start()
            lines[number] = line[:start] + _without_words(line[start:], _REMARK)
    return hide("".join(lines), HIDDEN)


def redacted_log(text: str) -> str:
    """Return output of a program with what looks like a secret hidden, rather too much of it.

    Behind a name that says so, in ``name: ...``, ``name=...`` and ``--name ...``, the rest of the
    line is hidden; credentials that are known by their looks are anywhere.
    """
    whole = without_secrets(_KEY_WITHOUT_END.sub(HIDDEN, text), HIDDEN)
    whole = _KEY_CUT_OFF.sub(HIDDEN, whole)
    lines = whole.splitlines(keepends=True)
    return "".join(_without_rest(_without_words(line, _FLAG)) for line in lines)


def _without_rest(line: str) -> str:
    """Return the line up to what stands behind the first name of a secret."""
    position = 0
    while found := _LOGGED.search(line, position):
        if is_secret_name(found["name"]):
            end = len(line.rstrip("\r\n"))
            return line[: found.start("text")] + HIDDEN + line[end:]
        position = found.end("name")
    return line


def _without_words(line: str, pattern: re.Pattern[str]) -> str:
    """Return the line without the words that stand behind the name of a secret."""
    position = 0
    while found := pattern.search(line, position):
        if is_secret_name(found["name"]):
            line = line[: found.start("text")] + HIDDEN + line[found.end() :]
            position = found.start("text") + len(HIDDEN)
        else:  # what stands behind may be the name that counts
            position = found.end("name")
    return line


def _without(lines: list[str], texts: Iterable[ast.expr]) -> list[str]:
    """Return the lines with `"***"` in place of texts; one of several lines leaves the others."""
    encoded = [line.encode() for line in lines]
    for (first, start), (last, end) in reversed(_outermost(texts)):
        tail = encoded[last][end:]
        encoded[first] = encoded[first][:start] + f'"{HIDDEN}"'.encode() + tail
        for number in range(first + 1, last + 1):
            encoded[number] = b""
    return [line.decode() for line in encoded]


def _outermost(texts: Iterable[ast.expr]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where the texts begin and end, in order, without those inside of another."""
    spans = {
        (
            (text.lineno - 1, text.col_offset),
            ((text.end_lineno or text.lineno) - 1, text.end_col_offset or 0),
        )
        for text in texts
    }
    found: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for begin, end in sorted(spans, key=lambda span: (span[0], [-part for part in span[1]])):
        if not found or begin >= found[-1][1]:
            found.append((begin, end))
    return found


def _texts(name: str, value: object, depth: int = _DEPTH) -> Iterator[tuple[str, str]]:
    """Yield all texts in a value, each with the name that is nearest to it."""
    if isinstance(value, str):
        yield name, value[:_MOST_CHARACTERS]
    elif isinstance(value, bytes):
        yield name, value[:_MOST_CHARACTERS].decode("latin-1")
    elif not depth:
        return
    elif isinstance(value, dict):
        for key, item in itertools.islice(value.items(), _MOST_TEXTS):
            inner = key if isinstance(key, str) and not is_secret_name(name) else name
            yield from _texts(inner, item, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in itertools.islice(value, _MOST_TEXTS):
            yield from _texts(name, item, depth - 1)
    elif _is_record(value):
        yield from _texts(name, vars(value), depth)


def _is_record(value: object) -> bool:
    """Return whether a value is a mere holder of named values, such as a configuration."""
    if isinstance(value, types.SimpleNamespace | argparse.Namespace):
        return True
    is_instance = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_instance and hasattr(value, "__dict__")


def _secret_texts(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text) if without_secrets(text, HIDDEN) != text:
                yield node
        for name, value in _named(node):
            if value is not None and is_secret_name(name):
                yield from _literals(value)


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a node gives something to, each with what it gives."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _paired(target, value)
        case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
            yield _called(target), value
        case ast.NamedExpr(target=target, value=value):
            yield target.id, value
        case ast.keyword(arg=str() as name, value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            yield from ((_called(key), value) for key, value in zip(keys, values, strict=True))
        case ast.Call(args=arguments):
            # os.environ.setdefault("API_KEY", "..."): a name and what is behind it.
            yield from (
                (_called(name), value)
                for name, value in itertools.pairwise(arguments)
                if isinstance(name, ast.Constant)
            )
        case ast.Compare(left=left, comparators=[right]):
            yield _called(left), right
            yield _called(right), left
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            late = positional[len(positional) - len(node.defaults) :]
            yield from zip((one.arg for one in late), node.defaults, strict=True)
            yield from zip((one.arg for one in node.kwonlyargs), node.kw_defaults, strict=True)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield what each name of an assignment gets: ``user, password = "ann", "..."``."""
    match target, value:
        case ((ast.Tuple() | ast.List()), (ast.Tuple() | ast.List())):
            for one, given in zip(target.elts, value.elts, strict=False):
                yield from _paired(one, given)
        case _:
            yield _called(target), value


def _literals(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the texts that an expression is made of; not those that only name something."""
    match value:
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            yield value
        case ast.BinOp(left=left, right=right):
            yield from _literals(left)
            yield from _literals(right)
        case ast.IfExp(body=body, orelse=other):
            yield from _literals(body)
            yield from _literals(other)
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            for one in values:
                yield from _literals(one)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            for one in elements:
                yield from _literals(one)
        case ast.Call(func=ast.Attribute(value=inner)):  # "...".encode()
            yield from _literals(inner)


def _called(target: ast.expr | None) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Constant(value=str() as name):
            return name
    return ""
