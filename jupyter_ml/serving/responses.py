"""Replies as what HTTP sends: the headers of each, and all of it as bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_ml.serving.inference import Reply

    Headers = list[tuple[bytes, bytes]]


class Responses:
    """Writes the replies of one endpoint.

    Parameters
    ----------
    variant
        The name under which the model is served; every response has it.
    """

    def __init__(self, variant: str) -> None:
        self._variant = variant.encode()
        self._defaults: Iterable[tuple[bytes, bytes]] = ()
        self._starts: dict[tuple[int, str], bytes] = {}

    def headers(self, reply: Reply) -> Headers:
        """Return the headers of a reply, its length last."""
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"x-amzn-invoked-production-variant", self._variant),
        ]
        if reply.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return [*headers, (b"content-length", str(len(reply.body)).encode())]

    def written(self, reply: Reply, defaults: Headers, *, is_last: bool) -> bytes:
        """Return a response of HTTP/1.1.

        Parameters
        ----------
        reply
            What to send.
        defaults
            Headers that go before; another list whenever they change, as the date does.
        is_last
            Whether the connection is closed after it.
        """
        if defaults is not self._defaults:
            self._defaults = defaults
            self._starts.clear()
        status, content_type, body = reply
        start = self._starts.get((status, content_type))
        if start is None:
            start = self._starts[status, content_type] = self._start(reply)
        end = b"\r\nconnection: close\r\n\r\n" if is_last else b"\r\n\r\n"
        return b"".join((start, b"%d" % len(body), end, body))

    def _start(self, reply: Reply) -> bytes:
        """Return all up to the number of bytes, which is another one for each reply."""
        status = HTTPStatus(reply.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        *headers, (length, _) = [*self._defaults, *self.headers(reply)]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, length + b": "])
