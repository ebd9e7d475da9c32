"""The workspace in one line, and what `ml.status()` shows."""

from __future__ import annotations

from typing import Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Displayed, Shown

_MOST_NAMED = 4


def ready_line(workspace: dict[str, Any]) -> str:
    """Return `GetWorkspace` in a line: workspace, CPUs, memory, GPU, ready."""
    gpus = workspace.get("Gpus") or []
    return words.joined(
        [
            f"jupyter_ml {workspace['Version']}",
            workspace["Workspace"],
            _machine(workspace),
            ", ".join(gpu["Name"] for gpu in gpus) or "no GPU",
            "ready",
        ]
    )


class Status(Displayed):
    """What is running, queued and served, and how much disk is used."""

    def shown(self) -> Shown:
        """Return the status now."""
        workspace = self._client.call("GetWorkspace", {})
        usage = self._client.call("GetDiskUsage", {})
        activity = words.joined([_activity(workspace), _disk(usage)])
        machine = words.joined([workspace["Workspace"], _machine(workspace)])
        lines = [machine, *map(_kept, workspace.get("Zygotes", ()))]
        html = words.card(words.heading(activity, ""), *map(words.quiet, lines))
        return Shown("\n".join([activity, *lines]), html)


def _activity(workspace: dict[str, Any]) -> str:
    counts = [
        (workspace["Running"], "running"),
        (workspace["Queued"], "queued"),
        (workspace["Endpoints"], "endpoint" if workspace["Endpoints"] == 1 else "endpoints"),
    ]
    busy = [f"{count} {word}" for count, word in counts if count]
    return words.joined(busy) or "nothing running"


def _disk(usage: dict[str, Any]) -> str:
    used, free = words.size(usage["TotalBytes"]), words.size(usage["FreeBytes"])
    return f"{used} of disk used, {free} free"


def _kept(zygote: dict[str, Any]) -> str:
    """Return a zygote in a line: what it has imported, and what that takes."""
    named = [name for name in zygote["Packages"] if name != "jupyter_ml"]
    rest = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    packages = ", ".join(named[:_MOST_NAMED]) + rest
    if zygote["State"] != "ready":
        return f"warming up: {packages}"
    return f"warm: {packages} in {words.megabytes(zygote['MemoryMb'])} memory"


def _machine(workspace: dict[str, Any]) -> str:
    cpus = workspace["Cpus"]
    count = f"{cpus:g} CPU" if cpus == 1 else f"{cpus:g} CPUs"
    return words.joined([count, f"{words.megabytes(workspace['MemoryMb'])} memory"])
