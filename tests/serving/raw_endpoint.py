"""An endpoint in the event loop of a test, and callers that send it bytes as they like."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn

from jupyter_ml.serving.app import App
from jupyter_ml.serving.columns import Schema
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.serving.handlers import DefaultHandler
from jupyter_ml.serving.inference import Inference
from jupyter_ml.serving.models import Model
from jupyter_ml.serving.shortcut import Shortcut
from jupyter_ml.serving.stats import Stats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

TOKEN = "t" * 32
PATIENCE_S = 30
BUFFER_BYTES = 65_536


@dataclass
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def predictions(self) -> Any:
        """What the model said."""
        assert self.status == 200, self.body
        return json.loads(self.body)["predictions"]


@dataclass
class Caller:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def answer(self) -> Answer:
        """Read one response."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (one.split(": ") for one in lines)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(line.split()[1]), headers, body)

    async def ask(self, data: bytes) -> Answer:
        """Send bytes and read one response."""
        self.send(data)
        return await self.answer()

    async def is_closed(self) -> bool:
        """Wait for the end of the connection; return whether nothing came before."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                return await self.reader.read() == b""
        return True


@dataclass
class Endpoint:
    """A server in this event loop."""

    server: uvicorn.Server
    app: App
    port: int
    serving: asyncio.Task[None]
    callers: list[Caller] = field(default_factory=list)
    other: Caller | None = None

    async def caller(self) -> Caller:
        """Return a new connection, which holds little that nobody has read."""
        connection = socket.socket(proto=socket.IPPROTO_TCP)  # then each piece is sent at once
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        except OSError:
            connection.close()
            raise
        reader, writer = await asyncio.open_connection(sock=connection, limit=BUFFER_BYTES)
        self.callers.append(Caller(reader, writer))
        return self.callers[-1]

    async def settle(self) -> None:
        """Return once the server has read what was sent on other connections before."""
        if self.other is None:
            self.other = await self.caller()
        assert (await self.other.ask(request("GET /ping"))).status == 200


def request(line: str, body: bytes | None = None, *headers: str, token: str = TOKEN) -> bytes:
    """Return a request."""
    lines = [f"{line} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def invocation(*rows: float, headers: tuple[str, ...] = (), token: str = TOKEN) -> bytes:
    """Return a request for the prediction of rows with two columns; it is the first."""
    body = json.dumps({"instances": [[row, 0.0] for row in rows]}).encode()
    return request("POST /invocations", body, *headers, token=token)


@contextlib.asynccontextmanager
async def served(
    folder: Path,
    predict: Callable[[Any], Any] = lambda rows: rows[:, 0],
    protocol: Any = Shortcut,
) -> AsyncIterator[Endpoint]:
    """Serve a model until the block ends."""
    config = ServeConfig(folder, "e", "AllTraffic", folder, TOKEN, max_body_bytes=100_000)
    model = Model(predict, Schema(n_features=2), rowwise=True, name="m")
    inference = Inference(DefaultHandler(model), 60.0)
    app = App(config, inference, Stats(), {"columns": None})
    server = uvicorn.Server(
        uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, log_level="warning")
    )
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    endpoint = Endpoint(server, app, listener.getsockname()[1], serving)
    try:
        yield endpoint
    finally:
        for caller in endpoint.callers:
            caller.writer.close()
        server.should_exit = True
        await serving
