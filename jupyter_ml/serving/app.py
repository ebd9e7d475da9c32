"""The endpoint over HTTP: bare ASGI with `/ping`, `/invocations`, `/v2` and figures.

The figures are at `/metrics.json`, and for Prometheus at `/metrics`.

Every route asks for the token, on loopback too: other users of the machine share it.
"""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_ml.core import exposition
from jupyter_ml.serving import codec, figures, open_inference
from jupyter_ml.serving.heads import Heads
from jupyter_ml.serving.inference import Reply, problem
from jupyter_ml.serving.open_inference import OpenInference
from jupyter_ml.serving.payloads import JSON
from jupyter_ml.serving.responses import Responses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from pathlib import Path

    from jupyter_ml.serving.config import ServeConfig
    from jupyter_ml.serving.stats import Stats

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

# A body that is too large is read to its end and dropped up to this size, so that the caller gets
# the answer instead of a broken pipe.
_DRAINED_BYTES = 64 * 1024 * 1024
# Larger bodies come in pieces, which the caller may have to wait with.
_SMALL_BYTES = 65_536


class Predicts(Protocol):
    """Who answers a body with predictions."""

    async def infer(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Return the reply to one request."""


class Backend(Predicts, Protocol):
    """Who answers invocations: the model in this process, or a pool of workers."""

    def begin(
        self, body: bytes, content_type: str, accept: str, done: Callable[[Reply], None]
    ) -> bool:
        """Answer as `infer` does by calling `done`; return `False` where that takes a task."""

    @property
    def workers(self) -> int:
        """How many workers answer now."""

    async def adopt(self, folder: Path) -> dict[str, Any]:
        """Predict with the compiled model in `folder`; return the report of why not, or {}."""


class TooLargeError(Exception):
    """The body exceeds the limit; `known` is its size in bytes where it was announced."""

    def __init__(self, known: int | None) -> None:
        super().__init__()
        self.known = known


class App:
    """The ASGI application of one endpoint.

    Parameters
    ----------
    config
        How it is served.
    backend
        Who answers invocations.
    stats
        What is counted of them.
    ready
        What the model said of itself when it was loaded.
    """

    def __init__(
        self, config: ServeConfig, backend: Backend, stats: Stats, ready: Mapping[str, Any]
    ) -> None:
        self._config = config
        self.backend = backend
        self._tensors = OpenInference(config.endpoint, backend, ready)
        self.stats = stats
        self._authorization = f"Bearer {config.token}".encode()
        self.responses = Responses(config.variant)
        self.heads = Heads(self._authorization, min(config.max_body_bytes, _SMALL_BYTES))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        content_type = accept = authorization = b""
        length = -1
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value
            elif name == b"content-length":
                length = int(value)
        route = (scope["method"], scope["path"])
        if not hmac.compare_digest(authorization, self._authorization):
            reply = _stranger(route[1])
        elif route == ("POST", "/invocations"):
            reply = await self._predict(self.backend, receive, length, content_type, accept)
        elif _is_tensors(route[1]):
            reply = await self._protocol(scope, receive, length, content_type)
        else:
            reply = self._other(route)
        await self._send(send, reply)

    async def _predict(
        self, answers: Predicts, receive: Receive, length: int, content_type: bytes, accept: bytes
    ) -> Reply:
        stats = self.stats
        started = time.perf_counter()
        stats.in_flight += 1
        try:
            body = await _read(receive, length, self._config.max_body_bytes)
            reply = await answers.infer(body, content_type.decode(), accept.decode())
        except TooLargeError as error:
            reply = self._too_large(error)
        finally:
            stats.in_flight -= 1
        stats.count(reply.status, time.perf_counter() - started)
        return reply

    async def _protocol(
        self, scope: Message, receive: Receive, length: int, content_type: bytes
    ) -> Reply:
        if not self._tensors.is_infer(scope["method"], scope["path"]):
            return await self._tensors.answer(scope["method"], scope["path"])
        refused = open_inference.binary_refusal(scope["headers"])
        if refused is not None:
            return refused
        reply = await self._predict(self._tensors, receive, length, content_type, b"")
        return open_inference.translated(reply) if reply.status == 413 else reply

    def _other(self, route: tuple[str, str]) -> Reply:
        if route == ("GET", "/ping"):
            if self.backend.workers:
                return Reply(200, JSON, b'{"status":"Healthy"}')
            return problem(503, "ServiceUnavailable", "No worker holds the model now.")
        if route == ("GET", "/metrics.json"):
            return Reply(200, JSON, codec.dumps(self.metrics()))
        if route == ("GET", "/metrics"):
            return Reply(200, exposition.CONTENT_TYPE, exposition.written(self._families()))
        if route[1] in {"/ping", "/metrics", "/metrics.json", "/invocations"}:
            return problem(405, "ValidationError", f"{route[0]} {route[1]} is not served.")
        return problem(404, "ValidationError", f"{route[1]} is not served; POST to /invocations.")

    def metrics(self) -> dict[str, Any]:
        """Return counters, latencies and workers; the body of `/metrics.json`."""
        workers = {"desired": self._config.workers, "current": self.backend.workers}
        names = {"endpoint": self._config.endpoint, "variant": self._config.variant}
        return {**names, "workers": workers, **self.stats.snapshot()}

    def _families(self) -> list[exposition.Family]:
        names = {"endpoint": self._config.endpoint, "variant": self._config.variant}
        workers = {"desired": self._config.workers, "current": self.backend.workers}
        return figures.families(self.stats, names, workers)

    def _too_large(self, error: TooLargeError) -> Reply:
        size = "more" if error.known is None else f"{error.known:,} bytes"
        return problem(
            413,
            "ValidationError",
            f"A request may have {self._config.max_body_bytes:,} bytes; this one has {size}. Send "
            "fewer rows in a request, or use batch transform or asynchronous inference.",
        )

    async def _send(self, send: Send, reply: Reply) -> None:
        headers = self.responses.headers(reply)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def _stranger(path: str) -> Reply:
    reply = problem(401, "AccessDenied", "Send `Authorization: Bearer <token>`.")
    return open_inference.translated(reply) if _is_tensors(path) else reply


def _is_tensors(path: str) -> bool:
    return path == open_inference.ROOT or path.startswith(f"{open_inference.ROOT}/")


async def _read(receive: Receive, length: int, limit: int) -> bytes:
    if length > max(limit, _DRAINED_BYTES):
        raise TooLargeError(length)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while message.get("more_body") and size <= _DRAINED_BYTES:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise TooLargeError(length if length >= 0 else None)
    return b"".join(parts)
