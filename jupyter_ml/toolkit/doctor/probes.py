"""What can be enforced here, found out by children that try to exceed it."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine import isolation
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
from jupyter_ml.toolkit.doctor.finding import LIMITED, NO, OK, Finding

if TYPE_CHECKING:
    from jupyter_ml.engine.protocol import Observation
    from jupyter_ml.toolkit.doctor.finding import Place

_LIMIT_MB = 64
_PATIENCE_S = 4.0
_GREEDY = """
import os
cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
print("cpus", cpus, flush=True)
kept = [bytearray(os.urandom(1 << 20)) for _ in range(4 * {limit})]
print("exceeded", flush=True)
"""


def limits(place: Place) -> Finding:
    """Run work that exceeds its memory, as any job would be run."""
    del place
    name = "limits"
    with tempfile.TemporaryDirectory(prefix="jupyter-ml-doctor-") as folder:
        seen, text = _run_greedy(Path(folder))
    if seen.verdict is None:
        why = f"A job that was given {_LIMIT_MB} MiB has not ended within {_PATIENCE_S:g} s."
        return Finding(name, LIMITED, why, "Run this again when the machine is less busy.")
    memory, cpu = seen.verdict.enforced["memory"], seen.verdict.enforced["cpu"]
    if "exceeded" in text:
        why = f"A job took four times its memory of {_LIMIT_MB} MiB and was not stopped ({memory})."
        return Finding(name, NO, why, "Sizes of instances are advice only here.")
    if "cpus" not in text:
        why = f"A job could not be started: {seen.verdict.message}"
        return Finding(name, NO, why, "See whether this user may start more processes: ulimit -u")
    refused = "A process that asked for more got a MemoryError."
    how = refused if "MemoryError" in text else seen.verdict.message
    held = f"Memory is held by {memory}: {how} CPUs by {cpu}."
    is_held = cpu != "affinity" or "cpus 1" in text
    if memory == "cgroup" and cpu == "affinity" and is_held:
        return Finding(name, OK, held)
    advice = (
        "Each process of a job is held, not all together; a control group that this user may write "
        "to holds the whole job."
    )
    return Finding(name, OK if is_held and memory != "advisory" else LIMITED, held, advice)


def network_isolation(place: Place) -> Finding:
    """Have a child leave the network, and try to reach a listener of this process."""
    del place
    well = "A job of this user can be cut off from every network."
    return _finding("network isolation", isolation.probe_network(), well)


def literal_paths(place: Place) -> Finding:
    """Have a child see a folder of its own at /opt/ml."""
    del place
    well = "A job of this user can find its files at /opt/ml."
    return _finding("/opt/ml", isolation.probe_mounts(), well)


def _finding(name: str, probe: isolation.Probe, well: str) -> Finding:
    if probe.works:
        return Finding(name, OK, f"{well} Means: {probe.means}.")
    return Finding(name, NO, probe.cause, probe.advice)


def _run_greedy(folder: Path) -> tuple[Observation, str]:
    """Return how work ended that asks for more than it was given, and what it printed."""
    engine = LocalEngine(folder, oversize=True)
    token = secrets.token_hex(16)
    ref = AttemptRef("Probe", "limits", 1, token, folder / "work" / "Probe" / "limits" / "1")
    code = _GREEDY.format(limit=_LIMIT_MB)
    argv = (sys.executable, "-S", "-E", "-c", code)
    engine.submit(ref, Work(argv, cpus=1, memory_mb=_LIMIT_MB, grace_s=0))
    deadline = time.monotonic() + _PATIENCE_S
    while (seen := engine.observe(ref)).verdict is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if seen.verdict is None:
        engine.stop(ref, grace_s=0)
    return seen, engine.logs(ref).data.decode(errors="replace")
