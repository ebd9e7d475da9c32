"""List jobs, endpoints, models or runs, newest first."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.display import words
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
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="default: 50")


def run(client: Client, args: argparse.Namespace) -> Table:
    """Return a table."""
    if not 1 <= args.limit <= 1000:
        msg = f"--limit takes 1 to 1000, not {args.limit}."
        raise UsageError(msg)
    if args.status and args.what != "jobs":
        msg = "--status is for jobs."
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
    found = paginate(client, "ListTrialComponents", dict(_NEWEST), "TrialComponentSummaries")
    named = (run for run in found if (args.name or "") in _run_name(run))
    rows = [
        (
            _run_name(run),
            run.get("Status", {}).get("PrimaryStatus", ""),
            _age(run["CreationTime"]),
        )
        for run in islice(named, args.limit)
    ]
    return Table(("RUN", "STATUS", "CREATED"), rows, "" if rows else "No runs.")


def _run_name(run: Json) -> str:
    """Return the name by which a run is compared: that of its job where it has one."""
    source = run.get("TrialComponentSource", {})
    if source.get("SourceType") == "SageMakerTrainingJob":
        return str(source["SourceArn"]).rpartition("/")[2]
    return str(run["TrialComponentName"])


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
