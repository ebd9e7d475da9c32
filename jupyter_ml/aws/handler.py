"""The route of the AWS gateway in a Jupyter server.

Callers prove themselves by signing each request; Jupyter's own token and cookies mean nothing
here, so there is nothing that a foreign page could make a browser send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, stream_request_body

from jupyter_ml.aws.gateway import refusal
from jupyter_ml.aws.sigv4 import SignedRequest
from jupyter_ml.contract.errors import RequestEntityTooLarge, ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_ml.aws.gateway import Answer

    Handle = Callable[[SignedRequest, str], Awaitable[Answer]]

# SageMaker takes invocations of up to 25 MB; no other request comes near.
MAX_BODY_BYTES = 25 * 1024 * 1024


@stream_request_body
class AwsHandler(JupyterHandler):
    """Answers whatever an AWS client sends below the gateway's prefix."""

    SUPPORTED_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

    def initialize(self, handle: Handle) -> None:
        """Keep what answers requests."""
        self._handle = handle
        self._chunks: list[bytes] = []

    async def prepare(self) -> None:  # type: ignore[override]
        """Bound the body before any of it is read."""
        length = self.request.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise HTTPError(413, f"A request may have {MAX_BODY_BYTES} bytes, not {length}.")
        self.request.connection.set_max_body_size(MAX_BODY_BYTES)  # type: ignore[union-attr]
        waiting = await super().prepare()
        if waiting is not None:
            await waiting

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body."""
        self._chunks.append(chunk)

    def check_xsrf_cookie(self) -> None:
        """Accept requests without Jupyter's cookie: no cookie grants anything here."""

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer errors from before the gateway in the gateway's shape."""
        info = kwargs.get("exc_info")
        cause = info[1] if isinstance(info, tuple) else None
        text = getattr(cause, "log_message", None) or "The server failed."
        if status_code == RequestEntityTooLarge.status:
            error: ServiceError = RequestEntityTooLarge(text)
        else:
            error = ServiceError(text)
            error.code, error.status = f"HTTP{status_code}", status_code
        # What is left of the body stands where the next request would.
        self.set_header("Connection", "close")
        self._finish(refusal(error, rest=True))

    async def _answer(self, path: str = "") -> None:
        request = self.request
        signed = SignedRequest(
            method=request.method or "",
            path=request.path,
            query=request.query,
            headers={
                name.lower(): ",".join(request.headers.get_list(name)) for name in request.headers
            },
            body=b"".join(self._chunks),
        )
        self._finish(await self._handle(signed, path or "/"))

    def _finish(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)

    @allow_unauthenticated
    async def post(self, path: str = "") -> None:
        """Answer a signed request."""
        await self._answer(path)

    delete = get = head = options = patch = put = post
