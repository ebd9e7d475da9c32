"""Channels in File mode: which files belong to one, whether they fit, and copying them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

# Hashing takes a second for each 1 to 2 GB, which the job would wait for.
MOST_HASHED_BYTES = 1 << 30
_BLOCK = 8 << 20
_FICLONE = 0x40049409  # Linux: share the blocks of a file, where the file system can


class Item(NamedTuple):
    """One file of a channel: where it is, its name below the channel, its bytes."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True)
class Channel:
    """One channel as the harness gets it.

    Parameters
    ----------
    name
        Name of the channel and of its folder.
    uri
        The location as the request named it.
    path
        The file system path behind it.
    kind
        `S3Prefix` or `ManifestFile`.
    sharded
        Whether each member gets its share of the files instead of all.
    content_type
        The MIME type that the request declared.
    external
        The place in an external bucket where it is instead of a path.
    """

    name: str
    uri: str
    path: Path
    kind: str = "S3Prefix"
    sharded: bool = False
    content_type: str | None = None
    external: dict[str, Any] | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Channel:
        """Return the channel that a job's description holds."""
        return cls(**{**value, "path": Path(value["path"])})

    def config(self) -> dict[str, str]:
        """Return its entry in `inputdataconfig.json`."""
        entry = {
            "TrainingInputMode": "File",
            "S3DistributionType": "ShardedByS3Key" if self.sharded else "FullyReplicated",
            "RecordWrapperType": "None",
        }
        if self.content_type:
            entry["ContentType"] = self.content_type
        return entry


class NoData(ValueError):
    """A channel names nothing that exists."""


class NotEnoughSpace(OSError):
    """The channels do not fit on the disk."""


def items_of(channel: Channel, buckets: Path, rank: int = 0, members: int = 1) -> list[Item]:
    """Return the files of a channel for one member, sorted by name.

    Parameters
    ----------
    buckets
        Folder that holds a folder per bucket, for the locations in a manifest.
    rank, members
        Which member asks, of how many.

    Raises
    ------
    NoData
        The location, or one that a manifest names, does not exist or is empty.
    """
    if channel.kind == "ManifestFile":
        items = _of_manifest(channel, buckets)
    else:
        items = _of_prefix(channel.path, channel.uri)
    if not items:
        msg = (
            f'No S3 objects found under S3 URL "{channel.uri}" given in input data source of '
            f"channel {channel.name!r} ({channel.path}). Put the data there, or correct the "
            "location."
        )
        raise NoData(msg)
    return items[rank::members] if channel.sharded else items


def require_space(items: list[Item], target: Path, floor_bytes: int) -> None:
    """Refuse data that would not fit.

    Raises
    ------
    NotEnoughSpace
        Names the bytes needed and those available.
    """
    need = sum(item.size for item in items)
    free = shutil.disk_usage(target).free
    if need > free - floor_bytes:
        msg = (
            f"The channels hold {need:,} bytes and {max(0, free - floor_bytes):,} are available "
            f"for them at {target} ({free:,} free, {floor_bytes:,} of them reserved). Free space "
            "with `jupyter ml gc`, or send less."
        )
        raise NotEnoughSpace(msg)


def fetch(items: list[Item], folder: Path) -> int:
    """Copy files into a channel's folder; return the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for item in items:
        target = folder / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(item.path, target)
        total += item.size
    return total


def digest(channel: Channel, buckets: Path) -> str | None:
    """Return the SHA-256 of a channel's data, of all members together, in hex.

    Files that were sent from elsewhere have the same one: a file is known by its bytes, a folder
    by its names, sizes and bytes.

    Returns
    -------
    str or None
        `None` where the channel holds more than `MOST_HASHED_BYTES`, or cannot be read any more.
    """
    items = sorted(items_of(channel, buckets), key=lambda item: PurePosixPath(item.name))
    if sum(item.size for item in items) > MOST_HASHED_BYTES:
        return None
    total = hashlib.sha256()
    try:
        for item in items:
            if item.path != channel.path:
                total.update(f"{item.name}\0{item.size}\0".encode())
            with item.path.open("rb") as file:
                while block := file.read(_BLOCK):
                    total.update(block)
    except OSError:
        return None
    return total.hexdigest()


def _of_prefix(path: Path, uri: str) -> list[Item]:
    if path.is_file() and not uri.endswith("/"):
        return [Item(path, path.name, path.stat().st_size)]
    if path.is_dir():
        return _of_folder(path, path)
    if not path.parent.is_dir() or uri.endswith("/"):
        return []
    # an S3 prefix may end in the middle of a name
    found: list[Item] = []
    for match in sorted(path.parent.iterdir()):
        if not match.name.startswith(path.name):
            continue
        if match.is_dir():
            found.extend(_of_folder(match, path.parent))
        else:
            found.append(Item(match, match.name, match.stat().st_size))
    return found


def _of_folder(folder: Path, base: Path) -> list[Item]:
    found = []
    for root, names, files in os.walk(folder, followlinks=True):
        names.sort()
        for name in files:
            path = Path(root) / name
            found.append(Item(path, str(path.relative_to(base)), path.stat().st_size))
    return sorted(found, key=lambda item: item.name)


def _of_manifest(channel: Channel, buckets: Path) -> list[Item]:
    try:
        entries = json.loads(channel.path.read_text(encoding="utf-8"))
        prefix = entries[0]["prefix"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        msg = (
            f'The manifest "{channel.uri}" of channel {channel.name!r} cannot be used ({error}). '
            'It must be a JSON list that begins with {"prefix": "s3://..."}.'
        )
        raise NoData(msg) from None
    base = _located(prefix, buckets)
    if len(entries) == 1:
        return _of_prefix(base, prefix)
    found = []
    for name in entries[1:]:
        path = Path(f"{base}/{name}") if prefix.endswith("/") else Path(f"{base}{name}")
        if not path.is_file():
            msg = f'The manifest "{channel.uri}" names "{prefix}{name}", which does not exist.'
            raise NoData(msg)
        found.append(Item(path, name, path.stat().st_size))
    return sorted(found, key=lambda item: item.name)


def _located(uri: str, buckets: Path) -> Path:
    if uri.startswith("s3://"):
        return buckets / uri.removeprefix("s3://")
    return Path(uri.removeprefix("file://"))


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        if not _cloned(reader.fileno(), writer.fileno()):
            _copy_bytes(reader.fileno(), writer.fileno())
    mode = source.stat().st_mode
    target.chmod((mode | 0o600) & 0o777)


def _cloned(reader: int, writer: int) -> bool:
    with contextlib.suppress(ImportError, OSError):
        import fcntl  # noqa: PLC0415  (POSIX only)

        fcntl.ioctl(writer, _FICLONE, reader)
        return True
    return False


def _copy_bytes(reader: int, writer: int) -> None:
    if hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError):
            while os.copy_file_range(reader, writer, _BLOCK):
                pass
    # what the kernel would not copy, from where it stopped; nothing after a full copy
    while block := os.read(reader, _BLOCK):
        view = memoryview(block)
        while view:
            view = view[os.write(writer, view) :]
