"""What is known of an object beyond its bytes, in one small file per key.

A record names the file that it describes by size and time of change. It holds for that file
alone: one that was put there in another way has no record, and one that was edited loses it. While
an object is replaced, both the old and the new record are there, so that whichever file a reader
finds, or a crash leaves, has the record that belongs to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.aws.s3.checksums import Checksum
from jupyter_ml.core.versions import known
from jupyter_ml.engine.durable import read_json, write_json

if TYPE_CHECKING:
    import os
    from pathlib import Path


@dataclass(frozen=True)
class Record:
    """What is known of one file.

    Parameters
    ----------
    size
        Bytes.
    mtime_ns
        When it was last changed, in nanoseconds since the epoch.
    etag
        Without quotes.
    headers
        Content type and the like, by the name of the member, such as ``ContentType``.
    metadata
        The user's.
    checksum
        As the client sent it; `None` where it sent none.
    upload_id
        Of the multipart upload that made it.
    """

    size: int
    mtime_ns: int
    etag: str
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    checksum: Checksum | None = None
    upload_id: str | None = None

    def describes(self, status: os.stat_result) -> bool:
        """Return whether it is of the file with this status."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Record:
        """Return the record that a file holds; raises `StoreError` for one of a newer version."""
        found = known(cls, values, "The record of an object")
        checksum = values.get("checksum")
        return cls(**{**found, "checksum": Checksum(**checksum) if checksum else None})


def unrecorded(status: os.stat_result) -> Record:
    """Return the record of a file that did not come through S3.

    Its ETag is made from size and time, and ends in ``-1`` to say that it is no MD5: reading a
    whole bucket to list it would be no service to anybody.
    """
    text = f"{status.st_size} {status.st_mtime_ns}"
    etag = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return Record(status.st_size, status.st_mtime_ns, f"{etag}-1")


class Records:
    """The records of a bucket.

    Parameters
    ----------
    folder
        Holds them; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> list[Record]:
        """Return the records of a key, newest first; empty where there is none."""
        content = read_json(self._path(key))
        return [Record.from_json(each) for each in content["records"]] if content else []

    def write(self, key: str, records: list[Record]) -> None:
        """Replace the records of a key, durably."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(path, {"key": key, "records": [asdict(each) for each in records]}, sync=True)

    def remove(self, key: str) -> None:
        """Forget a key."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}.json"
