"""Keys in S3's order: by their UTF-8 bytes, with a page's end and common prefixes.

A folder sorts as its name with a slash behind it, so that walking the tree depth first yields keys
in the order of a flat list, and a page starts where it has to without a look at what comes before.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jupyter_ml.aws.s3.names import MAX_KEY_BYTES
from jupyter_ml.aws.s3.objects import is_marked
from jupyter_ml.aws.s3.records import Record, unrecorded
from jupyter_ml.core.artifacts import is_draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.aws.s3.buckets import Bucket

# Greater than whatever follows in UTF-8.
_END = b"\xff"


class Listed(NamedTuple):
    """An object in a listing."""

    key: str
    record: Record


@dataclass
class Page:
    """A part of a listing.

    Parameters
    ----------
    objects
        In order.
    prefixes
        Common prefixes, in order.
    next
        The last key or prefix, if there is more behind it.
    """

    objects: list[Listed] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next: str | None = None


class Listing:
    """One look at a bucket; folders are read once.

    Parameters
    ----------
    bucket
        Whose keys.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._entries = cache(_entries)

    def page(
        self, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Page:
        """Return the keys behind `after`, with all that share a prefix up to `delimiter` as one.

        Parameters
        ----------
        prefix
            What keys begin with.
        delimiter
            Ends a common prefix; empty for none.
        after
            A key or a common prefix.
        limit
            Most keys and common prefixes.
        """
        page, last = Page(), ""
        begin, end, least = prefix.encode(), delimiter.encode(), after.encode()
        position: bytes | None = least
        while position is not None and limit > 0:
            # Behind a common prefix the walk starts anew, past all that begins with it.
            walk, position = self._walk(begin, position), None
            for key in walk:
                shared = _shared(key, begin, end)
                if shared is not None and shared <= least:
                    position = shared + _END
                    break
                record = self._record(key.decode()) if shared is None else None
                if shared is None and record is None:
                    continue
                if len(page.objects) + len(page.prefixes) == limit:
                    return replace(page, next=last)
                last = (shared or key).decode()
                if record is None:
                    page.prefixes.append(last)
                    position = last.encode() + _END
                    break
                page.objects.append(Listed(last, record))
        return page

    def is_empty(self) -> bool:
        """Return whether the bucket has no object."""
        return next(self._walk(b"", b""), None) is None

    def _walk(
        self, prefix: bytes, after: bytes, folder: str | None = None, base: bytes = b""
    ) -> Iterator[bytes]:
        """Yield the keys with a prefix behind `after`."""
        path = str(self._bucket.folder) if folder is None else folder
        names = self._entries(path)
        low = max(prefix, after)
        rest = low[len(base) :] if low.startswith(base) else b""
        first, slash, _ = rest.partition(b"/")
        for name in names[bisect_left(names, first + slash) :]:
            key = base + name
            if len(key) > MAX_KEY_BYTES:
                continue
            if not key.startswith(prefix) and not prefix.startswith(key):
                if key > prefix:
                    return
                continue
            if not name.endswith(b"/"):
                if key > after and key.startswith(prefix):
                    yield key
            elif key + _END > after:
                if key > after and key.startswith(prefix) and self._is_marked(key):
                    yield key
                inner = f"{path}/{name[:-1].decode()}"
                yield from self._walk(prefix, after, inner, key)

    def _is_marked(self, key: bytes) -> bool:
        return is_marked(self._bucket, key.decode())

    def _record(self, key: str) -> Record | None:
        """Return what is known of a key; `None` if it has gone meanwhile."""
        records = self._bucket.records.read(key)
        if key.endswith("/"):
            return records[0] if records else None
        try:
            status = (self._bucket.folder / key).stat()
        except OSError:
            return None
        return next((each for each in records if each.describes(status)), unrecorded(status))


def _shared(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Return the common prefix that stands for a key; `None` where the key stands for itself."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: at + len(delimiter)] if at >= 0 else None


def _entries(folder: str) -> list[bytes]:
    """Return the names in a folder that can be part of a key, folders with a slash, sorted."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_draft(entry.name) or not _is_utf8(entry.name):
                    continue
                name = entry.name.encode()
                if entry.is_dir():
                    if not (entry.is_symlink() and _leads_up(entry.path)):
                        found.append(name + b"/")
                elif entry.is_file():
                    found.append(name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted(found)


def _leads_up(link: str) -> bool:
    """Return whether a link leads to a folder that it is in, and so round and round."""
    return Path(link).parent.resolve().is_relative_to(Path(link).resolve())


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
