"""Objects: found, put in place whole, removed."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jupyter_ml.aws.s3.buckets import no_such_bucket
from jupyter_ml.aws.s3.drafts import sync_folder
from jupyter_ml.aws.s3.errors import S3Error, no_such_key
from jupyter_ml.aws.s3.names import flaw_of, path_of
from jupyter_ml.aws.s3.records import Record, unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.s3.buckets import Bucket
    from jupyter_ml.aws.s3.drafts import Draft

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
_ATTEMPTS = 50


@dataclass
class Opened:
    """An object that is being read; what it has does not change meanwhile.

    Parameters
    ----------
    key
        Its key.
    record
        What is known of it.
    file
        Its bytes; `None` for a folder's marker, which has none.
    """

    key: str
    record: Record
    file: IO[bytes] | None

    @property
    def modified_at(self) -> float:
        """When it was last changed, in seconds since the epoch."""
        return self.record.mtime_ns / 1e9

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()


def open_object(bucket: Bucket, key: str) -> Opened:
    """Return an object, opened.

    Raises
    ------
    S3Error
        ``NoSuchKey``, or ``AccessDenied`` where the file system does.
    """
    if flaw_of(key) is not None:
        raise no_such_key(key)
    path = path_of(bucket.folder, key)
    if key.endswith("/"):
        return Opened(key, _marker(bucket, key, path), None)
    for _ in range(_ATTEMPTS):
        file = _open(path, key)
        status = os.fstat(file.fileno())
        for record in bucket.records.read(key):
            if record.describes(status):
                return Opened(key, record, file)
        with suppress(OSError):
            if path.stat().st_ino == status.st_ino:
                return Opened(key, unrecorded(status), file)
        file.close()  # it was replaced between opening it and reading its record
    raise S3Error("InternalError", f"The object {key!r} is replaced too fast to be read.")


def find_record(bucket: Bucket, key: str) -> Record | None:
    """Return what is known of an object; `None` if there is none."""
    try:
        opened = open_object(bucket, key)
    except S3Error as error:
        if error.code == "NoSuchKey":
            return None
        raise
    opened.close()
    return opened.record


def is_marked(bucket: Bucket, key: str) -> bool:
    """Return whether the folder behind a key that ends in a slash is an object itself."""
    return bool(bucket.records.read(key))


def put_object(
    bucket: Bucket, key: str, draft: Draft, record: Record, allow: Callable[[Record | None], None]
) -> Record:
    """Put a draft in place as an object; return its record, with time and size.

    Parameters
    ----------
    bucket, key
        Where.
    draft
        Its bytes, all written.
    record
        What is to be known of it.
    allow
        Gets what is there now, and raises if that must not be replaced.

    Raises
    ------
    S3Error
        ``KeyConflict``: a folder cannot hold both this key and one that is there.
    """
    path = path_of(bucket.folder, key)
    if key.endswith("/"):
        return _put_marker(bucket, key, draft, record, allow)
    draft.sync()
    with bucket.lock(key):
        allow(find_record(bucket, key))
        before = bucket.records.read(key)
        mtime_ns = draft.seal([each.mtime_ns for each in before])
        placed = replace(record, size=draft.size, mtime_ns=mtime_ns)
        with suppress(OSError):
            status = path.stat()
            before = [each for each in before if each.describes(status)]
        bucket.records.write(key, [placed, *before[:1]])
        try:
            _place(bucket, key, draft, path)
        except BaseException:
            if before:
                bucket.records.write(key, before[:1])
            else:
                bucket.records.remove(key)
            raise
    return placed


def delete_object(
    bucket: Bucket, key: str, allow: Callable[[Record | None], None] = lambda _: None
) -> None:
    """Remove an object and the folders that it leaves empty; harmless where there is none."""
    if flaw_of(key) is not None:
        return
    path = path_of(bucket.folder, key)
    with bucket.lock(key):
        allow(find_record(bucket, key))
        if not key.endswith("/"):
            try:
                path.unlink()
            except OSError as error:
                if error.errno not in {*_ABSENT, errno.EISDIR, errno.EPERM}:
                    raise
            else:
                sync_folder(path.parent)
        bucket.records.remove(key)
    prune(bucket, path if key.endswith("/") else path.parent)


def prune(bucket: Bucket, folder: Path) -> None:
    """Remove a folder and those above it as far as they hold nothing and are no objects."""
    while folder != bucket.folder and folder.is_relative_to(bucket.folder):
        if is_marked(bucket, f"{folder.relative_to(bucket.folder).as_posix()}/"):
            return
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:  # there is something in it
            return
        folder = folder.parent


def _open(path: Path, key: str) -> IO[bytes]:
    try:
        # Not blocking: a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError as error:
        msg = f"The file behind {key!r} may not be read by the server: {error}."
        raise S3Error("AccessDenied", msg, Key=key) from error
    except OSError as error:
        if error.errno in _ABSENT:
            raise no_such_key(key) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise no_such_key(key)
    return os.fdopen(descriptor, "rb", buffering=0)


def _marker(bucket: Bucket, key: str, folder: Path) -> Record:
    records = bucket.records.read(key)
    if not records or not folder.is_dir():
        raise no_such_key(key)
    return records[0]


def _put_marker(
    bucket: Bucket, key: str, draft: Draft, record: Record, allow: Callable[[Record | None], None]
) -> Record:
    if draft.size:
        msg = (
            f"The key {key!r} ends in a slash and is a folder here, which has no bytes of its own; "
            f"{draft.size:,} were sent. Leave the slash out."
        )
        raise S3Error("KeyConflict", msg, Key=key)
    with bucket.lock(key):
        allow(find_record(bucket, key))
        placed = replace(record, size=0, mtime_ns=draft.seal())
        draft.discard()
        bucket.records.write(key, [placed])
        try:
            bucket.make_folder(path_of(bucket.folder, key))
        except (FileExistsError, NotADirectoryError):
            bucket.records.remove(key)
            raise _conflict(key) from None
    return placed


def _place(bucket: Bucket, key: str, draft: Draft, path: Path) -> None:
    for _ in range(_ATTEMPTS):
        try:
            bucket.make_folder(path.parent)
            draft.place(path)
        except IsADirectoryError:
            _clear(bucket, path, key)
        except (FileExistsError, NotADirectoryError):
            raise _conflict(key) from None
        except FileNotFoundError:
            # A folder went when it became empty, or the bucket is gone altogether.
            if not draft.path.exists():
                raise no_such_bucket(bucket.name) from None
        else:
            return
    raise S3Error("InternalError", f"The folders of {key!r} vanish as fast as they are made.")


def _clear(bucket: Bucket, folder: Path, key: str) -> None:
    """Remove a folder that is in the way of an object if there is nothing in it at all."""
    for inner, _, files in os.walk(folder, topdown=False):
        if files:
            raise _conflict(key)
        prune(bucket, Path(inner))
    if folder.is_dir():
        raise _conflict(key)


def _conflict(key: str) -> S3Error:
    msg = (
        f"The key {key!r} cannot be there beside the others: objects are files here, and one of "
        "them would have to be a file and a folder at once. Choose a key that is not the "
        "beginning of another one, up to a slash."
    )
    return S3Error("KeyConflict", msg, Key=key)
