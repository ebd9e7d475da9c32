"""A model that a cell made, as files that an endpoint can serve, and what is known of it."""

from __future__ import annotations

import contextlib
import pickle
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.values import values
from jupyter_ml.harness import columns
from jupyter_ml.harness.records import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "jupyter_ml.json"
VALUES = "values"
_PACKAGES = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm"}
_ALWAYS = ("numpy", "scipy", "pandas")


def is_model(value: Any) -> bool:
    """Return whether a value can predict, and is a fitted object and not a class."""
    if isinstance(value, type):
        return False
    return callable(getattr(value, "predict", None)) or _is_torch_module(value)


def save_model(
    model: Any,
    folder: Path,
    outputs: Iterable[str],
    candidates: Iterable[Any],
    *,
    own_definitions: bool = False,
) -> None:
    """Write a model and its manifest.

    Parameters
    ----------
    model
        Anything with a `predict`.
    folder
        The model folder of the job.
    outputs
        Names under which the cell returns values, recorded.
    candidates
        Values among which the frame that the model was trained on is looked for, the likeliest
        first: its types are recorded, and a row that can serve as a sample request.
    own_definitions
        Whether the model uses classes or functions that were defined in a cell: they are stored
        with it.

    Raises
    ------
    ValueError
        The model, or a definition that it uses, cannot be stored; says why.
    """
    features = _features(model)
    form, file = _write_values(model, folder) if own_definitions else _write(model, folder)
    manifest: dict[str, Any] = {
        "format": form,
        "file": file,
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "outputs": list(outputs),
        "features": features,
        "n_features": _n_features(model, features),
        **trained_by(),
        "path": _own_path(),
        "libraries": _libraries(model),
    }
    manifest.update(columns.facts(features, candidates))
    write_json(folder / MANIFEST, manifest)


def _is_torch_module(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def trained_by() -> dict[str, str]:
    """Return what a manifest says of the Python that trained: its version and its executable."""
    return {"python": platform.python_version(), "interpreter": sys.executable}


def _own_path() -> list[str]:
    """Return the folders that modules may come from besides those of the interpreter."""
    prefixes = tuple({sys.prefix, sys.base_prefix, sys.exec_prefix})
    return [entry for entry in sys.path if Path(entry).is_dir() and not entry.startswith(prefixes)]


def _write(model: Any, folder: Path) -> tuple[str, str]:
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        model.save_model(folder / "xgboost-model.ubj")
        (folder / "xgboost-model.ubj").replace(folder / "xgboost-model")
        return "xgboost", "xgboost-model"
    with contextlib.suppress(ImportError):
        import joblib  # noqa: PLC0415  (optional)

        joblib.dump(model, folder / "model.joblib")
        return "joblib", "model.joblib"
    with (folder / "model.pkl").open("wb") as file:
        pickle.dump(model, file)
    return "pickle", "model.pkl"


def _write_values(model: Any, folder: Path) -> tuple[str, str]:
    problems = values.save({"model": model}, folder / VALUES)
    if problems:
        reasons = "; ".join(f"{problem.name!r}: {problem.reason}" for problem in problems)
        msg = f"The model cannot be stored ({reasons})."
        raise ValueError(msg)
    return "values", VALUES


def _features(model: Any) -> list[str] | None:
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = getattr(model, "feature_names", None)
    if names is None or callable(names):
        return None
    return [str(name) for name in names]


def _n_features(model: Any, features: list[str] | None) -> int | None:
    count = getattr(model, "n_features_in_", None)
    if isinstance(count, int):
        return count
    return len(features) if features else None


def _libraries(model: Any) -> dict[str, str]:
    from importlib import metadata  # noqa: PLC0415  (slow; most cells make no model)

    roots = {type(model).__module__.partition(".")[0]}
    roots.update(name for name in _PACKAGES if name in sys.modules and name in repr(model)[:2000])
    names = [_PACKAGES.get(root, root) for root in sorted(roots)]
    versions = {}
    for name in (*names, *(name for name in _ALWAYS if name in sys.modules)):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
