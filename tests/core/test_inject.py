from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from jupyter_ml.core.inject import PACKAGE, inject_dir

if TYPE_CHECKING:
    from pathlib import Path


def test_the_folder_holds_the_package_alone(tmp_path: Path) -> None:
    folder = inject_dir(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["jupyter_ml"]
    assert (folder / "jupyter_ml").resolve() == PACKAGE


def test_asking_again_changes_nothing(tmp_path: Path) -> None:
    assert inject_dir(tmp_path) == inject_dir(tmp_path)


def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path) -> None:
    link = inject_dir(tmp_path) / "jupyter_ml"
    link.unlink()
    link.symlink_to(tmp_path / "gone")
    assert (inject_dir(tmp_path) / "jupyter_ml" / "__init__.py").is_file()


def test_an_interpreter_without_our_dependencies_finds_the_package(tmp_path: Path) -> None:
    modules = ("core.metrics.metrics", "core.values.values", "harness.pump")
    code = "; ".join(f"import jupyter_ml.{module}" for module in modules)
    subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        env={"PYTHONPATH": str(inject_dir(tmp_path))},
    )
