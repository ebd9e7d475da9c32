"""Write a support bundle: a zip with what works here, versions, events and logs; no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display.words import size
from jupyter_ml.toolkit.verbs.output import Table

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

NEEDS_CLIENT = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bundle``."""
    parser.add_argument(
        "path", nargs="?", default=".", help="file that does not exist, or a folder; default: here"
    )


def run(client: Client, args: argparse.Namespace) -> Table:
    """Return what is in it."""
    del client
    from jupyter_ml.client import connect  # noqa: PLC0415  (only for this verb)
    from jupyter_ml.core.settings import Settings  # noqa: PLC0415
    from jupyter_ml.toolkit.bundle import write  # noqa: PLC0415

    path = Path(args.path).expanduser().absolute()
    written, parts = write(path, Settings.from_environment(), connect)
    rows = [(part.name, size(len(part.data)), part.about) for part in parts]
    note = (
        f"{written}, for your eyes only (mode 600). Keys, tokens and passwords are hidden; names "
        "of jobs, files and users are not. Read it before you send it."
    )
    return Table(("FILE", "SIZE", "WHAT"), rows, note)
