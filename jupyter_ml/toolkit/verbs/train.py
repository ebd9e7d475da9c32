"""Run a cell, a script or a built-in algorithm as a training job.

Over a cell, the variables that it uses and the kernel has go along by themselves:

    %%ml train --name cancer -o model
    model = GradientBoostingClassifier(max_depth=depth).fit(X, y)
    ml.log(auc=roc_auc_score(...))
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

TAKES_CELL = True
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``train``."""
    parser.add_argument("script", nargs="?", help="a .py or .sh file, where there is no cell")
    parser.add_argument("-n", "--name", help="jobs of one name are numbered: cancer-1, cancer-2")
    parser.add_argument(
        "-i", "--inputs", type=_names, metavar="A,B", help="send only these variables"
    )
    parser.add_argument(
        "-o", "--outputs", type=_names, default=[], metavar="A,B", help="variables to bring back"
    )
    parser.add_argument("--algorithm", metavar="NAME", help="xgboost or linear-learner")
    parser.add_argument("--source-dir", metavar="FOLDER", help="goes along with the script")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="data for a script: a path or an s3:// location; may be repeated",
    )
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a hyperparameter of a script or an algorithm; may be repeated",
    )
    parser.add_argument("--instance-type", default="ml.local", metavar="TYPE", help="ml.m5.large")
    parser.add_argument(
        "--instance-count", type=_count, default=1, metavar="N", help="members of the job"
    )
    parser.add_argument(
        "--max-runtime",
        type=_seconds,
        default=86_400,
        metavar="TIME",
        help="90, 30m, 2h; stop then",
    )
    parser.add_argument(
        "--isolated", action="store_true", help="keep the network away from the job"
    )
    parser.add_argument("--wait", action="store_true", help="return when the job has ended")
    parser.add_argument("--dry-run", action="store_true", help="only show the request")


def run(client: Client, args: argparse.Namespace) -> object:
    """Submit; return the job, or the request of a dry run."""
    from jupyter_ml.toolkit.submission import Sizing  # noqa: PLC0415  (loaded when used)

    sizing = Sizing(args.instance_type, args.instance_count, args.max_runtime, args.isolated)
    if args.cell is None:
        return _run_script(client, args, sizing)
    if args.script:
        msg = f"Over a cell, train takes no script: what is {args.script!r}? Quote what has spaces."
        raise UsageError(msg)
    if args.algorithm or args.channel or args.parameter or args.source_dir:
        msg = "Over a cell, train takes no algorithm, channel, parameter or source folder."
        raise UsageError(msg)
    return _run_cell(client, args, sizing)


def _run_cell(client: Client, args: argparse.Namespace, sizing: Any) -> object:
    from jupyter_ml.toolkit.jobs import TrainingJob  # noqa: PLC0415  (loaded when used)
    from jupyter_ml.toolkit.naming import checked  # noqa: PLC0415
    from jupyter_ml.toolkit.submission import CellPlan, submit_cell  # noqa: PLC0415

    plan = CellPlan(args.cell, args.shell.user_ns, args.inputs, args.outputs, _hidden(args.shell))
    sent = submit_cell(client, checked(args.name or "job"), plan, sizing, dry_run=args.dry_run)
    if args.dry_run:
        return Text("\n".join([json.dumps(sent.request, indent=2), *sent.remarks()]))
    job = TrainingJob(sent.name, client)
    for remark in sent.remarks():
        print(remark)  # noqa: T201  (beside the job's own output)
    job.announce(sent.headline())
    if args.wait:
        job.wait()
    return None


def _run_script(client: Client, args: argparse.Namespace, sizing: Any) -> object:
    from jupyter_ml.toolkit.training import prepare  # noqa: PLC0415  (loaded when used)

    if not (args.script or args.algorithm):
        msg = "Name a script (train train.py), an algorithm, or write %%ml train over a cell."
        raise UsageError(msg)
    if args.inputs is not None or args.outputs:
        msg = "-i and -o name variables of a cell; a script gets --channel NAME=PATH."
        raise UsageError(msg)
    prepared = prepare(
        args.script,
        algorithm=args.algorithm,
        name=args.name,
        source_dir=args.source_dir,
        inputs=dict(map(_pair, args.channel)),
        hyperparameters=dict(map(_pair, args.parameter)),
        sizing=sizing,
    )
    if args.dry_run:
        return Text(json.dumps(prepared.request, indent=2))
    job = replace(prepared, client=client).start()  # on record as what this surface did
    if args.wait:
        job.wait()
    return None


def _hidden(shell: Any) -> frozenset[str]:
    """Return the names that IPython itself put into the namespace."""
    ours, theirs = shell.user_ns_hidden, shell.user_ns
    return frozenset(name for name in ours if name in theirs and theirs[name] is ours[name])


def _names(text: str) -> list[str]:
    return [name for name in re.split(r"[,\s]+", text) if name]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        msg = f"{text!r} is no number of instances; write 1 or more."
        raise UsageError(msg)
    return int(text)


def _seconds(text: str) -> int:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        msg = f"{text!r} is no time span; write seconds, or 30m, 2h, 1d."
        raise UsageError(msg)
    return max(1, round(float(match[1]) * _SECONDS[match[2]]))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        msg = f"{text!r} should read NAME=VALUE."
        raise UsageError(msg)
    return name, value
