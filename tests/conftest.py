"""What all tests share: the databases that a store can be in, and which tests run together.

The browser tests run in a process of their own: two event loops in one would clash.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What jobs import is kept where a test asks for it; else it would stay long after the test.
os.environ["JUPYTER_ML_WARM_MEMORY_MB"] = "0"

BROWSER = Path(__file__).parent / "e2e"
# Modules of this folder are imported by name, whatever import mode pytest runs in.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_ignore_collect(collection_path, config):
    asked = [Path(str(word).partition("::")[0]).resolve() for word in config.invocation_params.args]
    named = any(path == BROWSER or BROWSER in path.parents for path in asked)
    return True if collection_path == BROWSER and not named else None


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Give the address of a new database at each call: a test that asks runs on each kind.

    `None` stands for a SQLite file in the workspace.
    """
    if request.param == "sqlite":
        return lambda: None
    return request.getfixturevalue("new_postgresql")


@pytest.fixture
def new_postgresql() -> Iterator[Callable[[], str]]:
    """Give the address of a new PostgreSQL database at each call."""
    import postgresql  # noqa: PLC0415  (its driver is needed by the tests of stores alone)

    made: list[str] = []

    def new() -> str:
        made.append(postgresql.server().new_database())
        return made[-1]

    yield new
    for address in made:
        postgresql.server().drop_database(address)


@pytest.fixture
def database(new_database: Callable[[], str | None]) -> str | None:
    """Return the address of a new database."""
    return new_database()
