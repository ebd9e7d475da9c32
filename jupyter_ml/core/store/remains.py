"""What a workspace still has when its store is gone: its files say more than nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def what_is_left(root: Path) -> str:
    """Return a sentence on the files that are there, and what to do."""
    counts = {
        "object(s) in buckets/": sum(1 for path in (root / "buckets").rglob("*") if path.is_file()),
        "run(s) with metrics in runs/": _inside(root / "runs"),
        "attempt(s) with a verdict in work/": sum(
            1 for _ in (root / "work").glob("*/*/*/verdict.json")
        ),
    }
    there = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return (
        f"Still in {root} are {there or 'no files of jobs'}. Get the store back with: "
        "jupyter ml restore BACKUP --keep-files. Or begin anew in another workspace."
    )


def _inside(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
