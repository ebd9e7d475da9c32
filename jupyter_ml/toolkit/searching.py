"""Finding runs: `ml.runs("metrics.auc > 0.8")`, and what `list runs` shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.arguments import require_text, require_whole
from jupyter_ml.toolkit.filters import Filter, parse_filter, parse_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from jupyter_ml.client import Client

Json = dict[str, Any]
_PAGE = 100
_HIDDEN = "SageMaker."


@dataclass(frozen=True)
class FoundRun:
    """A run that was found; `created` in epoch seconds.

    Attributes
    ----------
    name
        That of its job where it has one.
    facts
        Its metrics, parameters and tags: `metrics.auc`, `params.depth`, `tags.team`.
    """

    name: str
    status: str
    created: float
    facts: Mapping[str, str | float]


def runs(
    filter: str | None = None,  # noqa: A002  (as in every tool that has it)
    *,
    order_by: str | None = None,
    limit: int = 100,
) -> pd.DataFrame:
    """Find runs by what they were given and what they reached.

    Parameters
    ----------
    filter
        Such as `metrics.auc > 0.8 and params.depth = 3`, in MLflow's language: `metrics.NAME`,
        `params.NAME`, `tags.NAME`, and the attributes `name`, `status`, `start_time`, `end_time`,
        `created`, `user`, `experiment` and `trial`; compared by = != > >= < <=, `like '%text%'`,
        `in ('a', 'b')`, `is null`; joined by `and`, `or` and parentheses.
    order_by
        Such as `metrics.auc desc`; by default the newest first.
    limit
        How many runs at most.

    Returns
    -------
    DataFrame
        One row per run, under its name; `status`, `created`, and a column for each metric,
        parameter and tag that any of them has.

    Raises
    ------
    UsageError
        The filter or the order cannot be read; says where, and what it resembles.
    """
    import pandas as pd  # noqa: PLC0415  (slow; only for those who ask for a frame)

    if filter is not None:
        require_text(filter, "A filter", "ml.runs('metrics.auc > 0.8')")
    if order_by is not None:
        require_text(order_by, "An order", "ml.runs(order_by='metrics.auc desc')")
    require_whole(limit, "limit", "ml.runs(limit=10)")
    if limit < 1:
        msg = f"limit is a number of runs, 1 or more, not {limit}."
        raise UsageError(msg)
    wanted = parse_filter(filter) if filter else Filter({}, ())
    found = [*found_runs(session.client(), wanted, order_by, limit)]
    values = sorted({column for run in found for column in run.facts}, key=_column_order)
    frame = pd.DataFrame(
        [run.facts for run in found],
        index=pd.Index([run.name for run in found], name="run"),
        columns=values,
    )
    frame.insert(0, "status", [run.status for run in found])
    created = pd.to_datetime([run.created for run in found], unit="s", utc=True)
    frame.insert(1, "created", created)
    return frame


def found_runs(
    client: Client,
    wanted: Filter,
    order_by: str | None,
    limit: int,
    *,
    contains: str | None = None,
) -> Iterator[FoundRun]:
    """Yield the runs that fulfil a filter, newest first unless ordered otherwise.

    Parameters
    ----------
    client
        Of the workspace.
    wanted
        What they fulfil; an empty expression is fulfilled by all.
    order_by
        Such as `metrics.auc desc`.
    limit
        How many at most.
    contains
        Only those whose name contains this.

    Raises
    ------
    UsageError
        The order cannot be read.
    """
    by, order = parse_order(order_by) if order_by else ("CreationTime", "Descending")
    request: Json = {
        "Resource": "ExperimentTrialComponent",
        "SortBy": by,
        "SortOrder": order,
        "MaxResults": min(limit, _PAGE),
    }
    parts = [wanted.expression] if wanted.expression else []
    if contains:
        name = {"Name": "RunName", "Operator": "Contains", "Value": contains}
        parts.append({"Filters": [name]})
    if parts:
        request["SearchExpression"] = {"SubExpressions": parts}
    for record in islice(paginate(client, "Search", request, "Results"), limit):
        yield _found(record["TrialComponent"])


def _found(record: Json) -> FoundRun:
    metrics = {one["MetricName"]: one.get("Last") for one in record.get("Metrics", ())}
    parameters = {
        name: next(iter(value.values()))
        for name, value in record.get("Parameters", {}).items()
        if not name.startswith(_HIDDEN)
    }
    tags = {tag["Key"]: tag["Value"] for tag in record.get("Tags", ())}
    parts = {"metrics": metrics, "params": parameters, "tags": tags}
    return FoundRun(
        record["RunName"],
        record.get("Status", {}).get("PrimaryStatus", ""),
        record["CreationTime"],
        {
            f"{prefix}.{name}": float(value) if isinstance(value, int) else value
            for prefix, values in parts.items()
            for name, value in values.items()
            if value is not None
        },
    )


def _column_order(column: str) -> tuple[int, str]:
    prefixes = ("metrics", "params", "tags")
    return prefixes.index(column.partition(".")[0]), column
