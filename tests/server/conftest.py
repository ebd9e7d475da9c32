"""A Jupyter server with the extension, behind a base URL, on a workspace of its own."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403  (the loop fixture must stay local)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def until(condition: Callable[[], object], poll_s: float = 0.01) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(poll_s)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a server in this process exports to its kernels."""
    for name in [name for name in os.environ if name.startswith("JUPYTER_ML_")]:
        monkeypatch.delenv(name)
    for name in ("WORKSPACE", "FREE_FLOOR_MB", "REGION"):
        monkeypatch.setenv(f"JUPYTER_ML_{name}", "")


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
