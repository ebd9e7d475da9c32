"""Buckets: a folder each, and beside them what S3 knows of their objects."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.aws.s3.drafts import Draft, sync_folder
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.names import is_bucket_name
from jupyter_ml.aws.s3.records import Records
from jupyter_ml.core.artifacts import S3_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.aws.s3.checksums import Hasher
    from jupyter_ml.core.artifacts import Artifacts


@dataclass(frozen=True)
class Bucket:
    """A bucket that exists.

    Parameters
    ----------
    name
        Its name.
    folder
        Holds its objects.
    private
        Holds records, drafts and uploads.
    is_default
        Whether it is the workspace's own, whose folder is made when it is first written to.
    """

    name: str
    folder: Path
    private: Path
    is_default: bool = False

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch, as well as its folder tells."""
        with suppress(FileNotFoundError):
            return (self.private / "created").stat().st_mtime
        with suppress(FileNotFoundError):
            return self.folder.stat().st_mtime
        return 0.0

    @cached_property
    def records(self) -> Records:
        """What is known of its objects."""
        return Records(self.private / "records")

    def draft(self, check: Hasher | None = None) -> Draft:
        """Return a new file that will become an object of it."""
        return Draft(self.private / "drafts", check)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the right to change a key, among all threads and processes."""
        name = hashlib.sha256(key.encode()).hexdigest()[:2]
        folder = self.private / "locks"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make_folder(self, folder: Path) -> None:
        """Make a folder of it and those above, durably.

        Raises
        ------
        S3Error
            ``NoSuchBucket``: the bucket was deleted meanwhile.
        FileExistsError, NotADirectoryError
            One of them is a file.
        """
        if folder.is_dir():
            return
        if folder == self.folder:
            if not self.is_default:
                raise no_such_bucket(self.name)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        else:
            self.make_folder(folder.parent)
            with suppress(FileNotFoundError):  # it went when the one above became empty
                folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


class Buckets:
    """The buckets of a workspace.

    Parameters
    ----------
    artifacts
        Knows where they are.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._root = artifacts.root
        self._default = artifacts.default_bucket

    def get(self, name: str) -> Bucket:
        """Return a bucket.

        Raises
        ------
        S3Error
            ``NoSuchBucket``: there is none, or no bucket can have that name.
        """
        if not is_bucket_name(name) or not (name == self._default or self._folder(name).is_dir()):
            raise no_such_bucket(name)
        return self._bucket(name)

    def all(self) -> list[Bucket]:
        """Return every bucket by name; the default one is always there."""
        names = {self._default}
        if self._root.is_dir():
            names |= {path.name for path in self._root.iterdir() if path.is_dir()}
        return [self._bucket(name) for name in sorted(names) if is_bucket_name(name)]

    def create(self, name: str) -> None:
        """Make a bucket.

        Raises
        ------
        S3Error
            ``InvalidBucketName`` or ``BucketAlreadyOwnedByYou``.
        """
        if not is_bucket_name(name):
            msg = (
                f"{name!r} cannot be the name of a bucket: 3 to 63 small letters, digits, hyphens "
                "and dots, a letter or digit at both ends, no IP address."
            )
            raise S3Error("InvalidBucketName", msg, BucketName=name)
        bucket = self._bucket(name)
        if bucket.is_default or bucket.folder.exists():
            raise already_yours(name)
        bucket.private.mkdir(parents=True, exist_ok=True, mode=0o700)
        (bucket.private / "created").touch()
        try:
            bucket.folder.mkdir(mode=0o700)
        except FileExistsError:
            raise already_yours(name) from None
        sync_folder(self._root)

    def delete(self, name: str) -> None:
        """Remove an empty bucket.

        Raises
        ------
        S3Error
            ``BucketNotEmpty``, or ``InvalidBucketState`` for the workspace's own.
        """
        bucket = self.get(name)
        if bucket.is_default:
            msg = f"{name!r} is the workspace's own bucket, which stays as long as the workspace."
            raise S3Error("InvalidBucketState", msg, BucketName=name)
        try:
            for folder, _, _ in os.walk(bucket.folder, topdown=False):
                Path(folder).rmdir()
        except OSError as error:
            msg = f"The bucket {name!r} is not empty. Delete its objects first."
            raise S3Error("BucketNotEmpty", msg, BucketName=name) from error
        sync_folder(self._root)
        shutil.rmtree(bucket.private, ignore_errors=True)

    def _bucket(self, name: str) -> Bucket:
        private = self._root / S3_FOLDER / name
        return Bucket(name, self._folder(name), private, is_default=name == self._default)

    def _folder(self, name: str) -> Path:
        return self._root / name


def no_such_bucket(name: str) -> S3Error:
    """Return that there is no bucket of this name."""
    msg = f"There is no bucket {name!r} in this workspace."
    return S3Error("NoSuchBucket", msg, BucketName=name)


def already_yours(name: str) -> S3Error:
    """Return that the bucket exists."""
    msg = f"The bucket {name!r} exists, and it is yours."
    return S3Error("BucketAlreadyOwnedByYou", msg, BucketName=name)
