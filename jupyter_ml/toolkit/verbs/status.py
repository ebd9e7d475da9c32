"""Show what is running, what the machine has and what the disk holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.job import status_line
from jupyter_ml.toolkit.display.workspace import Status
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``status``, which has none."""
    del parser


def run(client: Client, args: argparse.Namespace) -> object:
    """Return the state of the workspace; a terminal, which has no panels, gets lists as well."""
    status = Status(client)
    if args.shell is not None:
        return status
    lines = [repr(status)]
    jobs = client.call("WatchTrainingJobs", {"StatusEquals": "InProgress"})["Jobs"]
    lines += [f"  {status_line(card)}" for card in jobs]
    for card in client.call("WatchEndpoints", {})["Endpoints"]:
        facts = [card["EndpointName"], card["EndpointStatus"], card.get("Url")]
        lines.append(f"  {words.joined(facts)}")
    if not client.call("GetWorkspace", {})["SurvivesServerStop"]:
        lines.append("Jobs and endpoints end when the Jupyter server is stopped.")
    return Text("\n".join(lines))
