"""What a process inherits from the one that starts it: jobs share a zygote where it is the same.

A library may read anything of this when it is imported, so nothing is left out but what belongs
to one attempt or one terminal.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.environment import inheritable

if TYPE_CHECKING:
    from collections.abc import Mapping

# Another layout of the folder or of the request: zygotes of another version are never asked.
_FORMAT = 1
# Of a shell or a terminal; they reach the job, which gets its variables after the fork.
_OF_A_TERMINAL = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES"})
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def fingerprint(
    interpreter: str, environ: Mapping[str, str], given: Mapping[str, str], threads: float | None
) -> str:
    """Return what is the same for all jobs that one zygote can fork.

    Parameters
    ----------
    interpreter
        Path of the Python.
    environ
        Environment of the submitter.
    given
        Variables of the work that imports depend on, such as `PYTHONPATH`.
    threads
        CPUs that the job is held to; `None` for all.

    Raises
    ------
    OSError
        There is no such interpreter.
    """
    real = os.stat(interpreter)
    variables = inheritable(environ)
    facts: list[Any] = [
        _FORMAT,
        _PACKAGE,
        sys.version if interpreter == sys.executable else None,
        (interpreter, real.st_dev, real.st_ino, real.st_mtime_ns, real.st_size),
        sorted((key, value) for key, value in variables.items() if key not in _OF_A_TERMINAL),
        sorted(given.items()),
        threads,
        [resource.getrlimit(number) for number in _limits()],
        os.getpriority(os.PRIO_PROCESS, 0),
        _umask(),
        _text("/proc/self/cgroup"),
        [_link(f"/proc/self/ns/{name}") for name in ("mnt", "net", "pid", "user", "uts", "ipc")],
    ]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=10).hexdigest()


def _limits() -> list[int]:
    names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    # The supervisor raises this one for itself before anything else.
    return [getattr(resource, name) for name in names if name != "RLIMIT_DATA"]


def _umask() -> str:
    for line in _text("/proc/self/status").splitlines():
        if line.startswith("Umask:"):
            return line.split()[1]
    return ""


def _text(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""


def _link(path: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(path)
    return ""
