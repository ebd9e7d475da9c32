"""What runs without a surface: one tick, or the timekeeper.

    python -m jupyter_ml.background tick|timekeeper SETTINGS

Supervisors start the first when their work has ended; whoever leaves something for later
starts the second. A hundred supervisors may end at once, so a tick that finds another at
work leaves its wish to that one before it imports anything large, and one that leaves work
in the queue stays a moment, to be found.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from jupyter_ml.core.locks import try_lock
from jupyter_ml.core.logs import formatter, log_uncaught
from jupyter_ml.core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.runtime import Runtime

LINGER_S = 1.0
DAY_S = 86_400.0


def main(arguments: list[str]) -> None:
    """Do one or the other; what goes wrong is in `background.log` of the workspace."""
    what, text = arguments
    settings = Settings.from_json(text)
    root = settings.workspace
    if not root.is_dir():  # deleted meanwhile: nothing is left to attend to
        return
    if what == "tick" and _is_left_to_another(settings.locks):
        return
    log = root / "background.log"
    log.touch(mode=0o600)
    handler = logging.FileHandler(log)
    handler.setFormatter(formatter(settings.log_format))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    log_uncaught(logging.getLogger(f"jupyter_ml.{what}"))
    # Only now: this imports the store and all services.
    from jupyter_ml.composition import attend, compose  # noqa: PLC0415
    from jupyter_ml.timekeeper import keep_time  # noqa: PLC0415

    runtime = compose(settings)
    if what == "timekeeper":
        if keep_time(runtime):
            _become_what_is_installed(arguments)
    else:
        attend(runtime, linger_s=LINGER_S)
        keep_retention(runtime)


def _become_what_is_installed(arguments: list[str]) -> None:
    os.execv(sys.executable, [sys.executable, "-m", "jupyter_ml.background", *arguments])  # noqa: S606


def keep_retention(runtime: Runtime) -> None:
    """Remove what has been kept longer than the workspace's retention, at most once a day.

    Here, because this process is nobody's: no job, kernel or request waits for the disk.
    """
    from jupyter_ml.core.context import Context  # noqa: PLC0415
    from jupyter_ml.tick import PRINCIPAL  # noqa: PLC0415

    with try_lock(runtime.workspace.lock("retention")) as held:
        if not held or not is_retention_due(runtime):
            return
        _stamp(runtime).touch()
        Context(runtime, PRINCIPAL).call("CollectGarbage", {"DryRun": False})


def is_retention_due(runtime: Runtime) -> bool:
    """Return whether the retention was kept last more than a day ago."""
    stamp = _stamp(runtime)
    return not stamp.exists() or runtime.clock() - stamp.stat().st_mtime >= DAY_S


def _stamp(runtime: Runtime) -> Path:
    return runtime.workspace.settings.locks / "retention"


def _is_left_to_another(locks: Path) -> bool:
    """Return whether a tick is at work, which then makes another pass for us."""
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / "tick-wanted.lock").open("ab") as file:
        file.write(b".")
    with try_lock(locks / "tick.lock") as held:
        return not held


if __name__ == "__main__":
    main(sys.argv[1:])
