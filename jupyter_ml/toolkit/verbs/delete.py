"""Delete endpoints, with their configuration and model, or ended jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.endpoints import Endpoint
from jupyter_ml.toolkit.verbs.names import find, names_of
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

_KINDS = ("Endpoint", "TrainingJob")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``delete``."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="of an endpoint or a job")
    parser.add_argument(
        "--keep-model", action="store_true", help="keep an endpoint's configuration and model"
    )


def run(client: Client, args: argparse.Namespace) -> Text:
    """Delete, all or none of the names being known; return what went."""
    found = [find(client, name, _KINDS) for name in args.names]
    for kind, name in found:
        if kind == "Endpoint" and not args.keep_model:
            Endpoint(name, client).delete()
        else:
            client.call(f"Delete{kind}", {f"{kind}Name": name})
    return Text("\n".join(f"Deleted {name}." for _, name in found))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of endpoints and jobs."""
    return [name for name in names_of(client, _KINDS) if name not in typed]
