"""Show what is running, what the machine has and what the disk holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.verbs.output import Text
from jupyter_ml.toolkit.verbs.quantities import count, size

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``status``, which has none."""
    del parser


def run(client: Client, args: argparse.Namespace) -> Text:
    """Return the state of the workspace."""
    del args
    state = client.call("GetWorkspace", {})
    jobs = client.call("WatchTrainingJobs", {"StatusEquals": "InProgress"})["Jobs"]
    endpoints = client.call("WatchEndpoints", {})["Endpoints"]
    lines = [_workspace(state), _work(state), *map(_job, jobs), *map(_endpoint, endpoints)]
    if not state["SurvivesServerStop"]:
        lines.append("Jobs and endpoints end when the Jupyter server is stopped.")
    return Text("\n".join(lines))


def _workspace(state: dict[str, Any]) -> str:
    gpus = [gpu["Name"] for gpu in state["Gpus"]]
    memory, free = size(state["MemoryMb"] * _MIB), size(state["MemoryAvailableMb"] * _MIB)
    return " · ".join(
        [
            state["Workspace"],
            count(state["Cpus"], "CPU"),
            f"{memory} memory, {free} free",
            ", ".join(gpus) if gpus else "no GPU",
            f"{size(state['DiskUsedBytes'])} on disk, {size(state['DiskFreeBytes'])} free",
        ]
    )


def _work(state: dict[str, Any]) -> str:
    if not (state["Running"] or state["Queued"] or state["Endpoints"]):
        return "Nothing is running."
    return " · ".join(
        [
            f"{count(state['Running'], 'job')} running",
            f"{state['Queued']} queued",
            count(state["Endpoints"], "endpoint"),
        ]
    )


def _job(card: dict[str, Any]) -> str:
    parts = [card["TrainingJobName"], card["SecondaryStatus"]]
    if "QueuePosition" in card:
        parts.append(f"number {card['QueuePosition']} in the queue")
    progress = card.get("Progress", {})
    if "Fraction" in progress:
        parts.append(f"{progress['Fraction']:.0%}")
    objective = card.get("Objective")
    if objective:
        parts.append(f"{objective['Name']} {objective['Value']:.4g}")
    return "  " + " · ".join(parts)


def _endpoint(card: dict[str, Any]) -> str:
    parts = [card["EndpointName"], card["EndpointStatus"], count(card["Requests"], "request")]
    return "  " + " · ".join([*parts, *([card["Url"]] if "Url" in card else [])])
