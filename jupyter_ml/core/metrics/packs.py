"""Packs: the points of many small runs in one file, as a file for each costs more than they do.

A pack is written once, before the rows that say which slice of it is whose. It holds records as
the files of a run do, and goes when none of its runs is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.metrics.metrics import stem
from jupyter_ml.core.metrics.series import Series, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Slice:
    """Where the points of one run are in a pack; `names` are those of its series, by number."""

    pack: str
    offset: int
    size_bytes: int
    names: Sequence[str]

    def to_wire(self) -> dict[str, Any]:
        """Return it as the API spells it."""
        return {
            "Pack": self.pack,
            "Offset": self.offset,
            "Bytes": self.size_bytes,
            "Names": list(self.names),
        }


def write_pack(folder: Path, parts: Sequence[tuple[Sequence[str], bytes]]) -> list[Slice]:
    """Write names and records of runs to one file; return where each came to be.

    Parameters
    ----------
    folder
        Where packs are kept; made when it is missing.
    parts
        Of each run, the names of its series and its records.

    Raises
    ------
    OSError
        They cannot be written; no part of them is left.
    """
    pack = stem()
    slices, offset = [], 0
    for names, records in parts:
        slices.append(Slice(pack, offset, len(records), names))
        offset += len(records)
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, pack)
    try:
        path.write_bytes(b"".join(records for _, records in parts))
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return slices


def read_slice(folder: Path, wire: dict[str, Any]) -> dict[str, Series]:
    """Return the series of a run, from where `Slice.to_wire` says; none where the pack is gone."""
    try:
        with _path(folder, wire["Pack"]).open("rb") as file:
            file.seek(wire["Offset"])
            records = file.read(wire["Bytes"])
    except OSError:
        return {}
    return split(records, wire["Names"])


def _path(folder: Path, pack: str) -> Path:
    return folder / f"{pack}.pack"
