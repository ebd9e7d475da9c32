"""The product used for real: real processes, real servers, and what must hold of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Helpers of these folders are imported by name, whatever import mode pytest runs in.
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

from desk import Desk  # noqa: E402  (found by the line above)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A workspace that nobody else uses, in this process."""
    desk = Desk(LocalClient(fresh_settings(tmp_path)), tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(point)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"needs to mount a file system: {error}")
    if done.returncode:
        pytest.skip(f"needs to mount a file system: {done.stderr.strip()}")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)
