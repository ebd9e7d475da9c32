"""The browser tests run in a process of their own: two event loops in one would clash."""

from __future__ import annotations

from pathlib import Path

BROWSER = Path(__file__).parent / "e2e"


def pytest_ignore_collect(collection_path, config):
    asked = [Path(str(word).partition("::")[0]).resolve() for word in config.invocation_params.args]
    named = any(path == BROWSER or BROWSER in path.parents for path in asked)
    return True if collection_path == BROWSER and not named else None
