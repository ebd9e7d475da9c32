"""Print the variables that make AWS clients talk to the running Jupyter server.

Use it as ``eval "$(jupyter ml env)"``. The services that the workspace has are answered there, and
all others are told that they are not: nothing is sent to AWS. In Python, `ml.use_boto3()` does the
same, and more for the SageMaker SDKs.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.gateway import UNSET, of_running_server
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

NEEDS_CLIENT = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``env``."""
    parser.add_argument("--server", metavar="URL", help="of several running servers, this one")


def run(client: Client, args: argparse.Namespace) -> Text:
    """Return lines for a POSIX shell."""
    del client
    variables = of_running_server(args.server).variables()
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return Text("\n".join([f"unset {' '.join(UNSET)}", *lines]))
