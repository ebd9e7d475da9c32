"""Which variables a job inherits from whoever submitted it: never a credential.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_ml.core.credentials import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER = "JUPYTER_ML_JOB"
"""Holds the attempt's token in every process of an attempt, so that strays can be found."""

_OWN = re.compile(r"JUPYTER_ML_(JOB|ATTEMPT_DIR|MEMBERS?|RUN_DIR|LISTEN_FD|VIEW|ZYGOTE)$")
_URL_WITH_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@|://\S*[?&](ssl)?password=")
_OF_A_KERNEL = frozenset({"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "MPLBACKEND"})
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "PYTHON_CPU_COUNT",
)


def inheritable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that work may inherit from its submitter.

    Left out are credentials (by name, and URLs with a password in them, except of proxies),
    what belongs to another attempt or to the kernel alone, and `PYTHONDONTWRITEBYTECODE`,
    which makes every cold import three to four times slower.
    """
    return {name: value for name, value in environ.items() if _may_pass(name, value)}


def _may_pass(name: str, value: str) -> bool:
    if name == "PYTHONDONTWRITEBYTECODE" or name in _OF_A_KERNEL or name.startswith("JPY_"):
        return False
    if _OWN.match(name) or name.startswith("AWS_") or is_secret_name(name):
        return False
    return name.lower().endswith("_proxy") or not _URL_WITH_PASSWORD.search(value)


def threads(cpus: float) -> dict[str, str]:
    """Return the variables that hold numerical libraries to this many threads."""
    return dict.fromkeys(THREAD_VARIABLES, str(max(1, int(cpus))))
