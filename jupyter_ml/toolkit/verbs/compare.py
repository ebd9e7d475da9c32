"""Compare training jobs or runs: parameters that differ, metrics, the diff of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.names import names_of

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``compare``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="two or more jobs or runs")


def run(client: Client, args: argparse.Namespace) -> object:
    """Compare; return the comparison."""
    from jupyter_ml.contract.errors import UsageError  # noqa: PLC0415
    from jupyter_ml.toolkit.experiments import compared  # noqa: PLC0415  (loaded when used)

    if len(args.runs) < 2:
        msg = f"Name at least two runs: {args.prog} compare {args.runs[0]} OTHER."
        raise UsageError(msg)
    return compared(args.runs, client)


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs that are not named yet."""
    return [name for name in names_of(client, ("TrainingJob",)) if name not in typed]
