"""Packing and unpacking of `.tar.gz` archives."""

from __future__ import annotations

import os
import posixpath
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_VENDOR = "JUPYTER_ML."


class BadArchive(ValueError):
    """An archive that cannot be unpacked, or must not be."""


def pack(folder: Path, target: Path, notes: Mapping[str, str] | None = None) -> bool:
    """Pack what is in a folder; the archive appears whole or not at all.

    Parameters
    ----------
    folder
        Its content is packed, names relative to it.
    target
        Path of the archive.
    notes
        Kept in the archive's header, where no unpacking makes a file of them; see `notes_of`.

    Returns
    -------
    bool
        Whether there was anything to pack; an empty folder makes an empty archive.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    items = sorted(folder.iterdir()) if folder.is_dir() else []
    # Python's tarfile cannot read an archive that holds a header of this kind and nothing else.
    noted = notes if notes and items else {}
    headers = {f"{_VENDOR}{name}": text for name, text in noted.items()}
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=1, pax_headers=headers) as archive:
            for item in items:
                archive.add(str(item), item.name)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return bool(items)


def notes_of(source: Path) -> dict[str, str]:
    """Return the notes that `pack` put into an archive; {} for a folder or another archive."""
    try:
        with tarfile.open(source) as archive:
            headers = archive.pax_headers
    except (OSError, EOFError, tarfile.TarError):
        return {}
    return {
        name.removeprefix(_VENDOR): text
        for name, text in headers.items()
        if name.startswith(_VENDOR)
    }


def unpack(source: Path, folder: Path) -> None:
    """Unpack an archive into a folder.

    Raises
    ------
    BadArchive
        It is no tar archive, or holds a name that leaves the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(source) as archive:
            members = archive.getmembers()
            links = {PurePosixPath(member.name) for member in members if member.issym()}
            for member in members:
                _require_inside(member, links, source)
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # Python before 3.11.4
                archive.extractall(folder, map(_disowned, members))  # noqa: S202  (all were checked)
    except tarfile.TarError as error:
        msg = f"{source} cannot be unpacked: {error}. Give a .tar.gz archive."
        raise BadArchive(msg) from None


def _require_inside(member: tarfile.TarInfo, links: set[PurePosixPath], source: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or links.intersection(path.parents):
        raise _leaving(source, member.name)
    if member.issym() or member.islnk():
        base = path.parent if member.issym() else PurePosixPath()
        target = PurePosixPath(posixpath.normpath(base / member.linkname))
        if target.is_absolute() or ".." in target.parts:
            raise _leaving(source, member.linkname)
    elif not (member.isreg() or member.isdir()):
        msg = f"{source} holds {member.name!r}, which is neither file, folder nor link."
        raise BadArchive(msg)


def _leaving(source: Path, name: str) -> BadArchive:
    return BadArchive(
        f"{source} holds {name!r}, which leaves the folder; pack relative names only."
    )


def _disowned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member as the filter would leave it: this user's, with no special rights."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode = (member.mode | 0o600) & 0o755
    return member
