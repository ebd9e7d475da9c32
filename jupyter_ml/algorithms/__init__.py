"""The built-in algorithms, and the one table of them.

An algorithm is a module that runs as a job's program. To add one, write the module and its
`ALGORITHM`, and name it in `_MODULES`.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from jupyter_ml.algorithms.schema import Algorithm, HyperparameterError, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Algorithm",
    "HyperparameterError",
    "Parameter",
    "algorithms",
    "by_image",
    "by_name",
    "repository",
]

_MODULES = (
    "jupyter_ml.algorithms.linear_learner_parameters",
    "jupyter_ml.algorithms.xgboost_parameters",
)
_IMAGE = re.compile(r"(?:.*/)?(?P<repository>[^/:@]+)(?:[:@].*)?")


@cache
def algorithms() -> Mapping[str, Algorithm]:
    """Return the built-in algorithms by name."""
    found = (import_module(name).ALGORITHM for name in _MODULES)
    return {algorithm.name: algorithm for algorithm in found}


def repository(image: str) -> str:
    """Return the repository of an image: "sagemaker-xgboost" of ".../sagemaker-xgboost:1.7-1"."""
    found = _IMAGE.fullmatch(image)
    return found["repository"] if found else image


def by_image(image: str) -> Algorithm | None:
    """Return the algorithm whose image this is, `None` for any other image."""
    wanted = repository(image)
    for algorithm in algorithms().values():
        if wanted == algorithm.name or wanted in algorithm.repositories:
            return algorithm
    return None


def by_name(name: str) -> Algorithm:
    """Return the algorithm of this name.

    Raises
    ------
    HyperparameterError
        There is none; names those that there are.
    """
    known = algorithms()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    msg = f"There is no built-in algorithm {name!r}. {hint}There are: {', '.join(sorted(known))}."
    raise HyperparameterError(msg)
