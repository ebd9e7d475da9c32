"""Whether the interpreter has what a `requirements.txt` asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*(?P<wanted>[^;@]*)")


def missing(file: Path) -> list[str]:
    """Return what a requirements file asks for and this interpreter lacks, as sentences.

    Jobs run in an interpreter that belongs to the user, so nothing is ever installed into it.
    """
    if not file.is_file():
        return []
    problems = []
    for text in file.read_text(encoding="utf-8").splitlines():
        line = text.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        problem = _problem(line)
        if problem:
            problems.append(problem)
    return problems


def _problem(line: str) -> str | None:
    found = _LINE.match(line)
    if found is None or "@" in line:
        return f"{line!r} cannot be checked; only names with versions can."
    from importlib import metadata  # noqa: PLC0415  (slow; most sources have no such file)

    if ";" in line and not _applies(line.partition(";")[2]):
        return None
    try:
        version = metadata.version(found["name"])
    except metadata.PackageNotFoundError:
        return f"{line!r} is not installed."
    if not _fits(version, found["wanted"].strip()):
        return f"{line!r} is wanted and {found['name']} {version} is installed."
    return None


def _fits(version: str, wanted: str) -> bool:
    if not wanted:
        return True
    try:
        from packaging.specifiers import SpecifierSet  # noqa: PLC0415  (optional)
    except ImportError:
        return not wanted.startswith("==") or wanted[2:].strip() == version
    return SpecifierSet(wanted).contains(version, prereleases=True)


def _applies(marker: str) -> bool:
    try:
        from packaging.markers import Marker  # noqa: PLC0415  (optional)
    except ImportError:
        return True
    return bool(Marker(marker.strip()).evaluate())
