"""The short way of an invocation: from the socket to the model's batch, and back.

It is uvicorn's protocol with one thing in front. A plain invocation that begins where a request may
begin is answered here, without an ASGI scope, a task or an event of its own; all else goes to
uvicorn's parser and the application, on the same connection and in the order of arrival.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jupyter_ml.serving.heads import END

if TYPE_CHECKING:
    from jupyter_ml.serving.app import App
    from jupyter_ml.serving.inference import Reply


class Shortcut(HttpToolsProtocol):
    """One connection to the `App` that uvicorn serves.

    At any time it is in one of three states. *Open*: the next byte begins a request, or goes on
    one whose head has come and that is held here. *Answering*: the model has an invocation; what
    comes meanwhile is held. *Parsing*: uvicorn's parser has every byte until it has answered.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        endpoint: App = self.config.app  # type: ignore[assignment]
        self._read_head = endpoint.heads.read
        self._begin = endpoint.backend.begin
        self._stats = endpoint.stats
        self._responses = endpoint.responses
        self._held = bytearray()
        # Of the request that is held because its body has not come to its end; else 0.
        self._size = 0
        self._is_answering = False
        self._is_parsing = False
        self._is_in_message = False
        self._is_ending = False
        self._fed = self._again = b""
        self._wants_upgrade = False
        self._began_at = self._answered_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Take what the caller sent."""
        if self._is_parsing and self._parser_is_done():
            self._is_parsing = False
        if self._is_parsing:
            self._feed(data)
        elif not (self._is_answering or self._held or self.flow.write_paused):
            self._take(data)
        elif self._held or not self._is_ending:  # what begins after a stop is not waited for
            self._held += data
            if self._is_ending and self._size:
                del self._held[self._size :]
            if not self._size:
                self.flow.pause_reading()
            elif len(self._held) >= self._size:
                self._go_on()

    def on_message_begin(self) -> None:
        """Note that the parser has begun a request."""
        self._is_in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin the request, unless it is to be read again; see `_feed`."""
        is_tunnel = self.parser.get_method() == b"CONNECT"
        self._wants_upgrade = self.parser.should_upgrade() and not is_tunnel
        if not self._wants_upgrade:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the parser has all of the request."""
        self._is_in_message = False
        if not self._wants_upgrade:
            super().on_message_complete()

    def shutdown(self) -> None:
        """Answer what has come, then close."""
        if self._is_answering or self._held:
            self._is_ending = True
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what nobody waits for."""
        self._held.clear()
        self._size = 0
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def resume_writing(self) -> None:
        """Go on with what was held while the caller did not read."""
        super().resume_writing()
        if self._held:
            self.loop.call_soon(self._go_on)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was idle for so long; one timer counts for many answers."""
        is_busy = self._is_answering or self._size > 0
        idle_s = 0.0 if is_busy else time.perf_counter() - self._answered_at
        if idle_s < self.timeout_keep_alive:
            self._close_after(self.timeout_keep_alive - idle_s)
        else:
            super().timeout_keep_alive_handler()

    def _close_after(self, seconds: float) -> None:
        handler = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(seconds, handler)

    def _parser_is_done(self) -> bool:
        if self._is_in_message or self.pipeline or self.cycle is None:
            return False
        # Of a request that was answered early, the rest of the body is still to come.
        return self.cycle.response_complete and not self.cycle.more_body

    def _take(self, data: bytes) -> None:
        """Begin the request that starts with `data`."""
        end = data.find(END) + len(END)
        head = self._read_head(data[:end]) if end >= len(END) else None
        if head is None:
            self._parse(data)
            return
        size = end + head.length
        if len(data) < size:
            self._held += data
            self._size = size
            return
        self._is_answering = True
        if len(data) > size:
            self._held += data[size:]
            self.flow.pause_reading()
        self._began_at = time.perf_counter()
        self._stats.in_flight += 1
        body = data[end:size]
        if not self._begin(body, head.content_type, head.accept, self._answered):
            self._stats.in_flight -= 1
            self._is_answering = False
            self._held.clear()
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._is_parsing = True
        self.flow.resume_reading()
        self._feed(data)
        if self._is_ending:
            super().shutdown()

    def _feed(self, data: bytes) -> None:
        """Have the parser read, and again without its wish what wants another protocol.

        No other one is spoken here, and a server may go on with HTTP; but the parser leaves the
        body out of such a request, and would take it for the next one.
        """
        while data and self.parser is not None:
            self._fed, self._again = data, b""
            super().data_received(data)
            data = self._again

    def _should_upgrade(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        upgrade = sys.exception()
        if not self._wants_upgrade or upgrade is None:
            return
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self._again = b"\r\n".join([*lines, b"", self._fed[upgrade.args[0] :]])

    def _answered(self, reply: Reply) -> None:
        self._is_answering = False
        now = time.perf_counter()
        self._stats.in_flight -= 1
        self._stats.count(reply.status, now - self._began_at)
        transport = self.transport
        if transport.is_closing():
            return
        is_last = self._is_ending and not self._held
        defaults = self.server_state.default_headers
        transport.write(self._responses.written(reply, defaults, is_last=is_last))
        if is_last:
            transport.close()
            return
        self._answered_at = now
        if self.timeout_keep_alive_task is None:
            self._close_after(self.timeout_keep_alive)
        if self._held:
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Begin the request that is held."""
        if self._is_answering or not self._held or self.transport.is_closing():
            return
        if self.flow.write_paused:
            self.flow.pause_reading()
            return
        data = bytes(self._held)
        self._held.clear()
        self._size = 0
        self.flow.resume_reading()
        self._take(data)
