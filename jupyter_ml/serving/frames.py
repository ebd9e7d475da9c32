"""How front and worker talk: numbered frames over one unix socket, many requests at a time."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Number of the request, length of the JSON header, length of the body.
_HEAD = struct.Struct("!QII")

PROTOCOL = "1"
"""What front and worker say to each other; another one whenever an older side would not understand.

A front that runs for months starts a worker of the version that is installed then. What a
worker that cannot serve it says, `failure` in a control frame, is the same in all versions.
"""

VARIABLE = "JUPYTER_ML_FRAMES"
"""Tells a worker what its front speaks; fronts that say nothing speak the first."""

OTHER_VERSION = "OtherVersion"
"""The reason of a worker that speaks something else than its front."""

CONTROL = 0
"""The number of frames that answer no request: a worker's `ready` or `failure`."""


class FrameProtocol(asyncio.Protocol):
    """Cuts a stream into frames.

    Parameters
    ----------
    on_frame
        Called with number, header and body of each frame.
    on_lost
        Called once when the other side is gone.
    """

    def __init__(
        self,
        on_frame: Callable[[int, dict[str, Any], bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport to write to."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Hand over each frame that is complete."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEAD.size:
            number, header_size, body_size = _HEAD.unpack_from(buffer, start)
            header_at = start + _HEAD.size
            body_at = header_at + header_size
            if len(buffer) < body_at + body_size:
                break
            start = body_at + body_size
            header = json.loads(buffer[header_at:body_at])
            self._on_frame(number, header, bytes(buffer[body_at:start]))
        if start:
            del buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's name)
        """Tell that the other side is gone."""
        self._on_lost()

    def write(self, number: int, header: dict[str, Any], body: bytes = b"") -> None:
        """Send one frame; a frame to a side that is gone is dropped."""
        if self._transport is None or self._transport.is_closing():
            return
        text = json.dumps(header).encode()
        self._transport.write(_HEAD.pack(number, len(text), len(body)) + text + body)

    def close(self) -> None:
        """End the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()
