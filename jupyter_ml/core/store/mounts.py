"""File systems: what kind holds a folder, and which kinds are no place for a database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# SQLite's locks and its shared memory need one kernel that sees all of it.
NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "vboxsf"),
        *("ceph", "lustre", "beegfs", "gpfs", "glusterfs", "panfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.rclone", "fuse.juicefs"),
        *("fuse.s3fs", "fuse.gcsfuse", "fuse.mount-s3", "fuse.blobfuse", "fuse.blobfuse2"),
    }
)
_MOUNTS: Final = Path("/proc/self/mounts")
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of the file system that holds a folder, or "" where it cannot be told.

    Parameters
    ----------
    folder
        Need not exist.
    mounts
        The table of mounts, as the kernel writes it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    path = folder.resolve()
    longest, kind = 0, ""
    for fields in map(str.split, lines):
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[1])
        # Of several mounts on one folder, the last covers the others.
        if path.is_relative_to(point) and len(point) >= longest:
            longest, kind = len(point), fields[2]
    return kind
