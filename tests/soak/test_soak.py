"""The soak of a minute that runs with all tests; for longer ones: `python tests/soak --help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_minute_of_random_kills_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE), "--seconds", "60", "--seed", "5"]
    soak = subprocess.run(
        [*command, "--folder", str(tmp_path / "soak")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert soak.returncode == 0, soak.stdout
    print(soak.stdout)
