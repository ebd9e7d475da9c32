"""Lines of streams as events: one stream page by page, or several merged by time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyter_ml.aws.cloudwatch_logs.streams import Call, Stream

Json = dict[str, Any]
MOST_EVENTS = 10_000
MOST_BYTES = 1 << 20
# CloudWatch Logs counts so much more than its text for each event.
_EVENT_BYTES = 26
_BEYOND = 1 << 62
_PIECE = 1000


class Place(NamedTuple):
    """Where an event is among those of several streams."""

    time_ms: int
    stream: str
    offset: int


class Found(NamedTuple):
    """An event of a stream."""

    place: Place
    text: str


def page_of(call: Call, stream: Stream, request: Json) -> Json:
    """Return what GetLogEvents answers for a stream.

    Raises
    ------
    ValidationException
        The token is not one that was given out.
    """
    more = {**_span(request), "MaxLines": request.get("limit", MOST_EVENTS)}
    token = request.get("nextToken")
    if token is not None:
        direction, offset = _position(token)
        more["From" if direction == "f" else "Before"] = offset
    elif request.get("startFromHead", False):
        more["From"] = 0
    else:
        more["Before"] = _BEYOND
    page = call("GetLogLines", {**stream.log, **more})
    return {
        "events": [event(line["Time"], line["Text"]) for line in page["Lines"]],
        "nextForwardToken": f"f/{page['End']:020}",
        "nextBackwardToken": f"b/{page['Begin']:020}",
    }


def merged(
    call: Call, streams: Iterable[Stream], request: Json, matches: Callable[[str], bool]
) -> tuple[list[Found], str | None]:
    """Return the events of several streams that match, by time, and where to go on.

    Raises
    ------
    ValidationException
        The token is not one that was given out.
    """
    after = _place(request["nextToken"]) if "nextToken" in request else None
    if after is not None:
        request = {**request, "startTime": max(after.time_ms, request.get("startTime", 0))}
    found: list[Found] = []
    taken = 0
    within = (_events(call, stream, request) for stream in streams if _has_any(stream, request))
    for each in heapq.merge(*within):
        if (after is not None and each.place <= after) or not matches(each.text):
            continue
        taken += len(each.text.encode()) + _EVENT_BYTES
        if len(found) == request.get("limit", MOST_EVENTS) or (taken > MOST_BYTES and found):
            last = found[-1].place
            return found, f"{last.time_ms}:{last.offset}:{last.stream}"
        found.append(each)
    return found, None


def event(time: float, text: str) -> Json:
    """Return a line as an event; it is there from the moment that it was written."""
    return {"timestamp": milliseconds(time), "message": text, "ingestionTime": milliseconds(time)}


def milliseconds(time: float) -> int:
    """Return a time in seconds as CloudWatch Logs has it."""
    return round(time * 1000)


def _has_any(stream: Stream, request: Json) -> bool:
    """Return whether a stream may have events of the time that is asked for."""
    if stream.first is None or stream.last is None:
        return True
    is_over = milliseconds(stream.last) < request.get("startTime", 0)
    return not is_over and milliseconds(stream.first) < request.get("endTime", _BEYOND)


def _events(call: Call, stream: Stream, request: Json) -> Iterator[Found]:
    offset = 0
    while True:
        more = {**_span(request), "From": offset, "MaxLines": _PIECE}
        page = call("GetLogLines", {**stream.log, **more})
        for line in page["Lines"]:
            place = Place(milliseconds(line["Time"]), stream.name, line["Offset"])
            yield Found(place, line["Text"])
        if not page["Lines"] or page["End"] == offset:
            return
        offset = page["End"]


def _span(request: Json) -> Json:
    members = {"StartTime": "startTime", "EndTime": "endTime"}
    return {ours: request[theirs] / 1000 for ours, theirs in members.items() if theirs in request}


def _position(token: str) -> tuple[str, int]:
    direction, _, offset = token.partition("/")
    if direction not in {"f", "b"} or not offset.isdecimal() or int(offset) > _BEYOND:
        raise ValidationException(f"nextToken {token!r} is not one that was given out here.")
    return direction, int(offset)


def _place(token: str) -> Place:
    try:
        time_ms, offset, stream = token.split(":", 2)
        return Place(int(time_ms), stream, int(offset))
    except ValueError:
        msg = f"nextToken {token!r} is not one that was given out here."
        raise ValidationException(msg) from None
