"""Serve the model of a training job at an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.names import find, names_of

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``deploy``."""
    parser.add_argument("job", metavar="JOB", help="a job, or the name of the newest of its kind")
    parser.add_argument("-n", "--name", help="of the endpoint; the job's without its number")
    parser.add_argument("--instance-type", default="ml.local", metavar="TYPE", help="ml.m5.large")
    parser.add_argument("--instance-count", type=int, default=1, metavar="N", help="instances")
    parser.add_argument(
        "--no-compile", action="store_true", help="serve the model itself, never a compiled one"
    )
    parser.add_argument("--no-wait", action="store_true", help="return before it is in service")


def run(client: Client, args: argparse.Namespace) -> object:
    """Deploy; return the endpoint."""
    from jupyter_ml.toolkit.jobs import TrainingJob  # noqa: PLC0415  (loaded when used)

    _, name = find(client, args.job, ("TrainingJob",))
    return TrainingJob(name, client).deploy(
        args.name,
        instance_type=args.instance_type,
        instance_count=args.instance_count,
        compile=not args.no_compile,
        wait=not args.no_wait,
    )


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs."""
    return [] if typed else names_of(client, ("TrainingJob",))
