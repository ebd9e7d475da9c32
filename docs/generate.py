"""Writes the pages of docs/look-up that the code itself can tell.

`python docs/generate.py` writes them anew; with `--check` it changes nothing and fails, naming
them, if pages are not what the code says. What is on each page says `generating/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from generating.aws import aws_page, relaxations_page, s3_page
from generating.names import python_page, verbs_page
from generating.operations import operations_page, room_page, rooms
from generating.settings import instance_types_page, settings_page

LOOK_UP = Path(__file__).parent / "look-up"
NOTE = "<!-- Written by docs/generate.py; change the code and run `make docs`. -->"


def pages() -> dict[Path, str]:
    """Return the text of every generated page."""
    operations = rooms()
    written = {
        "operations.md": operations_page(operations),
        "s3.md": s3_page(),
        "aws.md": aws_page(),
        "relaxations.md": relaxations_page(),
        "python.md": python_page(),
        "verbs.md": verbs_page(),
        "settings.md": settings_page(),
        "instance-types.md": instance_types_page(),
        **{f"operations/{room}.md": room_page(room, names) for room, names in operations.items()},
    }
    return {LOOK_UP / name: f"{NOTE}\n\n{text.strip()}\n" for name, text in written.items()}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which differ; return the exit code."""
    written = pages()
    stale = [
        path for path, text in written.items() if not path.exists() or path.read_text() != text
    ]
    orphans = [
        path for path in LOOK_UP.rglob("*.md") if path not in written and NOTE in path.read_text()
    ]
    if arguments == ["--check"]:
        for path in [*stale, *orphans]:
            print(f"{path.relative_to(LOOK_UP.parent)} is not what the code says; run `make docs`")
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written[path])
        print(f"wrote {path.relative_to(LOOK_UP.parent)}")
    for path in orphans:
        path.unlink()
        print(f"removed {path.relative_to(LOOK_UP.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
