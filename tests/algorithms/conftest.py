from __future__ import annotations

from tests.services.training.conftest import harness

__all__ = ["harness"]
