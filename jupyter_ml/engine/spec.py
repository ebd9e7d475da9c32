"""What a supervisor is told, `work.json`, by whichever version of this program wrote it.

A kernel that runs for weeks submits with the program that it has loaded, and what is started
then is the one that is installed now. So what a newer version added is filled in, and what is not
known here is refused where it asks for something.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.durable import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

WORK: dict[str, Any] = {
    "env": {},
    "instance_type": "ml.local",
    "cpus": None,
    "memory_mb": None,
    "gpus": 0,
    "members": 1,
    "max_runtime_s": None,
    "grace_s": 120,
    "restart": "never",
    "listen": False,
    "port": 0,
    "retries": 0,
    "files": {},
    "outputs": [],
    "warm": False,
    "preload": [],
    "keep_alive_s": None,
    "isolated": False,
    "mounts": False,
    "hands_on": False,
    "inherited": None,
}
"""What `work.Work` takes for granted, for programs that must start within milliseconds."""

_PLACE: dict[str, Any] = {"host": "", "control_groups": True, "hidden": [], "log": {}}


def read_spec(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return what the supervisor of an attempt is told; `None` where there is nothing whole."""
    spec = read_json(os.path.join(directory, "work.json"))
    if spec is None or not isinstance(spec.get("work"), dict):
        return None
    return {**_PLACE, **spec, "work": {**WORK, **spec["work"]}, "directory": os.fspath(directory)}


def unknown_wishes(work: Mapping[str, Any]) -> list[str]:
    """Return the fields of work that ask for something which this version does not know.

    A field that is empty asks for nothing: one that is added to `work.Work` has to be so by
    default. One that is not may be a limit, or what keeps the work from the network; running
    without it would be worse than not running.
    """
    return sorted(name for name, value in work.items() if value and name not in {*WORK, "argv"})


def refusal(spec: Mapping[str, Any]) -> str | None:
    """Return why this version must not run what it is told, in a sentence; `None` if it may."""
    unknown = unknown_wishes(spec["work"])
    if not unknown:
        return None
    names = ", ".join(map(repr, unknown))
    writer = spec.get("version")
    by = f"jupyter_ml {writer}" if writer else "another version of jupyter_ml"
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return (
        f"It was submitted by {by} and asks for {names}, which the one in {here} does not know. "
        "Install the newer one there and submit it again."
    )
