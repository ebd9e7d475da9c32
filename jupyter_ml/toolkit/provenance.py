"""Where a run comes from: notebook, cell, git state and environment; never its variables."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.notebook import current_cell
from jupyter_ml.toolkit.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_ml.core.values.values import Entry

_GIT_TIMEOUT_S = 2


def provenance(
    source: str,
    *,
    values: Mapping[str, Any] | None = None,
    inputs: Iterable[Mapping[str, Any]] = (),
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what is recorded with a run, ready for JSON.

    Parameters
    ----------
    source
        Text of the cell or script; texts in it that look like secrets are hidden.
    values
        The variables that go along; their packages are recorded.
    inputs
        What is recorded of them; see `input_records`.
    tags
        Whatever the user wants to find again.

    Returns
    -------
    dict
        `notebook`, `cell_id`, `source`, `git`, `environment`, `inputs` and `tags`. The
        variables of the environment are never part of it.
    """
    cell = current_cell()
    return {
        "notebook": cell.notebook,
        "cell_id": cell.cell_id,
        "source": redacted(source),
        "git": _git_lately(_folder(cell.notebook).absolute(), int(time.monotonic())),
        "environment": environment(source, (values or {}).values()),
        "inputs": list(inputs),
        "tags": dict(tags or {}),
    }


def input_records(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return what is recorded of the values that went along; modules stand in the environment."""
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "sha256": entry.sha256,
            "bytes": entry.bytes,
            "detail": entry.detail,
        }
        for entry in entries
        if entry.how != "import"
    ]


def environment(source: str, values: Iterable[object] = ()) -> dict[str, Any]:
    """Return the Python, the platform and the versions of the packages that code and values use."""
    modules = {sys.executable and "jupyter_ml", *_imported(source)}
    modules |= {_module_of(value).partition(".")[0] for value in values}
    foreign = modules - set(sys.stdlib_module_names) - {"__main__", "builtins", ""}
    versions = dict(found for module in sorted(foreign) for found in _distribution(module))
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
    }


@functools.lru_cache(maxsize=8)
def _git_lately(folder: Path, _second: int) -> dict[str, Any] | None:
    """Return the state of git, asked for once a second: a loop of runs would wait for it most."""
    return git_state(folder)


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit, branch and whether files differ from it; None outside of a repository."""
    # Starting git would take longer than all else that is recorded.
    if "GIT_DIR" not in os.environ and not any(
        (parent / ".git").exists() for parent in folder.absolute().joinpath("x").parents
    ):
        return None
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    heads = {}
    dirty = False
    for line in done.stdout.splitlines():
        if line.startswith("# branch."):
            key, _, value = line[len("# branch.") :].partition(" ")
            heads[key] = value
        else:
            dirty = True
    commit = heads.get("oid")
    if commit == "(initial)":
        commit = None
    return {"commit": commit, "branch": heads.get("head"), "dirty": dirty}


def _folder(notebook: str | None) -> Path:
    folder = Path(notebook).parent if notebook else Path()
    return folder if folder.is_dir() else Path()


def _imported(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _module_of(value: object) -> str:
    name = getattr(value, "__name__", "") if isinstance(value, type(sys)) else ""
    return name or str(getattr(type(value), "__module__", ""))


@functools.cache
def _distribution(module: str) -> tuple[tuple[str, str], ...]:
    """Return name and version of the packages that a module belongs to."""
    try:
        return ((module, importlib.metadata.version(module)),)
    except importlib.metadata.PackageNotFoundError:
        packages = _packages().get(module, ())
    return tuple((name, importlib.metadata.version(name)) for name in dict.fromkeys(packages))


@functools.cache
def _packages() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
