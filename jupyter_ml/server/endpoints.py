"""The data plane behind Jupyter's authentication: ``jupyter-ml/endpoints/<name>/invocations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tornado import web

from jupyter_ml.client_http import INVOKE_HEADERS
from jupyter_ml.contract.errors import RequestEntityTooLarge
from jupyter_ml.server.api import MLHandler

if TYPE_CHECKING:
    from jupyter_ml.server.backend import Backend

# What SageMaker takes for one invocation.
MAX_BODY_BYTES = 25 * 1024 * 1024


@web.stream_request_body
class InvocationHandler(MLHandler):
    """Passes a request to an endpoint and its answer back."""

    def initialize(self, backend: Backend) -> None:
        """Keep what the route works with."""
        super().initialize(backend)
        self._chunks: list[bytes] = []

    async def prepare(self) -> None:  # type: ignore[override]
        """Bound the body before any of it is read."""
        length = self.request.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            msg = (
                f"The body has {length} bytes; an invocation may have {MAX_BODY_BYTES}. "
                "Send fewer rows at a time."
            )
            raise RequestEntityTooLarge(msg)
        self.request.connection.set_max_body_size(MAX_BODY_BYTES)  # type: ignore[union-attr]
        await super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body."""
        self._chunks.append(chunk)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Translate what was raised; where the body was not read, the connection ends with it."""
        length = self.request.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > sum(map(len, self._chunks)):
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    @web.authenticated
    async def post(self, name: str) -> None:
        """Invoke the endpoint with the body as it is."""
        await self.authorize("execute")
        request: dict[str, Any] = {
            member: self.request.headers[header]
            for member, header in INVOKE_HEADERS.items()
            if header in self.request.headers
        }
        request |= {"EndpointName": unquote(name), "Body": b"".join(self._chunks)}
        answer = await self.backend.invoke(request)
        for member, header in INVOKE_HEADERS.items():
            if member in answer:
                self.set_header(header, answer[member])
        self.finish(
            answer["Body"],
            set_content_type=answer.get("ContentType", "application/octet-stream"),
        )
