"""The disk: what takes the space, and what may go because it has been kept long enough.

Only working folders of ended attempts, unpublished parts of objects, uploads that were given up and
metrics of runs that nobody has a record of any more are ever removed. Artifacts and inputs stay
until their owner deletes them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.artifacts import S3_FOLDER, size_of
from jupyter_ml.core.backup.recovery import LOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_ml.core.context import Context

Json = dict[str, Any]
DAY_S = 86_400.0
# A part that is written longer than this has lost its writer.
PART_S = 3600.0


@dataclass(frozen=True)
class Garbage:
    """Something that may be removed, with the reason."""

    kind: str
    name: str
    path: Path
    reason: str

    def to_json(self, bytes_: int) -> Json:
        """Return it as the API has it."""
        return {
            "Kind": self.kind,
            "Name": self.name,
            "Path": str(self.path),
            "Bytes": bytes_,
            "Reason": self.reason,
        }


def usage(ctx: Context) -> Json:
    """Return what takes how many bytes, largest first."""
    root = ctx.workspace.root
    places = [
        *(
            ("Uploads" if path.name == S3_FOLDER else "Bucket", path)
            for path in _inside(root / "buckets")
        ),
        *(("Work", path) for kind in _inside(root / "work") for path in _inside(kind)),
        *(("Metrics", path) for path in _inside(root / "runs")),
        *(("Metrics", path) for path in _inside(root / "packs")),
        *(("Store", path) for path in sorted(root.glob("jupyter_ml.db*"))),
        *(("Lost", path) for path in _inside(root / LOST)),
    ]
    items: list[Json] = [
        {"Kind": kind, "Name": path.name, "Bytes": size_of(path), "LastUsed": path.stat().st_mtime}
        for kind, path in places
        if path.exists()
    ]
    if ctx.settings.database is not None:
        store = ctx.workspace.store.database
        size = store.size(ctx.connection)
        items.append({"Kind": "Store", "Name": store.place, "Bytes": size, "LastUsed": ctx.now()})
    return {
        "Items": sorted(items, key=lambda item: (-item["Bytes"], item["Name"])),
        "TotalBytes": sum(item["Bytes"] for item in items),
        "FreeBytes": shutil.disk_usage(root).free,
        "FloorBytes": ctx.settings.free_floor_mb << 20,
    }


def collect(ctx: Context, *, dry_run: bool, older_than_days: float) -> Json:
    """Remove what has been kept long enough, or only say what that is."""
    removed = []
    for garbage in _garbage(ctx, older_than_days):
        removed.append(garbage.to_json(size_of(garbage.path)))
        if dry_run:
            continue
        if garbage.path.is_dir():
            shutil.rmtree(garbage.path, ignore_errors=True)
        else:
            garbage.path.unlink(missing_ok=True)
    return {"Removed": removed, "Bytes": sum(item["Bytes"] for item in removed)}


def _garbage(ctx: Context, days: float) -> Iterator[Garbage]:
    yield from _working_folders(ctx, days)
    for part in (ctx.workspace.root / "buckets").rglob(".*.part"):
        if ctx.now() - part.stat().st_mtime > PART_S:
            yield Garbage("Part", part.name, part, "Its writer died before it was complete.")
    for upload in (ctx.workspace.root / "buckets" / S3_FOLDER).glob("*/uploads/*"):
        age_days = (ctx.now() - upload.stat().st_mtime) / DAY_S
        if age_days > days:
            reason = f"The upload got its last part {age_days:.0f} days ago; kept are {days:g}."
            yield Garbage("Upload", upload.name, upload, reason)
    runs = ctx.rows("TrialComponent")
    known = {row.key for row in runs}
    packs = {row.private["points"]["Pack"] for row in runs if row.private.get("points")}
    for pack in _inside(ctx.workspace.packs):
        # its rows come after it
        if pack.stem not in packs and ctx.now() - pack.stat().st_mtime > PART_S:
            yield Garbage("Metrics", pack.name, pack, "All runs with points in it were deleted.")
    for folder in _inside(ctx.workspace.root / "runs"):
        if folder.name not in known and ctx.now() - folder.stat().st_mtime > days * DAY_S:
            reason = f"Its run was deleted, or ended more than {days:g} days ago without a record."
            yield Garbage("Metrics", folder.name, folder, reason)


def _working_folders(ctx: Context, days: float) -> Iterator[Garbage]:
    live = {(attempt.kind, attempt.key, attempt.number) for attempt in ctx.live_attempts()}
    for kind in _inside(ctx.workspace.root / "work"):
        for resource in _inside(kind):
            deleted = ctx.find(kind.name, resource.name) is None
            for attempt in _inside(resource):
                if (kind.name, resource.name, int(attempt.name)) in live:
                    continue
                age_days = (ctx.now() - attempt.stat().st_mtime) / DAY_S
                name = f"{resource.name}, attempt {attempt.name}"
                if deleted:
                    yield Garbage("Work", name, attempt, "What it belonged to was deleted.")
                elif age_days > days:
                    reason = f"It ended {age_days:.0f} days ago; kept are {days:g}."
                    yield Garbage("Work", name, attempt, reason)


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()) if folder.is_dir() else []
