"""Files that are being written: hashed on the way, seen by nobody until they are in place."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from jupyter_ml.aws.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from jupyter_ml.aws.s3.checksums import Hasher

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Draft:
    """A file of a bucket in the making.

    Parameters
    ----------
    folder
        Of drafts, on the bucket's file system as a rule.
    check
        Is fed every byte beside the MD5 of the ETag; `None` where no checksum is wanted.
    """

    def __init__(self, folder: Path, check: Hasher | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # By this name the garbage collection knows what a killed server left behind.
        self.path = folder / f".{uuid4().hex}.part"
        self.size = 0
        self.check = check
        self._md5 = hashlib.md5(usedforsecurity=False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor: int | None = os.open(self.path, flags, 0o600)

    @property
    def md5(self) -> str:
        """MD5 of what was written so far, in hex."""
        return self._md5.hexdigest()

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises
        ------
        S3Error
            ``InsufficientStorage``: the disk is full.
        """
        self._md5.update(data)
        if self.check is not None:
            self.check.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._open, view) :]
        except OSError as error:
            raise _full(error) from error
        self.size += len(data)

    def sync(self) -> None:
        """Have it survive a power cut; what takes long is waited for here."""
        self._stamp(time.time_ns())

    def seal(self, apart_from: Collection[int] = ()) -> int:
        """Close it once it is synced; return its time of change in nanoseconds.

        Parameters
        ----------
        apart_from
            Times that it must not have, as another file of that key has them.
        """
        step = 1
        while (changed := os.fstat(self._open).st_mtime_ns) in apart_from:
            self._stamp(changed + step)
            step *= 10  # a file system may have coarse times
        self._close()
        return changed

    def place(self, target: Path) -> None:
        """Move it to where it belongs, whose folder exists."""
        try:
            self.path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = target.with_name(f".{target.name[:64]}.{uuid4().hex}.part")
            try:
                shutil.copy2(self.path, beside)
                with beside.open("rb") as file:
                    os.fsync(file.fileno())
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        sync_folder(target.parent)

    def discard(self) -> None:
        """Remove it; harmless once it is in place."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _stamp(self, mtime_ns: int) -> None:
        try:
            os.utime(self.path, ns=(mtime_ns, mtime_ns))
            os.fsync(self._open)
        except OSError as error:
            raise _full(error) from error

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "The draft is closed", str(self.path))
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _full(error: OSError) -> Exception:
    if error.errno not in _FULL:
        return error
    msg = "The workspace's disk is full. Free space with `jupyter ml gc` and send it again."
    return S3Error("InsufficientStorage", msg)
