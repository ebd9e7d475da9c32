"""Look after all work once: collect what ended, start what fits, fire what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``tick``, which has none."""
    del parser


def run(client: Client, args: argparse.Namespace) -> Text:
    """Attend to the workspace; return what is under way now."""
    del args
    client.attend()
    state = client.call("GetWorkspace", {})
    return Text(f"{state['Running']} running · {state['Queued']} queued")
