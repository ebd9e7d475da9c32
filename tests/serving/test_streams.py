"""Streams of any bytes: with the short way or without, the answers are the same."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

import hypothesis
from hypothesis import strategies as st

from jupyter_ml.serving.shortcut import Shortcut
from tests.serving.raw_endpoint import invocation, request, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving.raw_endpoint import Endpoint

# What streams are made of: requests, requests that are none, and pieces of them.
PIECES = (
    invocation(1.0),
    invocation(2.0, 3.0),
    invocation(4.0, headers=("Accept: text/csv", "Connection: keep-alive")),
    invocation(5.0, headers=("Connection: close",)),
    invocation(6.0, headers=("Content-Length: 1",)),
    invocation(7.0, headers=("Transfer-Encoding: chunked",)),
    invocation(8.0, token="wrong"),
    invocation(9.0).replace(b"1.1", b"1.0"),
    invocation(1.5).replace(b"\r\n", b"\n"),
    invocation(2.5, headers=("X-A: b\r\n c",)),
    invocation(3.5, headers=("Upgrade: h2c",)),
    request("POST /invocations", None, "Transfer-Encoding: chunked") + b"3\r\n[7]\r\n0\r\n\r\n",
    request("POST /invocations", b""),
    request("POST /invocations", b"{"),
    request("POST /invocations", b"x" * 70_000),
    request("POST /invocations", None),
    request("GET /ping"),
    request("HEAD /ping"),
    request("PUT /invocations", b"[[1, 2]]"),
    b"\r\n",
    b"\r\n\r\n",
    b"[[1, 2]]",
    b"\x00\xff",
)


async def heard(endpoint: Endpoint, parts: list[bytes]) -> tuple[bytes, bool]:
    """Send a stream; return what is answered, and whether the connection was closed."""
    caller = await endpoint.caller()
    for part in parts:
        caller.send(part)
        await endpoint.settle()
    batcher = endpoint.app.backend._batcher
    received, was_busy = None, True
    while was_busy or batcher._busy or received != bytes(caller.reader._buffer):
        received, was_busy = bytes(caller.reader._buffer), batcher._busy
        for _ in range(5):
            await endpoint.settle()
    is_closed = caller.reader.at_eof()
    caller.writer.close()
    return re.sub(rb"date: [^\r]*\r\n", b"", received), is_closed


def test_any_stream_is_answered_as_by_the_parser_alone(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        ours, theirs = (
            runner.run(stack.enter_async_context(served(tmp_path, protocol=protocol)))
            for protocol in (Shortcut, "httptools")
        )

        @hypothesis.settings(max_examples=100, deadline=None)
        @hypothesis.given(
            pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5),
            spots=st.lists(st.floats(0, 1), max_size=5),
            missing=st.sampled_from([0, 0, 0, 1, 20]),
        )
        def check(pieces: list[bytes], spots: list[float], missing: int) -> None:
            whole = b"".join(pieces)
            stream = whole[: len(whole) - missing]
            cuts = sorted(int(spot * len(stream)) for spot in spots)
            parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
            found, wanted = (runner.run(heard(one, parts)) for one in (ours, theirs))
            last = wanted[0][wanted[0].rfind(b"HTTP/1.1 400") :]
            if last.endswith(b"Invalid HTTP request received."):
                # The parser alone forgets what came with it, and was a request.
                assert found[0].endswith(last)
            else:
                assert found == wanted

        try:
            check()
        finally:
            runner.run(stack.aclose())
