"""Looking events up, and walking the chain that holds them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.events import chain
from jupyter_ml.core.events.events import EventLog
from jupyter_ml.core.events.heads import Heads
from jupyter_ml.core.listing import epoch
from jupyter_ml.core.operations import reader
from jupyter_ml.services.audit import records

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]
DEFAULT_PAGE = 50
# What CloudTrail calls an attribute, and the column of the log.
_COLUMNS = {
    "ErrorCode": "error_code",
    "EventId": "event_id",
    "EventName": "name",
    "EventType": "type",
    "ResourceName": "key",
    "ResourceType": "kind",
    "Username": "principal",
}


@reader
def lookup_events(ctx: Context, request: Json) -> Json:
    """Answer the events that have all of the attributes, newest first by default."""
    wanted = [
        (_COLUMNS[attribute["AttributeKey"]], attribute["AttributeValue"])
        for attribute in request.get("LookupAttributes", ())
    ]
    size = request.get("MaxResults", DEFAULT_PAGE)
    found = EventLog(ctx.connection).lookup(
        wanted,
        since=epoch(request["StartTime"]) if "StartTime" in request else None,
        until=epoch(request["EndTime"]) if "EndTime" in request else None,
        beyond=_position(request.get("NextToken")),
        ascending=request.get("SortOrder") == "Ascending",
        limit=size + 1,
    )
    page = found[:size]
    answer: Json = {"Events": [records.summary(ctx, event) for event in page]}
    if len(found) > size:
        answer["NextToken"] = str(page[-1].seq)
    return answer


@reader
def get_event_log_head(ctx: Context, request: Json) -> Json:
    """Answer the number and the hash of the newest event, to be kept elsewhere."""
    del request
    head = chain.head(ctx.connection)
    return {} if head is None else {"SequenceNumber": head.seq, "Hash": head.hash}


@reader
def verify_event_log(ctx: Context, request: Json) -> Json:
    """Walk the chain; answer whether it is intact, and each place where it is not."""
    # Before the first look into the store, whose snapshot then has all of them.
    noted = Heads.of(ctx.workspace).all()
    given = [chain.Head(head.get("SequenceNumber", 0), head["Hash"]) for head in _heads(request)]
    found = chain.verify(ctx.connection, [*noted, *given])
    answer: Json = {
        "Valid": not found.flaws,
        "EventCount": found.events,
        "HeadCount": found.heads,
        "Flaws": [
            {
                "SequenceNumber": flaw.seq,
                "Kind": flaw.kind,
                "Expected": flaw.expected,
                "Found": flaw.found,
                "Message": flaw.message,
            }
            for flaw in found.flaws
        ],
        "FlawsLeftOut": found.more,
    }
    if found.head is not None:
        answer["Head"] = {"SequenceNumber": found.head.seq, "Hash": found.head.hash}
    return answer


def _heads(request: Json) -> list[Json]:
    heads: list[Json] = request.get("Heads", [])
    return heads


def _position(token: str | None) -> int | None:
    if token is None:
        return None
    # as many digits as a number of the store can have
    if not token.isascii() or not token.isdigit() or len(token) > 15:
        msg = f"NextToken {token!r} is not one that LookupEvents gave; start again without it."
        raise ValidationException(msg)
    return int(token)
