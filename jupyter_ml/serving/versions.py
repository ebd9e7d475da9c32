"""Whether the libraries that trained a model are those that now serve it."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_versions(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare the libraries recorded with the model with those installed here.

    Parameters
    ----------
    manifest
        The model's `jupyter_ml.json`: `python` and `libraries` (name -> version).

    Returns
    -------
    list of dict
        One `{"Library", "Trained", "Serving", "Ok"}` each. Ok means that major and minor agree: a
        pickle is promised to load only then. `Serving` is "" where the library is missing.
    """
    trained = dict(manifest.get("libraries") or {})
    checks = [_check(name, version, _installed(name)) for name, version in trained.items()]
    if manifest.get("python"):
        checks.insert(0, _check("python", str(manifest["python"]), platform.python_version()))
    return checks


def mismatches(checks: list[dict[str, Any]]) -> str:
    """Return one sentence that names the checks that are not ok, or ""."""
    wrong = [
        f"{check['Library']} {check['Trained']} -> {check['Serving'] or 'not installed'}"
        for check in checks
        if not check["Ok"]
    ]
    return f"Trained and served by different versions: {', '.join(wrong)}." if wrong else ""


def _check(name: str, trained: str, serving: str) -> dict[str, Any]:
    agree = trained.split(".")[:2] == serving.split(".")[:2]
    return {"Library": name, "Trained": trained, "Serving": serving, "Ok": agree}


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
