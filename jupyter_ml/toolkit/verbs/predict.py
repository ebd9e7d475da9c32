"""Send rows to an endpoint and show its answers.

DATA is the name of a variable (in a notebook), a csv, parquet or JSON file, or JSON itself:
`%ml predict cancer test`, `jupyter ml predict cancer rows.csv`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.verbs.names import find, names_of

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``predict``."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its name")
    parser.add_argument("data", metavar="DATA", help="a variable, a file, or JSON rows")


def run(client: Client, args: argparse.Namespace) -> object:
    """Predict; return a series, a frame or a list."""
    from jupyter_ml.toolkit.endpoints import Endpoint  # noqa: PLC0415  (loaded when used)

    _, name = find(client, args.endpoint, ("Endpoint",))
    return Endpoint(name, client).predict(_rows(args))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of endpoints."""
    return [] if typed else names_of(client, ("Endpoint",))


def _rows(args: argparse.Namespace) -> Any:
    if args.shell is not None and args.data in args.shell.user_ns:
        return args.shell.user_ns[args.data]
    if Path(args.data).is_file():
        from jupyter_ml.toolkit.data import load_channel  # noqa: PLC0415  (loaded when used)

        rows = load_channel(args.data)
        return json.loads(rows.read_text()) if isinstance(rows, Path) else rows
    try:
        return json.loads(args.data)
    except ValueError:
        place = "variable, no file and no JSON" if args.shell is not None else "file and no JSON"
        msg = f"{args.data!r} is no {place}; give rows such as '[[1, 2]]'."
        raise UsageError(msg) from None
