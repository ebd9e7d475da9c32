"""Print the variables that make boto3 talk to the running Jupyter server.

Use it as ``eval "$(jupyter ml env)"``. The services of SageMaker and S3 go to the server; the
other services of AWS are left as they are.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

NEEDS_CLIENT = False
SERVICES = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``env``."""
    parser.add_argument("--server", metavar="URL", help="of several running servers, this one")


def run(client: Client, args: argparse.Namespace) -> Text:
    """Return lines for a POSIX shell."""
    del client
    server, credentials = _choose(args.server)
    gateway = f"{server.rstrip('/')}/jupyter-ml/aws"
    variables = {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_DEFAULT_REGION": credentials["Region"],
        **{f"AWS_ENDPOINT_URL_{service}": gateway for service in SERVICES},
        "AWS_ENDPOINT_URL_S3": f"{gateway}/s3",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return Text("\n".join(["unset AWS_SESSION_TOKEN", *lines]))


def _choose(wanted: str | None) -> tuple[str, dict[str, Any]]:
    """Return the address and the credentials of the one server that is meant."""
    from jupyter_ml.toolkit.servers import running_servers  # noqa: PLC0415  (imports the server)

    servers = running_servers()
    if wanted is not None:
        servers = [server for server in servers if server.url.rstrip("/") == wanted.rstrip("/")]
    if len(servers) > 1:
        addresses = ", ".join(server.url for server in servers)
        msg = f"Several servers run: {addresses}. Choose one with --server URL."
        raise UsageError(msg)
    if not servers:
        which = f"at {wanted} " if wanted else ""
        msg = (
            f"No Jupyter server with jupyter_ml is running {which}under your name. "
            "Start one with `jupyter lab` and run this again."
        )
        raise UsageError(msg)
    return servers[0].url, servers[0].credentials()
