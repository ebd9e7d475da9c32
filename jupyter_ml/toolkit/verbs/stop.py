"""Stop jobs; each gets its grace time to save what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.names import find
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

_KINDS = ("TrainingJob",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``stop``."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="of a job")


def run(client: Client, args: argparse.Namespace) -> Text:
    """Wish the jobs to end; return what was asked of which."""
    found = [find(client, name, _KINDS)[1] for name in args.names]
    for name in found:
        client.call("StopTrainingJob", {"TrainingJobName": name})
    return Text("\n".join(f"{name} is stopping." for name in found))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of the jobs that run."""
    cards = client.call("WatchTrainingJobs", {"StatusEquals": "InProgress"})["Jobs"]
    return [card["TrainingJobName"] for card in cards if card["TrainingJobName"] not in typed]
