"""What live views ask again and again: only what changed since their cursor is answered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.artifacts import size_of
from jupyter_ml.core.attempts import QUEUED
from jupyter_ml.core.events.events import EventLog
from jupyter_ml.core.metrics.metrics import tail
from jupyter_ml.core.operations import reader
from jupyter_ml.core.store.tables import rows
from jupyter_ml.engine.work import Work
from jupyter_ml.services.training.cards import card_of
from jupyter_ml.services.training.status import ENDED
from jupyter_ml.services.training.work import run_name

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
KIND = "TrainingJob"
_MOST_CARDS = 100
_NEWEST = (rows.c.created_at.desc(), rows.c.id.desc())
_MOST_POINTS = 2000
_LATELY_S = 30.0  # a transaction may commit so long after its time was taken


@reader
def watch_training_jobs(ctx: Context, request: Json) -> Json:
    """Answer the cards of jobs that are new or changed, and the names of those that are gone.

    A look with a cursor reads the jobs that are live, and those that were changed of late: it
    costs as much with ten thousand that have ended as with none.
    """
    known = _read(request.get("Cursor"))
    is_first = "live" not in known
    waiting = [one.id for one in ctx.live_attempts() if one.state == QUEUED and one.kind == KIND]
    found = [] if is_first else _changed(ctx, request, known)
    page, older = _page(ctx, request, known)
    found += [row for row in page if row not in found]
    seen = {} if is_first else {**known["lately"], **known["live"]}
    newest = max([known.get("changed", 0.0), *(row.modified_at for row in found)])
    jobs: list[Json] = []
    live, lately = {}, {}
    for row in found:
        mark = f"{row.created_at}/{row.revision}"
        if row.status in ENDED and seen.get(row.key) == mark:
            card = None
        else:
            card = card_of(ctx, row, waiting)
        if row.status in ENDED:
            if row.modified_at >= newest - _LATELY_S:
                lately[row.key] = mark
        else:
            mark = live[row.key] = _digest(card)
        if card is not None and seen.get(row.key) != mark:
            jobs.append(card)
    cursor = {
        "live": live,
        "lately": lately,
        "changed": newest,
        "id": max([known.get("id", 0), *(row.id for row in found)]),
        "deleted": EventLog(ctx.connection).last(),
        "older": older,
    }
    removed: list[str] = []
    if not is_first:
        removed, cursor["deleted"] = _removed(ctx, known, {row.key for row in found})
    return {
        "Cursor": _write(cursor),
        "Reset": is_first,
        "Jobs": jobs,
        "Removed": removed,
        "Counts": _counts(ctx, len(waiting)),
    }


@reader
def watch_training_job(ctx: Context, request: Json) -> Json:
    """Answer what changed of one job: its description, metrics, progress, use and failure."""
    row = ctx.get(KIND, request["TrainingJobName"])
    known = _read(request.get("Cursor"))
    if known.get("created") != row.created_at:
        known = {}
    attempts = ctx.attempts(row)
    newest = attempts[-1] if attempts else None
    points, metrics_cursor = _tail(ctx, row, known.get("metrics"))
    use, samples = _usage(ctx, newest, known.get("sampled", 0.0))
    parts = {**_parts(ctx, row), "Resources": use}
    digests = {name: _digest(part) for name, part in parts.items()}
    seen = known.get("digests", {})
    answer: Json = {
        name: part
        for name, part in parts.items()
        if part is not None and seen.get(name) != digests[name]
    }
    if points:
        answer["Series"] = points
    if use and (samples or "Resources" in answer):
        answer["Resources"] = {**use, "Samples": samples}
    cursor = {
        "created": row.created_at,
        "metrics": metrics_cursor,
        "sampled": samples[-1]["Time"] if samples else known.get("sampled", 0.0),
        "digests": digests,
    }
    ended = row.status in ENDED
    return {**answer, "Cursor": _write(cursor), "Reset": not known, "Ended": ended}


def _parts(ctx: Context, row: Row) -> Json:
    waiting = [one.id for one in ctx.live_attempts() if one.state == QUEUED and one.kind == KIND]
    card = card_of(ctx, row, waiting)
    return {
        "Card": card,
        "TrainingJob": ctx.call("DescribeTrainingJob", {"TrainingJobName": row.key}),
        "Progress": card.get("Progress"),
        "Failure": row.observed.get("Failure"),
        "Inputs": _inputs(row),
        "Artifacts": _artifacts(ctx, row) if row.status in ENDED else None,
    }


def _changed(ctx: Context, request: Json, known: Json) -> list[Row]:
    """Return the jobs that may have changed since a cursor was given, newest first."""
    # by number too, as a clock may have been set back
    may_have = sa.or_(
        rows.c.modified_at >= known["changed"] - _LATELY_S,
        rows.c.id > known["id"],
        rows.c.status.not_in(ENDED),
        rows.c.key.in_(list(known["live"])),
    )
    limit = request.get("MaxResults", _MOST_CARDS)
    return ctx.select(*_conditions(request), may_have, order=_NEWEST, limit=limit)


def _page(ctx: Context, request: Json, known: Json) -> tuple[list[Row], Json | None]:
    """Return the next jobs that have not been told of yet, newest first, and where to go on."""
    start = known.get("older") if known else {"left": request.get("MaxResults", _MOST_CARDS)}
    if start is None:
        return [], None
    conditions = _conditions(request)
    if "created" in start:
        here = sa.tuple_(sa.literal(start["created"]), sa.literal(start["id"]))
        conditions.append(sa.tuple_(rows.c.created_at, rows.c.id) < here)
    size = min(start["left"], request.get("PageSize", start["left"]))
    found = ctx.select(*conditions, order=_NEWEST, limit=size)
    left = start["left"] - len(found)
    if len(found) < size or left == 0:
        return found, None
    return found, {"left": left, "created": found[-1].created_at, "id": found[-1].id}


def _removed(ctx: Context, known: Json, found: set[str]) -> tuple[list[str], int]:
    """Return the jobs that are gone or no longer what is asked for, and the last deletion seen."""
    events = ctx.events_since(known["deleted"], "DeleteTrainingJob", KIND)
    gone = {str(event.key) for event in events}
    if gone:
        # a deletion that was refused is written down too
        query = sa.select(rows.c.key).where(rows.c.kind == KIND, rows.c.key.in_(gone))
        gone -= set(ctx.connection.execute(query).scalars())
    last = events[-1].seq if events else known["deleted"]
    return sorted((gone | set(known["live"])) - found), last


def _conditions(request: Json) -> list[sa.ColumnElement[bool]]:
    conditions = [rows.c.kind == KIND]
    if text := request.get("NameContains"):
        name = sa.func.lower(rows.c.key)
        conditions.append(name.contains(text.lower(), autoescape=True))
    if status := request.get("StatusEquals"):
        conditions.append(rows.c.status == status)
    return conditions


def _counts(ctx: Context, waiting: int) -> Json:
    query = (
        sa.select(rows.c.status, sa.func.count()).where(rows.c.kind == KIND).group_by(rows.c.status)
    )
    by_status: dict[str, int] = {name: count for name, count in ctx.connection.execute(query)}  # noqa: C416  (rows, not pairs)
    active = by_status.get("InProgress", 0) + by_status.get("Stopping", 0)
    return {
        "InProgress": max(0, active - waiting),
        "Queued": waiting,
        **{status: by_status.get(status, 0) for status in ("Completed", "Failed", "Stopped")},
    }


def _tail(ctx: Context, row: Row, cursor: str | None) -> tuple[list[Json], str]:
    try:
        points, new = tail(ctx.workspace.run_dir(run_name(row.key)), cursor)
    except ValueError as error:
        raise ValidationException(str(error)) from None
    return [one.downsampled(_MOST_POINTS).to_wire() for one in points.values()], new


def _usage(ctx: Context, attempt: Attempt | None, since: float) -> tuple[Json | None, list[Json]]:
    """Return what an attempt uses against its limits, and the samples since a time."""
    if attempt is None or attempt.started_at is None:
        return None, []
    engine: Any = ctx.runtime.engine
    samples = [
        {"Time": one.time, "CpuPercent": one.cpu_percent, "MemoryMb": one.memory_mb}
        for one in engine.usage(ctx.ref(attempt), since)
    ]
    observation = ctx.observe(attempt)
    work = Work.from_json(attempt.work)
    now = observation.resources
    use: Json = {
        "CpuPercent": now.cpu_percent if now else None,
        "MemoryMb": now.memory_mb if now else None,
        "PeakMemoryMb": observation.peak_memory_mb,
        "MemoryLimitMb": work.memory_mb,
        "CpuLimit": work.cpus,
        "Enforced": {
            name.capitalize(): means for name, means in dict(observation.enforced or {}).items()
        },
    }
    return {name: value for name, value in use.items() if value is not None}, samples


def _inputs(row: Row) -> list[Json]:
    told = row.observed.get("Origin", {}).get("Inputs")
    if told is not None:
        return [
            {name.capitalize(): value for name, value in item.items() if value is not None}
            for item in told
        ]
    return [
        {
            "Name": channel["ChannelName"],
            "Kind": "channel",
            "Detail": channel["DataSource"]["S3DataSource"]["S3Uri"],
        }
        for channel in row.request.get("InputDataConfig", ())
    ]


def _artifacts(ctx: Context, row: Row) -> list[Json]:
    model = str(row.private.get("model_uri", ""))
    uploaded = row.observed.get("Uploaded", {})
    if uploaded or ctx.workspace.artifacts.external(model):
        return [
            {"Name": uri.rpartition("/")[2], "Uri": uri, "Bytes": size}
            for uri, size in uploaded.items()
        ]
    found = []
    for name in ("model.tar.gz", "output.tar.gz"):
        uri = f"{model.rpartition('/')[0]}/{name}"
        if model and ctx.workspace.artifacts.exists(uri):
            size = size_of(ctx.workspace.artifacts.resolve(uri))
            found.append({"Name": name, "Uri": uri, "Bytes": size})
    return found


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _write(cursor: Json) -> str:
    text = json.dumps(cursor, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.compress(text, 1)).decode()


def _read(cursor: str | None) -> Json:
    if not cursor:
        return {}
    try:
        known = json.loads(zlib.decompress(base64.urlsafe_b64decode(cursor)))
    except (ValueError, binascii.Error, zlib.error):
        known = None
    if not isinstance(known, dict):
        raise ValidationException(
            f"Cursor {cursor[:40]!r} is not one that was given out; start again without it."
        )
    return known
