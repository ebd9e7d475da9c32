"""Which variables what is started inherits from whoever submitted it: never a credential.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_ml.core.credentials import has_credential, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER = "JUPYTER_ML_JOB"
"""Holds the attempt's token in every process of an attempt, so that strays can be found.

The token tells attempts apart and opens nothing: no surface takes it from anybody.
"""

_OWN = re.compile(r"JUPYTER_ML_(JOB|ATTEMPT_DIR|MEMBERS?|RUN_DIR|LISTEN_FD|VIEW|ZYGOTE)$")
_URL_WITH_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@|://\S*[?&](ssl)?password=")
# Quick to look for, and in everything that `has_credential` finds.
_MAY_BE_CREDENTIAL = re.compile(r"[\w-]{16}|[?&@]|eyJ|xox|AccountKey|[Bb]earer|PRIVATE KEY")
# By which agents of the user and of the desktop are asked for what they keep.
_AGENTS = frozenset(
    {"SSH_AUTH_SOCK", "GPG_AGENT_INFO", "GNOME_KEYRING_CONTROL", "DBUS_SESSION_BUS_ADDRESS"}
    | {"KRB5CCNAME", "XAUTHORITY"}
)
_OF_A_KERNEL = frozenset({"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "MPLBACKEND"})
# What a program needs to run at all, to find its packages, the machine's GPUs and a database.
_OF_ANY_PROGRAM = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
    | {"VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "LD_LIBRARY_PATH"}
    | {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"}
)
# Where the tickets are that a database may ask for; the work of others has no use for them.
_OF_A_DATABASE = frozenset({"KRB5CCNAME"})
_OF_ANY_PROGRAM_PREFIXES = ("JUPYTER_ML_", "LC_", "PG", "PYTHON", "XDG_")
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

    Left out are credentials (by name, by what they look like, and URLs with a password in them),
    the sockets of agents that keep some, what belongs to another attempt or to the kernel alone,
    and `PYTHONDONTWRITEBYTECODE`, which makes every cold import three to four times slower.
    """
    return {name: value for name, value in environ.items() if _may_pass(name, value)}


def _may_pass(name: str, value: str) -> bool:
    if name == "PYTHONDONTWRITEBYTECODE" or name in _OF_A_KERNEL or name in _AGENTS:
        return False
    if _OWN.match(name) or name.startswith(("AWS_", "JPY_")) or is_secret_name(name):
        return False
    if _URL_WITH_PASSWORD.search(value):
        return False
    return not (_MAY_BE_CREDENTIAL.search(value) and has_credential(value))


def background(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a tick or a timekeeper, which outlives whoever starts it.

    It works for all submitters, so it has only what it needs itself. The empty mark says that it is
    no process of an attempt that started it, and does not end with that.
    """
    kept = {
        name: value
        for name, value in inheritable(environ).items()
        if name in _OF_ANY_PROGRAM or name.startswith(_OF_ANY_PROGRAM_PREFIXES)
    }
    tickets = {name: environ[name] for name in _OF_A_DATABASE & set(environ)}
    return {**kept, **tickets, MARKER: ""}


def threads(cpus: float) -> dict[str, str]:
    """Return the variables that hold numerical libraries to this many threads."""
    return dict.fromkeys(THREAD_VARIABLES, str(max(1, int(cpus))))
