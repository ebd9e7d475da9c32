"""Instance types: names for sizes, taken from a table that users can extend.

`ml.local` is this machine: no limit on CPUs and memory, which it shares with other work, and
one GPU where there is any. Every other name stands for the CPUs, memory and GPUs that SageMaker
gives it.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.engine import machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL = "ml.local"
TABLE = "instance_types.json"
_NEAREST = 5


@dataclass(frozen=True)
class InstanceType:
    """A named size; `None` stands for no limit, and memory is in MiB."""

    name: str
    cpus: float | None
    memory_mb: int | None
    gpus: int


def instance_types(workspace: Path | None = None) -> dict[str, InstanceType]:
    """Return the sizes by name.

    Parameters
    ----------
    workspace
        Folder whose `instance_types.json`, if there is one, adds to the table and overrides it:
        `{"ml.mine": {"cpus": 3, "memory_gb": 12, "gpus": 0}}`.

    Raises
    ------
    ValidationException
        The user's table cannot be read.
    """
    table = dict(_built_in())
    table[LOCAL] = InstanceType(LOCAL, None, None, min(1, len(machine.here().gpus)))
    own = None if workspace is None else workspace / TABLE
    if own is not None and own.exists():
        try:
            table |= _parse(json.loads(own.read_text("utf-8")), str(own))
        except ValueError as error:
            raise ValidationException(
                f"{own} is not JSON: {error}. Correct or remove it."
            ) from None
    return table


def instance_type(name: str, workspace: Path | None = None) -> InstanceType:
    """Return the size with this name.

    Raises
    ------
    ValidationException
        There is none.
    """
    table = instance_types(workspace)
    if name not in table:
        near = difflib.get_close_matches(name, table, _NEAREST) or [LOCAL]
        raise ValidationException(
            f"Instance type {name!r} is not known here. Did you mean {' or '.join(near)}? Sizes "
            f"of your own go into {TABLE} in the workspace."
        )
    return table[name]


@cache
def _built_in() -> dict[str, InstanceType]:
    return _parse(json.loads((files(__package__) / TABLE).read_text("utf-8")), TABLE)


def _parse(values: object, source: str) -> dict[str, InstanceType]:
    if not isinstance(values, dict):
        raise ValidationException(f"{source} must hold an object of sizes by name.")
    return {name: _size(name, size, source) for name, size in values.items()}


def _size(name: str, size: Mapping[str, float], source: str) -> InstanceType:
    try:
        cpus, memory_gb, gpus = size["cpus"], size["memory_gb"], int(size.get("gpus", 0))
        if min(cpus, memory_gb) > 0 and gpus >= 0:
            return InstanceType(name, cpus, int(memory_gb * 1024), gpus)
    except (TypeError, KeyError, AttributeError, ValueError):
        pass
    raise ValidationException(
        f"{source}: {name!r} is {size!r}, but a size is "
        '{"cpus": number, "memory_gb": number, "gpus": whole number}, all positive.'
    )
