"""What the workspace is and does."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml import __version__
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.attempts import LIVE, QUEUED
from jupyter_ml.core.backup.backup import write_backup
from jupyter_ml.core.events.events import EventLog
from jupyter_ml.core.operations import reader, sweeper
from jupyter_ml.engine.machine import available_memory_mb
from jupyter_ml.services.workspace import disk

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]


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
def get_workspace_counts(ctx: Context, request: Json) -> Json:
    """Answer how many there are of each kind and status; cheap enough to be asked all the time."""
    del request
    states = Counter(attempt.state for attempt in ctx.live_attempts())
    return {
        "Resources": [
            {"ResourceType": kind, **({} if status is None else {"Status": status}), "Count": count}
            for kind, status, count in ctx.table.tally()
        ],
        "Attempts": [{"State": state, "Count": states[state]} for state in LIVE],
        "Events": EventLog(ctx.connection).last(),
        "DiskFreeBytes": shutil.disk_usage(ctx.workspace.root).free,
        "DiskFloorBytes": ctx.settings.free_floor_mb << 20,
    }


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
