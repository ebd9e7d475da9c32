"""Fixtures of the tests that speak to a real server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Helpers of this folder are imported by name, whatever import mode pytest runs in.
sys.path.insert(0, str(Path(__file__).parent))

from jupyter_process import JupyterProcess, keys_of, start


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """Return a server that all tests of the session share."""
    server = start(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keys(jupyter: JupyterProcess) -> dict[str, str]:
    """Return what the server hands to those with its token."""
    return keys_of(jupyter.url)
