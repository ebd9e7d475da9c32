"""A Jupyter server with the extension, behind a base URL, on a workspace of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403  (the loop fixture must stay local)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return the folder of the workspace, which does not exist yet."""
    return tmp_path / "workspace"


@pytest.fixture
def jp_server_config(workspace: Path) -> dict[str, Any]:
    """Return the configuration of the server."""
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_ml": True}},
        "JupyterML": {"workspace": str(workspace), "free_floor_mb": 0, "region": "eu-test-1"},
    }


@pytest.fixture
def jp_base_url() -> str:
    """Return a base URL such as a hub gives."""
    return "/user/ann/"
