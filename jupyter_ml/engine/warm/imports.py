"""What jobs import that is worth having imported before.

Standard library only: jobs import it.
"""

from __future__ import annotations

import json
import os

from jupyter_ml.engine.warm import forked

FILE = "imports.json"
PACKAGES = frozenset(
    {
        "catboost",
        "datasets",
        "joblib",
        "jupyter_ml",
        "lightgbm",
        "matplotlib",
        "numba",
        "numexpr",
        "numpy",
        "pandas",
        "PIL",
        "plotly",
        "polars",
        "pyarrow",
        "scipy",
        "seaborn",
        "shap",
        "sklearn",
        "skl2onnx",
        "statsmodels",
        "threadpoolctl",
        "tokenizers",
        "torch",
        "transformers",
        "xgboost",
    }
)
"""Packages that take long to import and may be there before a job's own code runs."""

_MOST = 5000


def is_worthwhile(module: str) -> bool:
    """Whether a module belongs to a package that a zygote imports."""
    return module.partition(".")[0] in PACKAGES


def record(folder: str, before: frozenset[str]) -> None:
    """Write down what a program imported, in this order, that was not there before it began."""
    names = list(filter(is_worthwhile, forked.added_modules(before)))
    if not names:
        return
    with open(os.path.join(folder, FILE), "w", encoding="utf-8") as file:
        json.dump(names[:_MOST], file)
