"""The workspace in one line, and what `ml.status()` shows."""

from __future__ import annotations

from typing import Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Displayed, Shown


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
        html = words.card(words.heading(activity, ""), words.quiet(machine))
        return Shown(f"{activity}\n{machine}", html)


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


def _machine(workspace: dict[str, Any]) -> str:
    cpus = workspace["Cpus"]
    count = f"{cpus:g} CPU" if cpus == 1 else f"{cpus:g} CPUs"
    return words.joined([count, f"{words.megabytes(workspace['MemoryMb'])} memory"])
