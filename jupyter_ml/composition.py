"""The composition root: it puts workspace, services and engine together for the surfaces."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from jupyter_ml.core.events.heads import note_head
from jupyter_ml.core.runtime import Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.services import registry
from jupyter_ml.tick import tick
from jupyter_ml.timekeeper import ensure_timekeeper, refresh_replica

if TYPE_CHECKING:
    from jupyter_ml.core.settings import Settings


@cache
def compose(settings: Settings) -> Runtime:
    """Return the runtime of the workspace that the settings name."""
    workspace = Workspace.open(settings)
    zygotes = Zygotes(
        workspace.root / "warm" / settings.machine,
        keep_alive_s=settings.keep_warm_s,
        memory_mb=settings.warm_memory_mb,
    )
    engine = LocalEngine(
        workspace.root,
        oversize=settings.oversize,
        zygotes=zygotes if settings.warm_memory_mb else None,
        host=settings.machine,
        locks=settings.locks,
    )
    command = tuple(background_command(settings, "tick"))
    return Runtime(workspace, registry(), engine, tick_command=command)


def attend(runtime: Runtime, linger_s: float = 0) -> None:
    """Make wishes work now, and have what is due later attended to; see `tick`."""
    tick(runtime, linger_s=linger_s)
    have_copied(runtime)
    note_head(runtime)


def have_copied(runtime: Runtime) -> None:
    """Have what was written attended to that needs no pass of `tick`: its copy in the replica."""
    ensure_timekeeper(runtime, background_command(runtime.workspace.settings, "timekeeper"))
    if not runtime.workspace.settings.timekeeper:
        refresh_replica(runtime)


def background_command(settings: Settings, what: str) -> list[str]:
    """Return the command that runs `jupyter_ml.<what>` on a workspace in another process."""
    return [sys.executable, "-m", "jupyter_ml.background", what, settings.to_json()]
