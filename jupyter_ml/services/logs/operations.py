"""Listing logs and reading them by lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ResourceNotFound
from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.listing import epoch
from jupyter_ml.core.operations import reader
from jupyter_ml.core.store.tables import rows
from jupyter_ml.services.logs.lines import MOST_LINES, Lines, Page, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context

Json = dict[str, Any]
DEFAULT_PAGE = 100


@reader
def list_log_streams(ctx: Context, request: Json) -> Json:
    """Answer the logs that there are, in the order of the names."""
    conditions = [rows.c.kind == request["ResourceType"]]
    if "ResourceName" in request:
        conditions.append(rows.c.key == request["ResourceName"])
    if "NamePrefix" in request:
        conditions.append(rows.c.key.startswith(request["NamePrefix"], autoescape=True))
    if "NextToken" in request:
        conditions.append(rows.c.key > request["NextToken"])
    size = request.get("MaxResults", DEFAULT_PAGE)
    found = ctx.select(*conditions, order=[rows.c.key], limit=size + 1)
    streams = [
        stream
        for row in found[:size]
        for attempt in ctx.attempts(row)
        for stream in _streams(ctx, attempt)
    ]
    answer: Json = {"Streams": streams}
    if len(found) > size:
        answer["NextToken"] = found[size - 1].key
    return answer


@reader
def get_log_lines(ctx: Context, request: Json) -> Json:
    """Answer lines of one log."""
    kind, name, number = request["ResourceType"], request["ResourceName"], request["Attempt"]
    attempts = [one for one in ctx.attempts(ctx.get(kind, name)) if one.number == number]
    if not attempts:
        raise ResourceNotFound(f"{kind} {name!r} has no attempt {number}.")
    attempt = attempts[0]
    span = Span(
        since=epoch(request["StartTime"]) if "StartTime" in request else None,
        until=epoch(request["EndTime"]) if "EndTime" in request else None,
        most=request.get("MaxLines", MOST_LINES),
    )
    page = _page(ctx, attempt, request, span)
    return {
        "Lines": [
            {"Offset": line.offset, "Time": line.time, "Text": line.text} for line in page.lines
        ],
        "Begin": page.begin,
        "End": page.end,
        "Ended": not attempt.is_live and page.at_end,
    }


def _page(ctx: Context, attempt: Attempt, request: Json, span: Span) -> Page:
    lines = Lines(
        engine=ctx.runtime.engine,
        ref=ctx.ref(attempt),
        member=request.get("Member", 0),
        began=attempt.started_at or attempt.queued_at,
        grows=attempt.is_live,
    )
    if "Before" in request:
        return lines.before(request["Before"], span)
    return lines.since(request.get("From", 0), span)


def _streams(ctx: Context, attempt: Attempt) -> Iterator[Json]:
    if attempt.state == QUEUED:
        return
    engine, ref = ctx.runtime.engine, ctx.ref(attempt)
    for member in range(attempt.work.get("members", 1)):
        written = engine.logs(ref, member, 0, 1).end
        if not written:
            continue
        stream: Json = {
            "ResourceName": attempt.key,
            "Attempt": attempt.number,
            "Member": member,
            "CreationTime": attempt.queued_at,
            "Bytes": written,
        }
        if marks := engine.marks(ref, member):
            stream |= {"FirstTime": marks[0].time, "LastTime": marks[-1].time}
        yield stream
