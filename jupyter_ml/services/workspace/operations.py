"""What the workspace is and does, and the logs of its work."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml import __version__
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.backup import write_backup
from jupyter_ml.core.operations import reader, sweeper
from jupyter_ml.engine.machine import available_memory_mb
from jupyter_ml.services.workspace import disk

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]
MOST_BYTES = 1 << 18
_END = ":end"
# A character of UTF-8 has at most this many bytes.
_LONGEST_CHARACTER = 4


@reader
def get_last_number(ctx: Context, request: Json) -> Json:
    """Answer the highest number that a name of some kind of resource has."""
    kind = request["ResourceType"]
    if kind not in ctx.runtime.registry.resources:
        known = ", ".join(sorted(ctx.runtime.registry.resources))
        raise ValidationException(f"There is no kind of resource {kind!r}; there are {known}.")
    return {"Number": ctx.table.last_number(kind, request["BaseName"])}


@reader
def get_workspace(ctx: Context, request: Json) -> Json:
    """Answer what the workspace, the machine and the limits are, and what is running."""
    del request
    machine = ctx.runtime.engine.machine
    offered = ctx.runtime.engine.capabilities()
    live = ctx.live_attempts()
    jobs = [attempt for attempt in live if attempt.kind != "Endpoint"]
    return {
        "Workspace": str(ctx.workspace.root),
        "Store": ctx.workspace.store.database.place,
        "Host": ctx.settings.host,
        "AccountId": ctx.settings.account_id,
        "Region": ctx.settings.region,
        "Version": __version__,
        "Python": platform.python_version(),
        "Cpus": machine.cpus,
        "MemoryMb": machine.memory_mb,
        "MemoryAvailableMb": available_memory_mb(),
        "Gpus": [{"Name": gpu.name, "MemoryMb": gpu.memory_mb} for gpu in machine.gpus],
        "DiskFreeBytes": shutil.disk_usage(ctx.workspace.root).free,
        "Running": sum(attempt.state != QUEUED for attempt in jobs),
        "Queued": sum(attempt.state == QUEUED for attempt in jobs),
        "Endpoints": len(ctx.rows("Endpoint")),
        "Limits": {"Memory": offered.memory, "Cpu": offered.cpu},
        "SurvivesServerStop": offered.survives_server_stop,
        "Zygotes": [
            {
                "Interpreter": zygote.interpreter,
                "State": zygote.state,
                "Packages": list(zygote.packages),
                "MemoryMb": zygote.memory_mb,
                "Served": zygote.served,
                "Until": zygote.until,
            }
            for zygote in ctx.runtime.engine.zygotes()
        ],
    }


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


@reader
def get_disk_usage(ctx: Context, request: Json) -> Json:
    """Answer what takes the space of the workspace."""
    del request
    return disk.usage(ctx)


@sweeper
def collect_garbage(ctx: Context, request: Json) -> Json:
    """Remove what has been kept long enough; the store is only read, files go."""
    days = request.get("OlderThanDays", ctx.settings.retention_days)
    return disk.collect(ctx, dry_run=request.get("DryRun", False), older_than_days=days)


@sweeper
def back_up_workspace(ctx: Context, request: Json) -> Json:
    """Write a backup of the workspace, from one snapshot, while everything goes on."""
    path = Path(request["Path"])
    contents = write_backup(
        ctx.connection, ctx.settings, path, ctx.now(), files=request.get("Files", False)
    )
    answer: Json = {
        "Path": str(path),
        "Bytes": path.stat().st_size,
        "Resources": contents.rows["rows"],
        "Events": contents.rows["events"],
        "Files": contents.files,
        "FileBytes": contents.bytes,
    }
    if contents.broken is not None:
        answer["BrokenEvent"] = contents.broken
    return answer
