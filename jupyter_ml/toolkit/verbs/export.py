"""Export runs to MLflow, or to TensorBoard's event files.

Exporting again brings what is there up to date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs.names import find, names_of
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

_KINDS = ("TrainingJob", "TrialComponent")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``export``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="training jobs or runs")
    parser.add_argument("--mlflow", metavar="URI", help="http://..., sqlite:///mlflow.db, ...")
    parser.add_argument("--experiment", metavar="NAME", help="in MLflow; default: the runs' name")
    parser.add_argument("--model", action="store_true", help="with the model's archive, to MLflow")
    parser.add_argument("--tensorboard", metavar="DIR", help="what TensorBoard is started with")


def run(client: Client, args: argparse.Namespace) -> Text:
    """Export; return where each run is now."""
    from jupyter_ml.contract.errors import UsageError  # noqa: PLC0415
    from jupyter_ml.toolkit.exports import to_mlflow, to_tensorboard  # noqa: PLC0415

    if not (args.mlflow or args.tensorboard):
        msg = f"Say where to: {args.prog} export {args.runs[0]} --mlflow URI or --tensorboard DIR."
        raise UsageError(msg)
    if not args.mlflow and (args.model or args.experiment):
        msg = "--model and --experiment are about MLflow; name it with --mlflow URI."
        raise UsageError(msg)
    lines = []
    for word in args.runs:
        name = find(client, word, _KINDS)[1]
        if args.mlflow:
            there = to_mlflow(client, name, args.mlflow, args.experiment, model=args.model)
            lines.append(f"{name}: run {there.info.run_id} in MLflow, {args.mlflow}")
        if args.tensorboard:
            lines.append(f"{name}: {to_tensorboard(client, name, args.tensorboard)}")
    return Text("\n".join(lines))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs and runs that are not named yet."""
    return [name for name in names_of(client, _KINDS) if name not in typed]
