"""The user's own modules beside the notebook, which a job cannot import from where it runs."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

LEFT_OUT = shutil.ignore_patterns(
    ".git", "__pycache__", ".venv", "node_modules", ".ipynb_checkpoints"
)
_PACKAGE = "jupyter_ml"


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level names of the modules that source code imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def copy_local(names: Iterable[str], beside: Path, folder: Path, *, taken: str) -> list[str]:
    """Copy the modules of a folder that code imports, and those that they import in turn.

    Parameters
    ----------
    names
        Top-level names of modules; those that are not in the folder are left alone.
    beside
        Where the kernel finds them: its working directory.
    folder
        The source folder of a job, first on its `sys.path`.
    taken
        A file name of the source folder that no module may have.

    Returns
    -------
    list of str
        Names of the modules that were copied, sorted.

    Raises
    ------
    UsageError
        A module has the name of the job's own program.
    """
    copied: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found = _found(name, beside)
        if found is None or name in copied:
            continue
        if found.name == taken:
            msg = f"The job's own program is called {taken}; rename {found}, which it imports."
            raise UsageError(msg)
        copied.add(name)
        folder.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy(found, folder)
        for file in [found] if found.is_file() else found.rglob("*.py"):
            waiting |= _imports_of(file)
    return sorted(copied)


def _found(name: str, beside: Path) -> Path | None:
    """Return the file or the package's folder, if the kernel imports it from there."""
    if name == _PACKAGE:
        return None
    package, file = beside / name, beside / f"{name}.py"
    found = package if (package / "__init__.py").is_file() else file
    if not found.exists():
        return None
    loaded = getattr(sys.modules.get(name), "__file__", None)
    elsewhere = loaded is not None and not Path(loaded).resolve().is_relative_to(beside.resolve())
    return None if elsewhere else found


def _imports_of(file: Path) -> set[str]:
    try:
        return imported(ast.parse(file.read_bytes()))
    except (SyntaxError, ValueError, OSError):
        return set()  # the job says what is wrong with it, if it imports it
