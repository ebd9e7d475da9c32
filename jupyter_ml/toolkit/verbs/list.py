"""List jobs, endpoints, models or runs, newest first."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.filters import Filter, parse_filter
from jupyter_ml.toolkit.searching import found_runs
from jupyter_ml.toolkit.verbs.output import Table

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

Json = dict[str, Any]
WHAT = ("jobs", "endpoints", "models", "runs")
_STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
_NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``list``."""
    parser.add_argument("what", nargs="?", choices=WHAT, default="jobs", help="default: jobs")
    parser.add_argument("--name", metavar="TEXT", help="only names that contain this")
    parser.add_argument("--status", choices=_STATUSES, help="only jobs in this status")
    parser.add_argument(
        "--filter",
        metavar="TEXT",
        help="only runs that fulfil this, such as 'metrics.auc > 0.8 and params.depth = 3'",
    )
    parser.add_argument(
        "--sort", metavar="NAME", help="runs in this order, such as 'metrics.auc desc'"
    )
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="default: 50")


def run(client: Client, args: argparse.Namespace) -> Table:
    """Return a table."""
    if not 1 <= args.limit <= 1000:
        msg = f"--limit takes 1 to 1000, not {args.limit}."
        raise UsageError(msg)
    if args.status and args.what != "jobs":
        msg = "--status is for jobs."
        raise UsageError(msg)
    if (args.filter or args.sort) and args.what != "runs":
        msg = f"--filter and --sort are for runs: {args.prog} list runs --filter TEXT"
        raise UsageError(msg)
    return {"jobs": _jobs, "endpoints": _endpoints, "models": _models, "runs": _runs}[args.what](
        client, args
    )


def _jobs(client: Client, args: argparse.Namespace) -> Table:
    request: Json = {"MaxResults": args.limit}
    if args.name:
        request["NameContains"] = args.name
    if args.status:
        request["StatusEquals"] = args.status
    cards = client.call("WatchTrainingJobs", request)["Jobs"]
    rows = [
        (
            card["TrainingJobName"],
            card["TrainingJobStatus"],
            _objective(card.get("Objective")),
            _took(card),
            _age(card["CreationTime"]),
        )
        for card in cards
    ]
    return Table(
        ("JOB", "STATUS", "OBJECTIVE", "TOOK", "CREATED"),
        rows,
        "" if rows else "No jobs. A cell under %%ml train makes one.",
    )


def _endpoints(client: Client, args: argparse.Namespace) -> Table:
    cards = [
        card
        for card in client.call("WatchEndpoints", {})["Endpoints"]
        if (args.name or "") in card["EndpointName"]
    ][: args.limit]
    rows = [
        (
            card["EndpointName"],
            card["EndpointStatus"],
            card.get("ModelName", ""),
            str(card["Requests"]),
            _age(card["CreationTime"]),
        )
        for card in cards
    ]
    return Table(
        ("ENDPOINT", "STATUS", "MODEL", "REQUESTS", "CREATED"),
        rows,
        "" if rows else "No endpoints. `deploy JOB` makes one.",
    )


def _models(client: Client, args: argparse.Namespace) -> Table:
    request = {**_NEWEST, **({"NameContains": args.name} if args.name else {})}
    models = islice(paginate(client, "ListModels", request, "Models"), args.limit)
    rows = [(model["ModelName"], _age(model["CreationTime"])) for model in models]
    return Table(("MODEL", "CREATED"), rows, "" if rows else "No models.")


def _runs(client: Client, args: argparse.Namespace) -> Table:
    filtered = parse_filter(args.filter) if args.filter else Filter({}, ())
    found = found_runs(client, filtered, args.sort, args.limit, contains=args.name)
    rows = [
        (
            run.name,
            run.status,
            *(_value(run.facts.get(column)) for column in filtered.columns),
            _age(run.created),
        )
        for run in found
    ]
    columns = ("RUN", "STATUS", *filtered.columns, "CREATED")
    nothing = "No runs fulfil the filter." if args.filter else "No runs."
    return Table(columns, rows, "" if rows else nothing)


def _value(value: str | float | None) -> str:
    return words.number(value) if isinstance(value, float) else str(value or "")


def _objective(objective: Json | None) -> str:
    if objective is None:
        return ""
    change = f" ({words.signed(objective['Delta'])})" if "Delta" in objective else ""
    return f"{objective['Name']} {words.number(objective['Value'])}{change}"


def _took(card: Json) -> str:
    if "TrainingStartTime" not in card:
        return ""
    return words.duration(card.get("TrainingEndTime", time.time()) - card["TrainingStartTime"])


def _age(created: float) -> str:
    return f"{words.duration(max(0.0, time.time() - created))} ago"
