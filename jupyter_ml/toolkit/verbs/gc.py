"""Remove what has been kept long enough; with --dry-run, only say what that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.verbs.output import Table

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``gc``."""
    parser.add_argument("--dry-run", action="store_true", help="remove nothing")
    parser.add_argument(
        "--older-than", type=int, metavar="DAYS", help="default: the workspace's retention"
    )


def run(client: Client, args: argparse.Namespace) -> Table:
    """Return what was removed, or would be."""
    request: dict[str, Any] = {"DryRun": args.dry_run}
    if args.older_than is not None:
        request["OlderThanDays"] = args.older_than
    answer = client.call("CollectGarbage", request)
    rows = [
        (size(item["Bytes"]), item["Kind"], item["Name"], item["Reason"])
        for item in answer["Removed"]
    ]
    outcome = "would be freed" if args.dry_run else "freed"
    note = f"{size(answer['Bytes'])} {outcome}." if rows else "Nothing to remove."
    return Table(("SIZE", "KIND", "NAME", "WHY"), rows, note)
