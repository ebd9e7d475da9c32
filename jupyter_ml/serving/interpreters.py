"""Processes of a model's own interpreter: how a part of this package is run in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.serving.frames import PROTOCOL, VARIABLE

if TYPE_CHECKING:
    from jupyter_ml.serving.config import ServeConfig

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Loads this package from its folder without putting that on the path: the interpreter keeps its
# own packages.
_BOOTSTRAP = """
import importlib.util, sys
folder, module, argument = sys.argv[1:]
spec = importlib.util.spec_from_file_location(
    "jupyter_ml", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["jupyter_ml"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
importlib.import_module("jupyter_ml.serving." + module).main(argument)
"""


def command(config: ServeConfig, module: str, argument: str) -> list[str]:
    """Return the command that calls `main(argument)` of a module of this package."""
    folder = str(Path(__file__).parents[1])
    return [config.interpreter or sys.executable, "-c", _BOOTSTRAP, folder, module, argument]


def environment(config: ServeConfig, sharers: int) -> dict[str, str]:
    """Return the environment of one of `sharers` processes that share the endpoint's threads."""
    found = {key: value for key, value in os.environ.items() if key != "JUPYTER_ML_LISTEN_FD"}
    if config.interpreter is not None:
        # It names packages of this interpreter, which another one must not import.
        found.pop("PYTHONPATH", None)
    found.update(config.environment)
    found[VARIABLE] = PROTOCOL
    for name in _THREADS:
        if found.get(name, "").isdigit():
            found[name] = str(max(1, int(found[name]) // sharers))
    return found
