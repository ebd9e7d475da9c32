"""A local SageMaker beside the notebook: train, track, deploy and predict where you work.

The public names are loaded when they are first used, so that importing this package costs
milliseconds and works in any interpreter, that of a job included.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_ml.toolkit.boto3 import use_boto3
    from jupyter_ml.toolkit.data import load_channel
    from jupyter_ml.toolkit.endpoints import endpoint, endpoints
    from jupyter_ml.toolkit.experiments import compare
    from jupyter_ml.toolkit.extension import load_ipython_extension, unload_ipython_extension
    from jupyter_ml.toolkit.jobs import job, jobs
    from jupyter_ml.toolkit.searching import runs
    from jupyter_ml.toolkit.session import status
    from jupyter_ml.toolkit.tracking import batch, log, progress, run
    from jupyter_ml.toolkit.training import train

__version__ = "0.1.0"

_HOMES = {
    "batch": "jupyter_ml.toolkit.tracking",
    "compare": "jupyter_ml.toolkit.experiments",
    "endpoint": "jupyter_ml.toolkit.endpoints",
    "endpoints": "jupyter_ml.toolkit.endpoints",
    "job": "jupyter_ml.toolkit.jobs",
    "jobs": "jupyter_ml.toolkit.jobs",
    "load_channel": "jupyter_ml.toolkit.data",
    "load_ipython_extension": "jupyter_ml.toolkit.extension",
    "log": "jupyter_ml.toolkit.tracking",
    "progress": "jupyter_ml.toolkit.tracking",
    "run": "jupyter_ml.toolkit.tracking",
    "runs": "jupyter_ml.toolkit.searching",
    "status": "jupyter_ml.toolkit.session",
    "train": "jupyter_ml.toolkit.training",
    "unload_ipython_extension": "jupyter_ml.toolkit.extension",
    "use_boto3": "jupyter_ml.toolkit.boto3",
}

__all__ = [
    "__version__",
    "batch",
    "compare",
    "endpoint",
    "endpoints",
    "job",
    "jobs",
    "load_channel",
    "load_ipython_extension",
    "log",
    "progress",
    "run",
    "runs",
    "status",
    "train",
    "unload_ipython_extension",
    "use_boto3",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-ml"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    extension = importlib.import_module("jupyter_ml.server.extension")
    return [{"module": "jupyter_ml.server", "app": extension.JupyterMLApp}]
