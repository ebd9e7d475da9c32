"""Say what works here, what does not, why, and what to do; change nothing.

Everything is tried rather than looked up. Ends with status 1 only where something is broken that
nothing works without.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.output import Table, Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

NEEDS_CLIENT = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="for programs")


def run(client: Client, args: argparse.Namespace) -> Text | Table:
    """Return one line for each check."""
    del client
    from jupyter_ml.core.settings import Settings  # noqa: PLC0415  (only for this verb)
    from jupyter_ml.toolkit.doctor import OK, examine  # noqa: PLC0415  (imports the engine)

    found = examine(Settings.from_environment())
    status = int(any(each.is_broken for each in found))
    if args.json:
        return Text(json.dumps([each.to_json() for each in found], indent=2), status)
    rows = [(each.name, each.status, f"{each.why} {each.advice}".strip()) for each in found]
    worse = sum(each.status != OK for each in found)
    note = "All is well." if not worse else f"{worse} of {len(found)} are limited or not there."
    if status:
        note += " Something is broken that nothing works without."
    return Table(("WHAT", "IS", "WHY, AND WHAT TO DO"), rows, note, status)
