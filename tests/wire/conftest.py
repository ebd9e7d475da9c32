"""Fixtures of the tests that speak AWS's protocols."""

from __future__ import annotations

import sys
from pathlib import Path

# Helpers of this folder are imported by name, whatever import mode pytest runs in.
sys.path.insert(0, str(Path(__file__).parent))
