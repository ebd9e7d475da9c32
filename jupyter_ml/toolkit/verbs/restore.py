"""Make an empty workspace from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``restore``."""
    parser.add_argument("path", help="file that `backup` wrote")
    parser.add_argument(
        "--keep-files",
        action="store_true",
        help="into a workspace whose store is gone, beside the files that it has",
    )
    parser.add_argument(
        "--force", action="store_true", help="also if the log of events was changed"
    )


def run(client: Client, args: argparse.Namespace) -> Text:
    """Return what was restored."""
    if not isinstance(client, LocalClient):
        msg = "A backup is restored on the machine of the workspace; unset JUPYTER_ML_URL there."
        raise UsageError(msg)
    path = Path(args.path).expanduser().absolute()
    restored = client.restore(path, keep_files=args.keep_files, force=args.force)
    counts = restored.contents
    what = f"{counts.rows['rows']} resources, {counts.rows['events']} events"
    files = f"{size(counts.bytes)} in {counts.files} files"
    lines = [f"{client.settings.workspace}: {what}, {files}."]
    if restored.ended:
        names = ", ".join(sorted(restored.ended))
        lines.append(f"Under way when the backup was made, and over now: {names}.")
    return Text("\n".join(lines))
