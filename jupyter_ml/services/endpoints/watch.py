"""What the interface follows: all endpoints as cards, and one endpoint in full."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.operations import reader
from jupyter_ml.engine.admission import why_waits
from jupyter_ml.services.endpoints.generations import current, directory_of, summary_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
_SPARKLINE = 24  # intervals: two minutes
_ANSWERS = frozenset({"InService", "Updating"})


@reader
def watch_endpoints(ctx: Context, request: Json) -> Json:
    """Answer the cards of all endpoints, or of those that changed since the cursor."""
    cards = [card(ctx, row) for row in reversed(ctx.rows("Endpoint"))]
    digests = {item["EndpointName"]: _digest(item) for item in cards}
    seen = _cursor(request)
    return {
        "Cursor": json.dumps(digests),
        "Reset": seen is None,
        "Endpoints": [
            item
            for item in cards
            if seen is None or seen.get(item["EndpointName"]) != digests[item["EndpointName"]]
        ],
        "Removed": [name for name in seen or () if name not in digests],
    }


@reader
def watch_endpoint(ctx: Context, request: Json) -> Json:
    """Answer one endpoint in full, or the parts of it that changed since the cursor.

    Intervals are those from the last one that was answered on: that one may have grown.
    """
    row = ctx.get("Endpoint", request["EndpointName"])
    directory = directory_of(ctx, row)
    ready = _read(directory, "ready.json")
    parts: Json = {
        "Card": card(ctx, row),
        "Endpoint": ctx.resource("Endpoint").view(ctx, row),
        **(_from_ready(ready) if ready else {}),
    }
    intervals = _intervals(_read(directory, "metrics.json"))
    digests = {name: _digest(value) for name, value in parts.items()}
    digests["Intervals"] = _digest(intervals)
    seen = _cursor(request)
    since = (seen or {}).get("Since", 0.0)
    last = intervals[-1]["Time"] if intervals else 0.0
    answer: Json = {"Cursor": json.dumps({**digests, "Since": last}), "Reset": seen is None}
    seen = seen or {}
    answer |= {name: part for name, part in parts.items() if seen.get(name) != digests[name]}
    if seen.get("Intervals") != digests["Intervals"]:
        answer["Intervals"] = [item for item in intervals if item["Time"] >= since]
    return answer


def card(ctx: Context, row: Row) -> Json:
    """Return an endpoint in short; its figures are those that its process wrote last."""
    summary = summary_of(row, current(row))
    directory = directory_of(ctx, row)
    metrics = _read(directory, "metrics.json")
    address = _read(directory, "address.json") if row.status in _ANSWERS else {}
    workers = metrics.get("workers", {}) if row.status in _ANSWERS else {}
    content: Json = {
        "EndpointName": row.key,
        "EndpointArn": row.arn,
        "EndpointStatus": row.status,
        "CreationTime": row.created_at,
        "LastModifiedTime": row.modified_at,
        "StatusMessage": _waiting(ctx, row),
        "FailureReason": row.observed.get("FailureReason"),
        "Url": f"http://{address['host']}:{address['port']}/invocations" if address else None,
        "TokenFile": str(directory / "token") if directory and address else None,
        "ModelName": summary.get("model"),
        "Workers": {"Desired": summary.get("workers", 0), "Current": workers.get("current", 0)},
        "Network": "network namespace" if summary.get("isolated") else None,
        "Requests": metrics.get("requests", 0),
        "Errors4xx": metrics.get("errors_4xx", 0),
        "Errors5xx": metrics.get("errors_5xx", 0),
        **_recent(metrics, time.time()),
        "LatencyP50Ms": metrics.get("p50_ms"),
        "LatencyP99Ms": metrics.get("p99_ms"),
    }
    return {name: value for name, value in content.items() if value is not None}


def _waiting(ctx: Context, row: Row) -> str | None:
    """Return what a generation that is to start waits for, `None` where it waits for nothing."""
    live = ctx.live_attempts() if row.private.get("starting") is not None else []
    queued = [one for one in live if one.row_id == row.id and one.state == QUEUED]
    if not queued:
        return None
    return why_waits(queued[-1], live, ctx.runtime.engine.machine, ctx.settings.machine)


def _recent(metrics: Json, now: float) -> Json:
    """Return the requests of the last minute and of the last intervals, up to `now`."""
    width = metrics.get("interval_s", 5.0)
    by_time = {item["time"]: item["requests"] for item in metrics.get("intervals", ())}
    newest = now - now % width
    times = [newest - width * back for back in range(_SPARKLINE)]
    counts = [by_time.get(moment, 0) for moment in reversed(times)]
    per_minute = sum(counts[-int(60 / width) :])
    return {"RequestsPerMinute": per_minute, "Sparkline": counts if any(counts) else []}


def _intervals(metrics: Json) -> list[Json]:
    return [
        {
            "Time": item["time"],
            "Requests": item["requests"],
            "Errors": item["errors"],
            "P50Ms": item["p50_ms"],
            "P99Ms": item["p99_ms"],
        }
        for item in metrics.get("intervals", ())
    ]


def _from_ready(ready: Json) -> Json:
    test: Json = {"Milliseconds": ready["milliseconds"], "Message": ready["message"]}
    if ready["passed"] is not None:
        test["Passed"] = ready["passed"]
    schema: Json = {"ContentType": "application/json"}
    if ready.get("columns"):
        schema["Columns"] = [{"Name": name} for name in ready["columns"]]
    if ready.get("sample_request"):
        schema["SampleRequest"] = ready["sample_request"]
    parts = {"Schema": schema, "Checks": ready["checks"], "SelfTest": test}
    # A process that an earlier version of this package started says nothing of it.
    return {**parts, "Compilation": ready["compilation"]} if "compilation" in ready else parts


def _read(directory: Path | None, name: str) -> Json:
    if directory is None:
        return {}
    try:
        content: Json = json.loads((directory / name).read_text())
    except (OSError, ValueError):
        return {}
    return content


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _cursor(request: Json) -> Json | None:
    """Return what was answered last; one that cannot be read counts as none."""
    try:
        seen = json.loads(request["Cursor"])
    except (KeyError, ValueError):
        return None
    return seen if isinstance(seen, dict) else None
