"""What follows a refusal on its connection: the next request or nothing, never part of a body."""

from __future__ import annotations

import http.client
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# As a body, it is what a confused server would take for the next request.
INSIDE = b"GET /user/ann/jupyter-ml/aws/s3/inside HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INSIDE), INSIDE)
LARGE = 65 << 20


class Line:
    """A connection on which requests are written by hand."""

    def __init__(self, address: str) -> None:
        self.parts = urlsplit(address)
        self.socket = socket.create_connection((self.parts.hostname, self.parts.port), timeout=30)
        self.reader = self.socket.makefile("rb")

    def close(self) -> None:
        """Let go."""
        self.reader.close()
        self.socket.close()

    def send(self, method: str, name: str, body: bytes = b"", **headers: str) -> None:
        """Write a request that nobody has signed."""
        lines = [f"{method} {self.parts.path}/{name} HTTP/1.1"]
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        lines += [] if "Host" in headers else [f"Host: {self.parts.netloc}"]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self) -> tuple[int, bool, str]:
        """Read one answer; return its status, whether it is said to be the last, and its code."""
        status = int(self.reader.readline().split()[1])
        headers = http.client.parse_headers(self.reader)
        content = self.reader.read(int(headers["Content-Length"])).decode()
        found = re.search(r"<Code>(\w+)</Code>", content)
        return status, headers["Connection"] == "close", found[1] if found else ""

    def is_over(self) -> bool:
        """Return whether the server has closed the connection and sent nothing more."""
        try:
            return self.reader.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def line(address: str) -> Iterator[Line]:
    line = Line(address)
    yield line
    line.close()


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_after_a_body_that_was_read_the_next_request_is_the_next(line: Line, method: str) -> None:
    line.send(method, "a/b", INSIDE, Content_Length=str(len(INSIDE)))
    line.send("GET", "a/b")
    assert line.answer() == (403, False, "AccessDenied")
    assert line.answer() == (403, False, "AccessDenied")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Host": "evil.example", "Content_Length": str(len(INSIDE))}, INSIDE),
        ({"Host": "evil.example", "Content_Length": str(LARGE)}, INSIDE),
        ({"Host": "evil.example", "Transfer_Encoding": "chunked"}, CHUNKED),
        ({"Content_Length": str(LARGE)}, INSIDE),
        ({"Transfer_Encoding": "chunked"}, CHUNKED),
        ({"Expect": "100-continue", "Content_Length": str(len(INSIDE))}, b""),
        ({"Expect": "100-continue", "Content_Length": str(len(INSIDE))}, INSIDE),
    ],
)
def test_before_a_body_was_read_the_answer_is_the_last(
    line: Line, headers: dict[str, str], body: bytes
) -> None:
    line.send("PUT", "a/b", body, **headers)
    assert line.answer() == (403, True, "AccessDenied")
    assert line.is_over()
