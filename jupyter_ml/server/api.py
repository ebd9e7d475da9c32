"""The operations over HTTP, for the Lab extension and for clients with a Jupyter token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from tornado import web

import jupyter_ml
from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import (
    AccessDeniedException,
    InternalFailure,
    MLError,
    ServiceError,
    UnrecognizedClientException,
    ValidationException,
    answer_to,
)
from jupyter_ml.server.encoding import encode, error_body

if TYPE_CHECKING:
    from jupyter_ml.server.backend import Backend

AUTH_RESOURCE = "jupyter_ml"
_READS = (
    *("Describe", "List", "Get", "Watch", "Search", "Compare", "Lookup", "Verify"),
    *("BatchDescribe", "BatchGet"),
)


class MLHandler(APIHandler):
    """Base of the routes that Jupyter authenticates: authorization and errors, said once."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, backend: Backend) -> None:
        """Keep what the route works with."""
        self.backend = backend

    async def authorize(self, action: str) -> None:
        """Ask the server's authorizer whether the user may do this.

        Parameters
        ----------
        action
            "read", "write" or "execute".

        Raises
        ------
        AccessDeniedException
            The user may not.
        """
        allowed = await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, action, AUTH_RESOURCE)
        )
        if not allowed:
            msg = f"The user is not authorized to {action} {AUTH_RESOURCE}."
            raise AccessDeniedException(msg)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Translate what a route raised; the only place where that happens."""
        cause = kwargs.get("exc_info", (None, None))[1]
        if status_code == 403 and not self.current_user:
            text = "The request carries no valid token of this Jupyter server."
            error: ServiceError = UnrecognizedClientException(text)
        else:
            error = _as_service_error(cause, status_code)
        self.set_status(error.status)
        self.finish(encode(error_body(error)))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log bugs with their traceback, and nothing for errors that are answers."""
        if not isinstance(value, MLError):
            super().log_exception(typ, value, tb)


class OperationHandler(MLHandler):
    """``POST jupyter-ml/api/<Operation>``."""

    @web.authenticated
    async def post(self, operation: str) -> None:
        """Run an operation on the JSON object in the body."""
        await self.authorize("read" if operation.startswith(_READS) else "write")
        if operation == "InvokeEndpoint":
            msg = "Invoke endpoints at jupyter-ml/endpoints/NAME/invocations; bodies are not JSON."
            raise ValidationException(msg)
        self.finish(await self.backend.answer(operation, json_object(self.request.body)))


class PresenceHandler(MLHandler):
    """``GET jupyter-ml/api``: whether the extension is here, and for which workspace."""

    _track_activity = False

    @web.authenticated
    async def get(self) -> None:
        """Answer without opening the workspace."""
        await self.authorize("read")
        answer = {
            "Version": jupyter_ml.__version__,
            "Workspace": str(self.backend.settings.workspace),
            "Region": self.backend.settings.region,
        }
        self.finish(encode(answer))


class CredentialsHandler(MLHandler):
    """``GET jupyter-ml/credentials``: what an AWS client needs, for `jupyter ml env`."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the gateway's key pair; a foreign page cannot read the answer."""
        await self.authorize("execute")
        keys = await self.backend.run(lambda: self.backend.keys)
        self.set_header("Cache-Control", "no-store")
        answer = {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Region": self.backend.settings.region,
        }
        self.finish(encode(answer))


def _as_service_error(cause: BaseException | None, status: int) -> ServiceError:
    if (answer := answer_to(cause)) is not None:
        return answer
    if isinstance(cause, web.HTTPError):
        text = cause.log_message or cause.reason or f"The server answered {status}."
        error = AccessDeniedException(text) if status == 403 else ServiceError(text)
        error.status = status
        return error
    return InternalFailure("The server failed; its log has the traceback.")
