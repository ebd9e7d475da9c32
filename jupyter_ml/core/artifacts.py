"""Artifacts: what `s3://bucket/key` means here, and how files get there whole or not at all.

A bucket of the workspace is a folder, an object a file in it. Publishing writes beside the
target and renames, so that no reader ever sees half an object.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jupyter_ml.contract.errors import ResourceLimitExceeded, ValidationException
from jupyter_ml.core.externals import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.core.settings import Settings

S3_FOLDER = ".s3"
"""Holds what S3 knows of objects, and uploads under way; beside the buckets, and none itself."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DRAFT = re.compile(r"\.(.+\.)?[0-9a-f]{32}\.part", re.DOTALL)
_BLOCK = 1 << 20


class Artifacts:
    """The buckets of a workspace.

    Parameters
    ----------
    root
        Folder that holds one folder per bucket.
    settings
        Names the default bucket and the free space that must remain.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.default_bucket = f"sagemaker-{settings.region}-{settings.account_id}"
        self._externals = settings.externals
        self._floor = settings.free_floor_mb << 20

    def uri(self, *parts: str) -> str:
        """Return the `s3://` location of a key in the default bucket."""
        return "/".join((f"s3://{self.default_bucket}", *(part.strip("/") for part in parts)))

    def resolve(self, location: str | Path) -> Path:
        """Return the path behind an `s3://` or `file://` location or an absolute path.

        Raises
        ------
        ValidationException
            The location is of another scheme, has no key, leaves its bucket, or names a
            bucket that is not in this workspace.
        """
        text = str(location)
        parts = urlsplit(text)
        if parts.scheme == "s3":
            return self._object(text, parts.netloc, text[len(f"s3://{parts.netloc}") :])
        if parts.scheme == "file":
            return Path(unquote(parts.path))
        if Path(text).is_absolute():
            return Path(text)
        msg = (
            f"{text!r} is not a location this workspace can read. "
            "Use s3://bucket/key of the workspace, file:///path or an absolute path."
        )
        raise ValidationException(msg)

    def external(self, location: str) -> Place | None:
        """Return where a location leads in an external bucket; `None` if it leads to none."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        external = self._externals.get(bucket) if location.startswith("s3://") else None
        return Place(external, key) if external else None

    def exists(self, location: str | Path) -> bool:
        """Return whether there is an object, or anything below this prefix.

        There is nothing in a bucket that is not in this workspace, or not any more.
        """
        try:
            return self.resolve(location).exists()
        except ValidationException:
            return False

    def put_file(self, path: Path, location: str) -> str:
        """Copy a file to a location; return the location."""
        return self._put(location, path.stat().st_size, lambda temp: shutil.copyfile(path, temp))

    def put_bytes(self, data: bytes, location: str) -> str:
        """Write bytes to a location; return the location."""
        return self._put(location, len(data), lambda temp: temp.write_bytes(data))

    def put_tree(self, folder: Path, location: str) -> str:
        """Copy a folder to a prefix, unless there is one by now; return the location."""
        return self._put(location, size_of(folder), lambda temp: shutil.copytree(folder, temp))

    def put_cached(self, path: Path) -> str:
        """Store a file or folder once by its content; return its location.

        The location is `inputs/<SHA-256>/<name>` of the default bucket.
        """
        location = self.uri("inputs", digest(path), path.name)
        if not self.exists(location):
            (self.put_tree if path.is_dir() else self.put_file)(path, location)
        return location

    def publish(self, path: Path, location: str) -> None:
        """Move a file or folder into place; harmless when it was done before."""
        target = self.resolve(location)
        if not path.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        try:
            path.rename(target)
        except OSError:  # another file system
            temp = _beside(target)
            try:
                shutil.move(path, temp)
                temp.rename(target)
            finally:
                _remove(temp)

    def tar(self, folder: Path, location: str) -> str:
        """Pack a folder as `.tar.gz` at a location; return the location."""

        def pack(temp: Path) -> None:
            with tarfile.open(temp, "w:gz", compresslevel=1) as archive:
                for item in sorted(folder.iterdir()):
                    archive.add(item, item.name)

        return self._put(location, size_of(folder), pack)

    def require_space(self, need: int, what: str) -> None:
        """Refuse what would leave less than the floor of free space.

        Raises
        ------
        ResourceLimitExceeded
            Names the bytes needed, those free, and the floor.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free - need < self._floor:
            msg = (
                f"{what} needs {need:,} bytes and {free:,} are free on the workspace's disk, of "
                f"which {self._floor:,} stay reserved. Free space with `jupyter ml gc`, or lower "
                "JUPYTER_ML_FREE_FLOOR_MB."
            )
            raise ResourceLimitExceeded(msg)

    def _put(self, location: str, size: int, write: Callable[[Path], object]) -> str:
        target = self.resolve(location)
        self.require_space(size, f"Writing {location}")
        target.parent.mkdir(parents=True, exist_ok=True)
        temp = _beside(target)
        try:
            write(temp)
            try:
                temp.rename(target)
            except OSError:
                # Another was faster with a folder, which may be read already: it stays.
                if not (temp.is_dir() and target.is_dir()):
                    raise
        finally:
            _remove(temp)
        return location

    def _object(self, text: str, bucket: str, key: str) -> Path:
        if not _BUCKET.fullmatch(bucket):
            msg = f"{text!r} has no bucket of 3 to 63 small letters, digits, dots and hyphens."
            raise ValidationException(msg)
        if bucket in self._externals:
            msg = (
                f"{text!r} is in an external bucket. Channels, code and models are read from "
                "there and outputs written to it; anything else takes a copy in a bucket of the "
                "workspace."
            )
            raise ValidationException(msg)
        folder = self.root / bucket
        if bucket != self.default_bucket and not folder.is_dir():
            msg = (
                f"{text!r} names the bucket {bucket!r}, which is not in this workspace. "
                f"Its own bucket is s3://{self.default_bucket}; a folder "
                f"{self.root}/<name> is a bucket too."
            )
            raise ValidationException(msg)
        path = Path(os.path.normpath(folder / key.lstrip("/")))
        if not path.is_relative_to(folder):
            msg = f"{text!r} leaves its bucket."
            raise ValidationException(msg)
        return path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's names and bytes, in hex."""
    total = hashlib.sha256()
    if not path.is_dir():
        _feed(total.update, path)
        return total.hexdigest()
    for item in sorted(path.rglob("*")):
        if item.is_file():
            total.update(f"{item.relative_to(path)}\0{item.stat().st_size}\0".encode())
            _feed(total.update, item)
    return total.hexdigest()


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 where there is nothing."""
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    total = 0
    for item in path.rglob("*"):
        try:
            if item.is_file() and not item.is_symlink():
                total += item.stat().st_size
        except OSError:  # gone since it was listed
            continue
    return total


def is_draft(name: str) -> bool:
    """Return whether a file or folder of this name is one that is still being written."""
    return _DRAFT.fullmatch(name) is not None


def _feed(update: Callable[[bytes], None], path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            update(block)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
