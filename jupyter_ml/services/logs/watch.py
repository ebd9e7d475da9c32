"""Following the log of the newest attempt, for the interface, the notebook and the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.operations import reader

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]
MOST_BYTES = 1 << 18
_END = ":end"
# A character of UTF-8 has at most this many bytes.
_LONGEST_CHARACTER = 4


@reader
def watch_log(ctx: Context, request: Json) -> Json:
    """Answer the next piece of the log of a resource's newest attempt.

    The cursor names the attempt, the position in its log and whether that was the end, which
    followers hear of because the cursor is another then: a new attempt resets the log.
    """
    row = ctx.get(request["ResourceType"], request["ResourceName"])
    attempts = [attempt for attempt in ctx.attempts(row) if attempt.state != QUEUED]
    number, offset = _position(request.get("Cursor"))
    is_first = "Cursor" not in request
    if not attempts:
        return _piece("", 0, 0, 0, reset=is_first or number != 0)
    newest = attempts[-1]
    if number != newest.number:
        offset = 0
    limit = request.get("MaxBytes", MOST_BYTES)
    chunk = ctx.runtime.engine.logs(ctx.ref(newest), request.get("Member", 0), offset, limit)
    data = chunk.data
    if newest.is_live or chunk.next_offset < chunk.end:
        data = data[: len(data) - _unfinished(data)]
    end = chunk.offset + len(data)
    ended = not newest.is_live and end >= chunk.end
    return {
        **_piece(
            data.decode("utf-8", "replace"),
            newest.number,
            end,
            chunk.first_line,
            reset=is_first or number != newest.number or chunk.offset != offset,
        ),
        "Cursor": f"{newest.number}:{end}{_END if ended else ''}",
        "Ended": ended,
        "DroppedBytes": chunk.dropped_bytes,
    }


def _piece(text: str, attempt: int, end: int, first_line: int, *, reset: bool) -> Json:
    return {
        "Cursor": f"{attempt}:{end}",
        "Reset": reset,
        "Ended": False,
        "FirstLine": first_line,
        "Text": text,
        "DroppedBytes": 0,
    }


def _position(cursor: str | None) -> tuple[int, int]:
    try:
        attempt, offset = (cursor or "0:0").removesuffix(_END).split(":")
        return int(attempt), int(offset)
    except ValueError:
        msg = f"Cursor {cursor!r} is not one that WatchLog gave; start again without it."
        raise ValidationException(msg) from None


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end begin a UTF-8 character that is not all there."""
    for back in range(1, min(_LONGEST_CHARACTER, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if needed > back else 0
        if byte < 0x80:
            return 0
    return 0
