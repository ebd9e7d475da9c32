"""The zygotes of a workspace, as the engine uses them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.detach import detach
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.protocol import ZygoteState
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm.surroundings import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_ml.engine.machine import Machine
    from jupyter_ml.engine.work import Work

# A zygote's memory is no job's: next to a job that may have little more, it would be felt.
_PART_OF_LIMIT = 4
_IMPORTANT = ("PYTHONPATH",)


class Zygotes:
    """Asks, starts and shows the zygotes of one workspace.

    Parameters
    ----------
    root
        Folder that holds their folders.
    keep_alive_s
        How long one stays after the last job that it served, unless the job says otherwise.
    memory_mb
        What all of them may hold together, in MiB.
    """

    def __init__(self, root: Path, *, keep_alive_s: float = 900, memory_mb: int = 1536) -> None:
        self._root = str(root)
        self._keep_alive_s = keep_alive_s
        self._memory_mb = memory_mb

    def spec(
        self, work: Work, here: Machine, gpu_ids: Sequence[int], environ: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """Return which zygote is asked for some work and how it is started; `None` for none.

        Work with a GPU is started anew, as CUDA does not survive a fork.
        """
        if not work.warm or gpu_ids or not folders.is_possible():
            return None
        given = {name: work.env[name] for name in _IMPORTANT if name in work.env}
        interpreter = work.argv[0]
        cpus = None if work.cpus is None else min(max(1, math.ceil(work.cpus)), len(here.cpu_ids))
        try:
            key = fingerprint(interpreter, environ, given, cpus)
        except OSError:
            return None
        return {
            "folder": os.path.join(self._root, key),
            "interpreter": interpreter,
            "given": given,
            "cpus": cpus,
            "kept": work.keep_alive_s != 0,
            "order": {"preload": list(work.preload), "memory_mb": self._memory_mb},
        }

    def ask(
        self, spec: Mapping[str, Any], work: Work, directory: str, environment: Mapping[str, str]
    ) -> int | None:
        """Have a zygote fork the supervisor of an attempt; return its process id, if it did."""
        folder = spec["folder"]
        seconds = self._keep_alive_s if work.keep_alive_s is None else work.keep_alive_s
        folders.stay(folder, seconds)
        state = read_json(os.path.join(folder, folders.STATE))
        if state is None or state["state"] != "ready" or _is_too_large(state, work):
            return None
        return folders.ask(folder, directory, environment)

    def start(self, spec: Mapping[str, Any], imports: str, environ: Mapping[str, str]) -> None:
        """Start a zygote that has imported what a file names; harmless where there is one."""
        folder = spec["folder"]
        folders.stay(folder, self._keep_alive_s)
        command = folders.command(
            spec["interpreter"], folder, {**spec["order"], "imports": imports}
        )
        environment = folders.environment(environ, spec["given"], spec["cpus"])
        detach(command, Path(folder, folders.LOG), environment)

    def living(self) -> list[ZygoteState]:
        """Return the zygotes that live."""
        return [_parsed(folder, values) for folder, values in folders.states(self._root)]

    def end_all(self) -> int:
        """Tell all zygotes to end; return how many there were."""
        return sum(folders.end(zygote.folder) for zygote in self.living())


def _parsed(folder: str, values: Mapping[str, Any]) -> ZygoteState:
    try:
        until = os.stat(os.path.join(folder, folders.UNTIL)).st_mtime
    except OSError:
        until = 0.0
    return ZygoteState(
        folder,
        values.get("interpreter", ""),
        values["state"],
        tuple(dict.fromkeys(name.partition(".")[0] for name in values.get("preload", ()))),
        values.get("memory_mb"),
        values.get("served", 0),
        until,
    )


def _is_too_large(state: Mapping[str, Any], work: Work) -> bool:
    return work.memory_mb is not None and state["memory_mb"] > work.memory_mb / _PART_OF_LIMIT
