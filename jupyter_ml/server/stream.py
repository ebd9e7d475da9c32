"""The stream: one WebSocket over which topics are pushed.

The client sends ``{"type": "subscribe", "id", "operation", "input"}`` and
``{"type": "unsubscribe", "id"}``; the server ``{"type": "update", "id", "output"}`` and
``{"type": "error", "id", "error": {"__type", "message"}}``. A client that comes back puts the
last ``Cursor`` into `input` and goes on where it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import ServiceError, ValidationException
from jupyter_ml.server.api import AUTH_RESOURCE
from jupyter_ml.server.encoding import error_body

if TYPE_CHECKING:
    from jupyter_ml.server.topics import Subscriber, Topics

MAX_SUBSCRIPTIONS = 100


class StreamHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One client's connection and its subscriptions."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, topics: Topics) -> None:
        """Keep what the connection subscribes to."""
        self._topics = topics
        self._subscribers: dict[str, Subscriber] = {}

    def set_default_headers(self) -> None:
        """Send none: they mean nothing on a WebSocket."""

    def get_compression_options(self) -> dict[str, Any]:
        """Compress; logs and series shrink several times."""
        return {}

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection for a user who may read."""
        allowed = await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, "read", AUTH_RESOURCE)
        )
        if not allowed:
            raise HTTPError(403, f"The user is not authorized to read {AUTH_RESOURCE}.")
        await super().get(*args, **kwargs)

    async def on_message(self, message: str | bytes) -> None:
        """Subscribe or unsubscribe."""
        identity: Any = None
        try:
            content = json_object(message, "The message")
            identity = content.get("id")
            self._obey(content, identity)
        except ServiceError as error:
            await self._send_error(identity, error)

    def on_close(self) -> None:
        """Stop watching."""
        for subscriber in self._subscribers.values():
            self._topics.unsubscribe(subscriber)
        self._subscribers.clear()
        super().on_close()

    def _obey(self, content: dict[str, Any], identity: Any) -> None:
        if not isinstance(identity, str):
            msg = f"A message needs an id that is a string, not {identity!r}."
            raise ValidationException(msg)
        match content.get("type"):
            case "subscribe":
                self._subscribe(identity, content.get("operation"), content.get("input", {}))
            case "unsubscribe":
                subscriber = self._subscribers.pop(identity, None)
                if subscriber is not None:
                    self._topics.unsubscribe(subscriber)
            case other:
                msg = f"The type of a message is subscribe or unsubscribe, not {other!r}."
                raise ValidationException(msg)

    def _subscribe(self, identity: str, operation: Any, request: Any) -> None:
        if not isinstance(operation, str) or not operation.startswith("Watch"):
            msg = f"{operation!r} is not a topic; topics are the operations named Watch..."
            raise ValidationException(msg)
        if not isinstance(request, dict):
            msg = f"The input of {operation} must be an object, not {request!r}."
            raise ValidationException(msg)
        if identity in self._subscribers:
            msg = f"The id {identity!r} is in use on this connection."
            raise ValidationException(msg)
        if len(self._subscribers) >= MAX_SUBSCRIPTIONS:
            msg = f"A connection may have {MAX_SUBSCRIPTIONS} subscriptions; end some first."
            raise ValidationException(msg)
        name = json.dumps(identity)

        async def deliver(output: str) -> None:
            await self.write_message(f'{{"type":"update","id":{name},"output":{output}}}')

        async def refuse(error: ServiceError) -> None:
            await self._send_error(identity, error)

        self._subscribers[identity] = self._topics.subscribe(operation, request, deliver, refuse)

    async def _send_error(self, identity: Any, error: ServiceError) -> None:
        answer = {"type": "error", "id": identity, "error": error_body(error)}
        await self.write_message(json.dumps(answer))
