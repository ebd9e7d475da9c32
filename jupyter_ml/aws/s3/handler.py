"""The route of S3 in a Jupyter server: bodies in and out, piece by piece, in threads.

As in the gateway for SageMaker, callers prove themselves by signing; Jupyter's own token and
cookies mean nothing here.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.signing import Head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_ml.aws.s3.gateway import Answer, Exchange, Gateway

T = TypeVar("T")

_SIGNATURE = re.compile(r"((?:X-Amz-)?Signature=)[^&]+")

PREFIX = "jupyter-ml/aws/s3"
THREADS = 16
_PIECE_BYTES = 1 << 20
# More than the gateway takes, which says so in S3's words.
_MOST_BYTES = 6 << 30
# A client that is told no while it sends may never hear it, so a short body is read to its end.
_SWALLOWED_BYTES = 64 << 20


class S3Access:
    """What the routes of one server share: the gateway, and the threads that it works in.

    Parameters
    ----------
    gateway
        Returns the gateway; its first use may open the workspace.
    """

    def __init__(self, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway
        self._threads = ThreadPoolExecutor(THREADS, "jupyter_ml-s3")

    async def begin(self, head: Head) -> Exchange:
        """Begin a request; see `Gateway.begin`."""
        return await self.run(lambda: self._gateway().begin(head))

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Headers(HTTPHeaders):
    """Headers of an answer, S3's own in lower case as S3 sends them.

    boto3 takes the names of a user's metadata from here, letter by letter.
    """

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Return names and values as they are sent."""
        for name, value in super().get_all():
            yield (name.lower() if name.startswith("X-Amz-") else name), value


@stream_request_body
class S3Handler(JupyterHandler):
    """Answers whatever an S3 client sends below the gateway's prefix."""

    SUPPORTED_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

    def initialize(self, access: S3Access) -> None:
        """Keep what answers requests."""
        self._access = access
        self._exchange: Exchange | None = None
        self._refused: Exception | None = None
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0

    def clear(self) -> None:
        """Begin an answer anew."""
        super().clear()
        self._headers = _Headers(self._headers)

    async def prepare(self) -> None:  # type: ignore[override]
        """Decide by the head alone, before any of the body is read."""
        self.request.connection.set_max_body_size(_MOST_BYTES)  # type: ignore[union-attr]
        waiting = await super().prepare()
        if waiting is not None:
            await waiting
        if self._finished:
            return
        try:
            self._exchange = await self._access.begin(self._head)
        except Exception as error:  # noqa: BLE001  (`refusal` answers it, and logs what is a bug)
            await self._refuse(error)

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body; the client waits while the disk does."""
        if self._refused is not None or self._exchange is None:
            return
        self._pieces.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes >= _PIECE_BYTES:
            await self._feed(self._exchange)

    def on_connection_close(self) -> None:
        """Forget what has arrived of a body that will not be complete."""
        super().on_connection_close()
        if self._exchange is not None:
            exchange = self._exchange
            asyncio.ensure_future(self._access.run(exchange.abort))  # noqa: RUF006

    def check_xsrf_cookie(self) -> None:
        """Accept requests without Jupyter's cookie: no cookie grants anything here."""

    def check_etag_header(self) -> bool:
        """Leave conditions to the gateway."""
        return False

    def compute_etag(self) -> str | None:
        """Leave ETags to the gateway."""
        return None

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer errors from before the gateway in the gateway's shape."""
        info = kwargs.get("exc_info")
        cause = info[1] if isinstance(info, tuple) else None
        if status_code == 403:  # Jupyter's own check of the Host header
            cause = S3Error("AccessDenied", "Jupyter does not answer under this host's name.")
        answer = _refusal(cause or RuntimeError(f"HTTP {status_code}"), self._head)
        # A client that is not told would send its next request where this body is not read.
        answer.headers["Connection"] = "close"
        self._set_head(answer)
        self.finish(answer.content)

    @allow_unauthenticated
    async def put(self, below: str = "") -> None:
        """Answer a signed request whose body has arrived."""
        del below  # decoded by the router; what was signed is not
        answer = None
        try:
            if self._refused is None and self._exchange is not None:
                await self._feed(self._exchange)
                answer = await self._access.run(self._exchange.finish)
        except Exception as error:  # noqa: BLE001  (as above)
            self._refused = error
        if answer is None:
            answer = _refusal(self._refused or RuntimeError("no exchange"), self._head)
        try:
            await self._send(answer)
        finally:
            answer.close()

    delete = get = head = options = patch = post = put

    def _log(self) -> None:
        """Have no signature in the log: whoever has one may do what it is for."""
        self.request.uri = _SIGNATURE.sub(r"\1[secret]", self.request.uri or "")
        super()._log()

    @cached_property
    def _head(self) -> Head:
        request = self.request
        names = {name.lower() for name in request.headers}
        return Head(
            method=request.method or "",
            path=request.path,
            query=request.query,
            headers={name: ",".join(request.headers.get_list(name)) for name in names},
            below=request.path.partition(f"/{PREFIX}")[2] or "/",
        )

    async def _feed(self, exchange: Exchange) -> None:
        data, self._pieces, self._waiting_bytes = b"".join(self._pieces), [], 0
        if not data:
            return
        try:
            await self._access.run(lambda: exchange.feed(data))
        except Exception as error:  # noqa: BLE001  (as above)
            self._refused = error
            await self._access.run(exchange.abort)

    async def _refuse(self, error: Exception) -> None:
        self._refused = error
        headers = self.request.headers
        length = headers.get("Content-Length", "0")
        is_short = length.isdecimal() and int(length) <= _SWALLOWED_BYTES
        if headers.get("Expect") or not is_short or "Transfer-Encoding" in headers:
            answer = _refusal(error, self._head)
            answer.headers["Connection"] = "close"  # the body may still be on its way
            await self._send(answer)

    def _set_head(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.clear_header("Content-Type")
        # Whatever an object holds, a browser that opens it must not run it as a page of Jupyter's.
        self.set_header("Content-Security-Policy", "sandbox")
        for name, value in answer.headers.items():
            self.set_header(name, value)

    async def _send(self, answer: Answer) -> None:
        self._set_head(answer)
        file = answer.file
        if file is None or answer.reading is None or self.request.method == "HEAD":
            await self.finish(answer.content or None)
            return
        sent = 0
        try:
            while sent < answer.reading.size:
                most = min(answer.reading.size - sent, _PIECE_BYTES)
                piece = await self._access.run(partial(file.read, most))
                if not piece:  # it became shorter: what was announced cannot be sent
                    self.request.connection.close()  # type: ignore[union-attr]
                    return
                self.write(piece)
                await self.flush()
                sent += len(piece)
            await self.finish()
        except StreamClosedError:
            self.log.debug("The reader of %s went after %d bytes", self.request.path, sent)


def _refusal(error: Exception, head: Head) -> Answer:
    # An extension that nobody has asked anything yet has not loaded S3.
    from jupyter_ml.aws.s3.gateway import refusal  # noqa: PLC0415

    return refusal(error, head)
