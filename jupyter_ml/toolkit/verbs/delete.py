"""Delete endpoints, with their configuration and model, or ended jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ResourceNotFound, ValidationException
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
    lines = []
    for kind, name in [find(client, name, _KINDS) for name in args.names]:
        if kind == "Endpoint":
            gone = _delete_endpoint(client, name, keep_model=args.keep_model)
        else:
            client.call("DeleteTrainingJob", {"TrainingJobName": name})
            gone = [f"job {name}"]
        lines.append(f"Deleted {', '.join(gone)}.")
    return Text("\n".join(lines))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of endpoints and jobs."""
    return [name for name in names_of(client, _KINDS) if name not in typed]


def _delete_endpoint(client: Client, name: str, *, keep_model: bool) -> list[str]:
    endpoint = client.call("DescribeEndpoint", {"EndpointName": name})
    config = {"EndpointConfigName": endpoint["EndpointConfigName"]}
    models: list[str] = []
    if not keep_model:
        variants = client.call("DescribeEndpointConfig", config)["ProductionVariants"]
        models = [variant["ModelName"] for variant in variants]
    client.call("DeleteEndpoint", {"EndpointName": name})
    gone = [f"endpoint {name}"]
    if keep_model:
        return gone
    wanted = [("EndpointConfig", config["EndpointConfigName"])]
    wanted += [("Model", model) for model in models]
    for kind, key in wanted:
        try:
            client.call(f"Delete{kind}", {f"{kind}Name": key})
        except (ResourceNotFound, ValidationException):
            continue  # somebody deleted it already
        gone.append(f"{'configuration' if kind == 'EndpointConfig' else 'model'} {key}")
    return gone
