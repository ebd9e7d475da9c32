"""Heads read by their bytes: never otherwise than the parser of the server reads them."""

from __future__ import annotations

from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_ml.serving.heads import Head, Heads

TOKEN = b"Bearer " + b"t" * 32
LINE = b"POST /invocations HTTP/1.1"
FIELDS = (
    b"Host: 127.0.0.1:8080",
    b"Authorization: " + TOKEN,
    b"Content-Type: application/json",
    b"Content-Length: 5",
)
ODD = (
    b"content-length: 7",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length:",
    b"Content-Length: 005",
    b"Content-Length : 5",
    b" Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"transfer-encoding : chunked",
    b"Connection: close",
    b"Connection: Keep-Alive",
    b"Connection: keep-alive, close",
    b"Connection: upgrade",
    b"Proxy-Connection: close",
    b"proxy-connection: upgrade",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Accept: text/csv",
    b"Accept:\ttext/csv\t",
    b"Authorization: Bearer wrong",
    b"X-Trace: a\nTransfer-Encoding: chunked",
    b"X-Trace: a\rTransfer-Encoding: chunked",
    b"X-Trace: a\x00b",
    b"X-Trace: \xc3\xa9",
    b"X-Trace: a",
    b"\tfolded",
    b"no colon",
    b": no name",
    b"",
    b"\n",
    b"\r",
)


def head(*fields: bytes, line: bytes = LINE) -> bytes:
    """Return a head."""
    return b"\r\n".join([line, *fields, b"", b""])


def heads(limit: int = 1000) -> Heads:
    """Return a reader that knows nothing yet."""
    return Heads(TOKEN, limit)


class Parsed:
    """What the server's parser makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.url = b""
        self.body = b""
        self.complete = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


def test_a_plain_invocation_is_read() -> None:
    assert heads().read(head(*FIELDS)) == Head(5, "application/json", "")
    assert heads().read(head(*FIELDS, b"accept:text/csv", b"Connection: keep-alive")) == Head(
        5, "application/json", "text/csv"
    )


@pytest.mark.parametrize(
    "unusual",
    [
        head(*FIELDS, line=b"POST /invocations HTTP/1.0"),
        head(*FIELDS, line=b"POST /invocations?a=1 HTTP/1.1"),
        head(*FIELDS, line=b"POST /ping HTTP/1.1"),
        head(*FIELDS, line=b"post /invocations HTTP/1.1"),
        head(*FIELDS, line=b"\r\nPOST /invocations HTTP/1.1"),
        head(*FIELDS[:-1]),
        head(*FIELDS[:-1], b"Content-Length: 1001"),
        head(FIELDS[0], *FIELDS[2:]),
        head(),
        b"\r\n\r\n",
        b"",
        *(
            head(*FIELDS, odd)
            for odd in ODD
            if not odd.startswith((b"Accept", b"X-Trace: a")) and odd != b"Connection: Keep-Alive"
        ),
        *(head(*FIELDS, odd) for odd in ODD if odd.startswith(b"X-Trace") and odd != b"X-Trace: a"),
    ],
)
def test_anything_unusual_is_left_to_the_parser(unusual: bytes) -> None:
    reader = heads()
    assert reader.read(unusual) is None
    # Nor does a refusal stay behind as something known.
    assert reader.read(unusual) is None
    assert reader.read(head(*FIELDS)) is not None


def test_what_is_known_is_bounded() -> None:
    reader = heads()
    for number in range(5000):
        assert reader.read(head(*FIELDS, b"X-Trace: %d" % number)) is not None
    assert len(reader._known) <= 1024
    long = head(*FIELDS, b"X-Trace: " + b"a" * 5000)
    assert reader.read(long) is not None
    assert long not in reader._known


@settings(max_examples=500, deadline=None)
@given(
    lines=st.lists(st.one_of(st.sampled_from([*FIELDS, *ODD]), st.binary(max_size=12)), max_size=7),
    plain=st.booleans(),
    data=st.data(),
)
def test_what_is_read_here_is_what_the_parser_reads(
    lines: list[bytes], plain: bool, data: Any
) -> None:
    fields = [*FIELDS, *lines] if plain else lines
    sent = head(*data.draw(st.permutations(fields)))
    end = sent.find(b"\r\n\r\n") + 4
    found = heads().read(sent[:end])
    if found is None:
        return
    body = b"x" * found.length
    parsed = Parsed(sent[:end] + body)
    assert (parsed.complete, parsed.body, parsed.url) == (1, body, b"/invocations")
    assert parsed.parser.get_method() == b"POST"
    assert parsed.parser.should_keep_alive()
    assert not parsed.parser.should_upgrade()
    kinds = (parsed.headers.get(name, b"").decode() for name in (b"content-type", b"accept"))
    assert (found.content_type, found.accept) == tuple(kinds)
    assert parsed.headers[b"authorization"] == TOKEN
