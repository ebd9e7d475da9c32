"""What works here: each thing is found out by doing it, and nothing is changed by that.

A check is a function of one of the modules here that takes a `Place` and returns a `Finding`; it is
added by its name in `CHECKS` and nowhere else. They run at once, each in a thread of its own, and
one that does not answer in time is reported as that.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.doctor import installation, machine, probes, work, workspace
from jupyter_ml.toolkit.doctor.finding import LIMITED, NO, OK, Finding, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_ml.core.settings import Settings

__all__ = ["CHECKS", "LIMITED", "NO", "OK", "Finding", "examine"]

PATIENCE_S = 4.5
CHECKS: Sequence[Callable[[Place], Finding]] = (
    installation.python,
    installation.libraries,
    workspace.folder,
    workspace.disk,
    workspace.store,
    workspace.replica,
    workspace.privacy,
    probes.limits,
    probes.network_isolation,
    probes.literal_paths,
    machine.ports,
    machine.gpus,
    machine.fuse,
    machine.clock,
    machine.survival,
    work.timekeeper,
    work.attempts,
    installation.server_extension,
    installation.lab_extension,
    installation.kernels,
    installation.extras,
    installation.node,
    installation.browser,
)


def examine(
    settings: Settings,
    checks: Sequence[Callable[[Place], Finding]] = CHECKS,
    patience_s: float = PATIENCE_S,
) -> list[Finding]:
    """Return what each check found, in their order.

    Parameters
    ----------
    settings
        Names the workspace, which need not exist.
    checks
        What to look at.
    patience_s
        How long all of them may take together, in seconds.
    """
    place = Place(settings)
    found: dict[int, Finding] = {}

    def run(number: int, check: Callable[[Place], Finding]) -> None:
        try:
            found[number] = check(place)
        except Exception as error:  # noqa: BLE001  (one check that fails must not hide the others)
            why = f"The check itself failed: {type(error).__name__}: {error}"
            found[number] = Finding(_name(check), NO, why, "Please report it with `ml bundle`.")

    threads = [
        threading.Thread(target=run, args=(number, check), daemon=True)
        for number, check in enumerate(checks)
    ]
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = "It was not known in time."
    advice = "Run this again when the machine is less busy."
    return [
        found.get(number) or Finding(_name(check), LIMITED, late, advice)
        for number, check in enumerate(checks)
    ]


def _name(check: Callable[[Place], Finding]) -> str:
    return check.__name__.replace("_", " ")
