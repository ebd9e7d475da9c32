"""Write a backup of the workspace into one file, while everything goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``backup``."""
    parser.add_argument("path", help="file to write; it must not exist")
    parser.add_argument(
        "--files", action="store_true", help="with the buckets and the metrics of runs"
    )


def run(client: Client, args: argparse.Namespace) -> Text:
    """Return what was written."""
    path = Path(args.path).expanduser().absolute()
    answer = client.call("BackUpWorkspace", {"Path": str(path), "Files": args.files})
    what = f"{answer['Resources']} resources, {answer['Events']} events"
    if args.files:
        what += f", {size(answer['FileBytes'])} in {answer['Files']} files"
    lines = [f"{answer['Path']}: {what} ({size(answer['Bytes'])})."]
    if not args.files:
        lines.append("Buckets and metrics are not in it; --files adds them.")
    if "BrokenEvent" in answer:
        lines.append(
            f"The log of events was changed: event {answer['BrokenEvent']} is not what was written."
        )
    return Text("\n".join(lines))
