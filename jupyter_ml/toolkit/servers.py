"""The running Jupyter servers of this user that have the extension."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from jupyter_ml.client_http import CertificateError, HttpClient
from jupyter_ml.contract.errors import ServiceError

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Server:
    """A running server.

    Parameters
    ----------
    url
        Its address with the base URL.
    workspace
        The folder that it works in.
    """

    url: str
    workspace: str
    _token: str = field(repr=False)

    def credentials(self) -> dict[str, Any]:
        """Return the key pair and the region of its AWS gateway.

        Raises
        ------
        ServiceError
            The server refuses to tell.
        """
        return _get(self.url, self._token, "credentials")


def running_servers() -> list[Server]:
    """Return the servers that answer and have the extension.

    Raises
    ------
    CertificateError
        None does, and one shows a certificate that is not trusted.
    """
    from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415  (slow)

    found = []
    untrusted: CertificateError | None = None
    for info in list_running_servers():
        # A server that a hub started takes the hub's token, which its terminals have.
        url, token = info["url"], info.get("token") or os.environ.get("JUPYTERHUB_API_TOKEN", "")
        try:
            answer = _get(url, token, "api")
        except CertificateError as error:
            untrusted = error
            continue
        except ServiceError:
            continue  # gone, of another kind, or without the extension
        found.append(Server(url, answer["Workspace"], token))
    if untrusted is not None and not found:
        raise untrusted
    return found


def _get(url: str, token: str, path: str) -> dict[str, Any]:
    client = HttpClient(url, token, timeout_s=_TIMEOUT_S)
    _, content = client.send("GET", path, None, {})
    answer: dict[str, Any] = json.loads(content)
    return answer
