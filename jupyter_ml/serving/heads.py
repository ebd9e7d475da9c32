"""The head of an invocation, read strictly: whatever is unusual in it is left to the real parser.

A caller sends the same head again and again, so one that was judged is known by its bytes.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple

REQUEST_LINE: Final = b"POST /invocations HTTP/1.1\r\n"
END: Final = b"\r\n\r\n"
# Nothing but plain names, visible characters and whole line ends: no folded line and no stray
# control character, about which two parsers could differ.
_FIELDS: Final = re.compile(rb"(?:[A-Za-z0-9_-]+:[\t\x20-\x7e]*\r\n)+")
_MEANT: Final = frozenset({b"authorization", b"content-type", b"accept", b"content-length"})
# What changes how a body is framed, or what is to be answered before it comes; and what the parser
# takes for `Connection`.
_UNUSUAL: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"proxy-connection"})
_LENGTH: Final = re.compile(rb"[0-9]{1,9}")
_KNOWN: Final = 1024
_KNOWN_BYTES: Final = 2048


class Head(NamedTuple):
    """What the head of an invocation says."""

    length: int
    content_type: str
    accept: str


class Heads:
    """Reads the heads of invocations that show a token.

    Parameters
    ----------
    authorization
        What a caller must send as `Authorization`.
    max_body_bytes
        Heads that announce more are left to the parser.
    """

    def __init__(self, authorization: bytes, max_body_bytes: int) -> None:
        self._authorization = authorization
        self._max_body_bytes = max_body_bytes
        # Those with the right token alone. A dictionary compares bytes only where their keyed
        # hashes agree, so the time of a look-up tells nothing of the token.
        self._known: dict[bytes, Head] = {}

    def read(self, head: bytes) -> Head | None:
        """Return what a head, with the empty line at its end, says.

        Returns
        -------
        Head or None
            `None` for anything but a plain invocation with the token: another method, path or
            version, a body without a length, a connection that shall end, a field given twice.
        """
        found = self._known.get(head)
        if found is None:
            found = self._parsed(head)
            if found is not None and len(head) <= _KNOWN_BYTES:
                if len(self._known) >= _KNOWN:
                    self._known.clear()
                self._known[head] = found
        return found

    def _parsed(self, head: bytes) -> Head | None:
        values = _values(head)
        length = values.get(b"content-length", b"")
        if not _LENGTH.fullmatch(length) or int(length) > self._max_body_bytes:
            return None
        if not hmac.compare_digest(values.get(b"authorization", b""), self._authorization):
            return None
        content_type, accept = values.get(b"content-type", b""), values.get(b"accept", b"")
        return Head(int(length), content_type.decode(), accept.decode())


def _values(head: bytes) -> dict[bytes, bytes]:
    """Return the fields of a plain invocation that mean something here, {} for any other head."""
    fields = head[len(REQUEST_LINE) : -2]
    if not head.startswith(REQUEST_LINE) or not _FIELDS.fullmatch(fields):
        return {}
    values: dict[bytes, bytes] = {}
    for line in fields[:-2].split(b"\r\n"):
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip()
        is_framing = name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive")
        # The parser takes the blanks behind a value for a part of it.
        if is_framing or name in values or not line.endswith(value):
            return {}
        if name in _MEANT:
            values[name] = value
    return values
