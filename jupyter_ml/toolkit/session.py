"""The workspace that a notebook works in: its client, its files, its state in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.client import LocalClient, connect
from jupyter_ml.contract.errors import MLError

if TYPE_CHECKING:
    from jupyter_ml.client import Client
    from jupyter_ml.core.workspace import Workspace
    from jupyter_ml.toolkit.display.workspace import Status


def client() -> Client:
    """Return the client of the workspace that the environment names.

    Nothing is opened until the first call, and nothing is kept: handles carry their client.
    """
    return connect(source="toolkit")


def workspace_of(of: Client) -> Workspace:
    """Return the folders of a client's workspace.

    Raises
    ------
    MLError
        The workspace is behind a server; its folders cannot be reached from here.
    """
    if isinstance(of, LocalClient):
        return of.runtime.workspace
    msg = (
        "Variables, scripts and results go through the workspace's folder, and this workspace is "
        "behind a server (JUPYTER_ML_URL). Unset it to work in your own workspace."
    )
    raise MLError(msg)


def status() -> Status:
    """Return what is running, what is queued and how much disk the workspace uses."""
    from jupyter_ml.toolkit.display.workspace import Status  # noqa: PLC0415  (light import)

    return Status(client())
