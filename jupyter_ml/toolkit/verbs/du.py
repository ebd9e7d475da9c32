"""Show what takes how much of the disk, largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.verbs.output import Table

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``du``."""
    parser.add_argument("-n", "--limit", type=int, default=20, metavar="N", help="default: 20")


def run(client: Client, args: argparse.Namespace) -> Table:
    """Return the largest items and the sums."""
    usage = client.call("GetDiskUsage", {})
    shown = usage["Items"][: max(args.limit, 0)]
    rest = usage["Items"][len(shown) :]
    rows = [(size(item["Bytes"]), item["Kind"], item["Name"]) for item in shown]
    if rest:
        rows.append((size(sum(item["Bytes"] for item in rest)), "", f"{len(rest)} more"))
    note = (
        f"{size(usage['TotalBytes'])} in all · {size(usage['FreeBytes'])} free, "
        f"of which {size(usage['FloorBytes'])} stay free"
    )
    return Table(("SIZE", "KIND", "NAME"), rows, note)
