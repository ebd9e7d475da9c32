"""The client of a workspace behind a Jupyter server, for shared workspaces and remote machines.

It needs the standard library alone. Errors are rebuilt as the classes that the server raised.
"""

from __future__ import annotations

import json
import ssl
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from jupyter_ml.client import follow
from jupyter_ml.contract.errors import (
    ModelError,
    ServiceError,
    ServiceUnavailable,
    ValidationException,
    from_wire,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from http.client import HTTPMessage

    from jupyter_ml.client import Subscription
    from jupyter_ml.contract.errors import MLError

Json = dict[str, Any]
TIMEOUT_S = 120.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Members of InvokeEndpoint and the headers that carry them, in both directions.
INVOKE_HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "TargetVariant": "X-Amzn-SageMaker-Target-Variant",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "InvokedProductionVariant": "X-Amzn-Invoked-Production-Variant",
}


class CertificateError(ValidationException):
    """A server shows a certificate that nobody trusted here has signed."""


class HttpClient:
    """Calls operations of the workspace that a Jupyter server serves.

    Parameters
    ----------
    url
        Address of the Jupyter server with its base URL, such as ``http://localhost:8888/user/ann``.
    token
        A token of that server.
    timeout_s
        How long one call may take.

    Raises
    ------
    ValidationException
        The address is not one of a server.
    """

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            msg = f"{url!r} is not the address of a server, such as http://localhost:8888/."
            raise ValidationException(msg)
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        # A proxy of the outside world cannot reach this machine's own loopback address.
        proxies = [ProxyHandler({})] if parts.hostname in _LOOPBACK else []
        self._opener = build_opener(_NoRedirect, *proxies)

    def __repr__(self) -> str:
        return f"HttpClient({self.url!r})"

    def call(self, operation: str, request: Json | None = None) -> Json:
        """Run an operation on the server.

        Raises
        ------
        ServiceError
            Whatever the server answers with, or `ServiceUnavailable` if it does not.
        """
        if operation == "InvokeEndpoint":
            return self._invoke(request or {})
        body = json.dumps(request or {}).encode()
        headers = {"Content-Type": "application/json"}
        _, content = self.send("POST", f"api/{operation}", body, headers)
        answer: Json = json.loads(content)
        return answer

    def subscribe(
        self,
        operation: str,
        request: Json,
        on_update: Callable[[Json], None],
        on_error: Callable[[MLError], None] | None = None,
    ) -> Subscription:
        """Follow a read operation that has a cursor."""
        return follow(self, operation, request, on_update, on_error)

    def attend(self) -> None:
        """Leave it to the server, which sees to its own workspace."""

    def waiting(self, kind: str, key: str) -> AbstractContextManager[Callable[[float], None]]:
        """Return what to pause with between two questions."""
        del kind, key
        return nullcontext(time.sleep)

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Mapping[str, str], bytes]:
        """Return the headers and the body of the server's answer.

        Parameters
        ----------
        method
            HTTP method.
        path
            Below the extension's prefix.
        body
            Bytes to send, if any.
        headers
            What to send besides the token.

        Raises
        ------
        ServiceError
            The server refused, or did not answer.
        """
        asked = Request(  # noqa: S310  (the scheme was checked)
            f"{self.url}/jupyter-ml/{path}",
            data=body,
            method=method,
            headers=self._headers(headers),
        )
        try:
            with self._opener.open(asked, timeout=self._timeout_s) as answer:
                return answer.headers, answer.read()
        except HTTPError as refusal:
            with refusal:
                raise _error(refusal.code, refusal.read(), self.url) from None
        except (URLError, OSError) as failure:
            reason = getattr(failure, "reason", failure)
            if isinstance(reason, ssl.SSLCertVerificationError):
                msg = (
                    f"The certificate of {self.url} cannot be trusted ({reason.verify_message}). "
                    "If it is one of your own, name its file as SSL_CERT_FILE."
                )
                raise CertificateError(msg) from failure
            msg = f"The server {self.url} does not answer ({reason}). Is it running?"
            raise ServiceUnavailable(msg) from failure

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        token = {"Authorization": f"token {self._token}"} if self._token else {}
        return {**headers, **token}

    def _invoke(self, request: Json) -> Json:
        unknown = set(request) - set(INVOKE_HEADERS) - {"EndpointName", "Body"}
        if unknown or "EndpointName" not in request:
            what = f"no {', '.join(sorted(unknown))}" if unknown else "an EndpointName"
            msg = f"InvokeEndpoint takes {what} here."
            raise ValidationException(msg)
        body = request.get("Body", b"")
        path = f"endpoints/{quote(request['EndpointName'], safe='')}/invocations"
        headers = {
            INVOKE_HEADERS[name]: request[name] for name in INVOKE_HEADERS if name in request
        }
        answered, content = self.send(
            "POST", path, body.encode() if isinstance(body, str) else bytes(body), headers
        )
        members = {
            name: answered[header] for name, header in INVOKE_HEADERS.items() if header in answered
        }
        return {"Body": content, **members}


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects: they would lead to a log-in page, or carry the token elsewhere."""

    def redirect_request(
        self, req: Request, fp: object, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing."""


def _error(status: int, body: bytes, url: str) -> ServiceError:
    """Return the error that an answer carries, ours or the Jupyter server's own."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict) or "__type" not in content:
        msg = f"{url} answered {status}. Does its Jupyter server have jupyter_ml installed?"
        error = ServiceError(msg)
        error.status = status
        return error
    if content["__type"] == ModelError.code:
        return ModelError(
            content["message"],
            original_status=content.get("OriginalStatusCode", status),
            original_message=content.get("OriginalMessage", ""),
        )
    return from_wire(content["__type"], content["message"], status)
