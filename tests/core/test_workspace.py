"""A workspace's folder: who may look into it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Let new folders be readable by others unless somebody sees to it that they are not."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(
    "use",
    [
        lambda workspace: workspace.store,
        lambda workspace: workspace.key_dir,
        lambda workspace: workspace.lock("tick"),
        lambda workspace: workspace.artifacts.put_bytes(b"x", workspace.artifacts.uri("x")),
        lambda workspace: workspace.artifacts.require_space(1, "A test"),
    ],
    ids=["store", "keys", "locks", "artifacts", "space"],
)
def test_a_new_workspace_is_its_owners_alone_whatever_is_used_of_it_first(
    tmp_path: Path, use: Callable[[Workspace], object]
) -> None:
    root = tmp_path / "share" / "jupyter_ml"
    use(Workspace(fresh_settings(tmp_path).at(root)))
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    # What belongs to others as well is made as usual.
    assert stat.S_IMODE(root.parent.stat().st_mode) == 0o755


@pytest.mark.usefixtures("usual_umask")
def test_a_folder_that_is_there_stays_as_its_owner_set_it(tmp_path: Path) -> None:
    root = tmp_path / "team"
    root.mkdir(mode=0o750)
    assert Workspace(fresh_settings(tmp_path).at(root)).store
    assert stat.S_IMODE(root.stat().st_mode) == 0o750


def test_a_folder_that_cannot_be_made_is_named_with_the_setting_that_moves_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_text("a file")
    workspace = Workspace(fresh_settings(tmp_path / "taken" / "workspace"))
    with pytest.raises(ValidationException, match=r"taken/workspace.*JUPYTER_ML_WORKSPACE"):
        _ = workspace.store
