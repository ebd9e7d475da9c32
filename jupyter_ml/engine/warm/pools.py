"""Thread pools: a process that has threads cannot be forked, and a job wants its threads.

Libraries fall in two groups. OpenMP (scikit-learn, XGBoost, LightGBM, torch) and MKL start threads
in the first parallel region, so that the number can be what the job will want from the start:
it is read when the library is loaded, and the threads of a later thread inherit that. Those that
start threads when they are loaded are held to one, and widened in the job.

Standard library only: jobs import it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_LOAD = (
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# jemalloc in pyarrow frees memory in a thread of its own, unless it is told to do without.
_WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
_WIDEN = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)

_found: list[Callable[[int], object]] = []


def held() -> dict[str, str]:
    """Return the variables under which imports start no threads."""
    return {**dict.fromkeys(_AT_LOAD, "1"), **_WITHOUT_THREADS}


def count() -> int:
    """Return how many threads this process has, those of libraries among them."""
    return len(os.listdir("/proc/self/task"))


def find() -> None:
    """Look up what `widen` will call; a zygote does it once for all that it forks."""
    for path in _loaded("openblas"):
        library = ctypes.CDLL(path)
        functions = (getattr(library, name, None) for name in _WIDEN)
        _found.extend(list(filter(None, functions))[:1])


def widen() -> None:
    """Give libraries that were loaded with one thread as many as the environment says."""
    for function in _found:
        function(wanted("OPENBLAS_NUM_THREADS"))
    if (numexpr := sys.modules.get("numexpr")) is not None:
        numexpr.set_num_threads(wanted("NUMEXPR_NUM_THREADS"))


def wanted(variable: str) -> int:
    """Return the number in a variable, or in OpenMP's, or that of the CPUs of this process."""
    for name in (variable, "OMP_NUM_THREADS"):
        with contextlib.suppress(KeyError, ValueError):
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0))


def _loaded(part: str) -> set[str]:
    """Return the paths of the shared libraries in this process with `part` in their file name."""
    paths = set()
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            path = line[line.find("/") :].rstrip("\n") if "/" in line else ""
            if part in os.path.basename(path):
                paths.add(path)
    return paths
