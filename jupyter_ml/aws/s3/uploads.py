"""Multipart uploads: parts that arrive in any order, and become one object or nothing."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from jupyter_ml.aws.s3.checksums import Checksum, composite, encoded, hasher
from jupyter_ml.aws.s3.drafts import sync_folder
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.names import path_of
from jupyter_ml.aws.s3.objects import find_record, put_object
from jupyter_ml.aws.s3.records import Record
from jupyter_ml.core.versions import known
from jupyter_ml.engine.durable import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.aws.s3.buckets import Bucket
    from jupyter_ml.aws.s3.drafts import Draft

LEAST_PART_BYTES = 5 << 20
MOST_PARTS = 10_000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Part:
    """A part that has arrived."""

    number: int
    size: int
    etag: str
    modified_at: float
    checksum: Checksum | None = None


@dataclass(frozen=True)
class Named:
    """A part as the request to complete names it; `checksum` is the value, if it says one."""

    number: int
    etag: str
    checksum: str | None = None


@dataclass(frozen=True)
class Upload:
    """An upload that has begun.

    Parameters
    ----------
    id, key
        Its id, and the key of the object that it will be.
    initiated_at
        In seconds since the epoch.
    headers, metadata
        As in `Record`.
    algorithm, kind
        Of the checksum that the object is to have; `None` for none.
    """

    id: str
    key: str
    initiated_at: float
    headers: dict[str, str]
    metadata: dict[str, str]
    algorithm: str | None = None
    kind: str = "COMPOSITE"


class Uploads:
    """The uploads of a bucket that are neither completed nor aborted.

    Parameters
    ----------
    bucket
        Where the objects go.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._folder = bucket.private / "uploads"

    def begin(
        self,
        key: str,
        headers: dict[str, str],
        metadata: dict[str, str],
        algorithm: str | None,
        kind: str,
    ) -> Upload:
        """Return a new upload."""
        path_of(self._bucket.folder, key)
        now_ns = time.time_ns()
        # Ids sort by when uploads began, as lists of them do.
        name = f"{now_ns:016x}{uuid4().hex[:16]}"
        upload = Upload(name, key, now_ns / 1e9, headers, metadata, algorithm, kind)
        folder = self._folder / upload.id
        folder.mkdir(parents=True, mode=0o700)
        write_json(folder / "upload.json", asdict(upload), sync=True)
        sync_folder(self._folder)
        return upload

    def get(self, upload_id: str, key: str) -> Upload:
        """Return an upload.

        Raises
        ------
        S3Error
            ``NoSuchUpload``: there is none for this key.
        """
        values = read_json(self._of(upload_id) / "upload.json")
        if values is None or values["key"] != key:
            raise _no_such_upload(upload_id)
        return _upload(values)

    def all(self) -> list[Upload]:
        """Return every upload, by key and then in the order in which they began."""
        found = [read_json(path) for path in self._folder.glob("*/upload.json")]
        uploads = [_upload(values) for values in found if values is not None]
        return sorted(uploads, key=lambda one: (one.key.encode(), one.id))

    def put_part(
        self, upload: Upload, number: int, draft: Draft, checksum: Checksum | None
    ) -> Part:
        """Keep a part; a second one of the same number replaces the first."""
        draft.sync()
        part = Part(number, draft.size, draft.md5, draft.seal() / 1e9, checksum)
        folder = self._of(upload.id)
        try:
            # The file's name has its ETag: what a description says is there when it is there.
            draft.place(folder / f"{number:05}.{part.etag}")
            write_json(folder / f"{number:05}.json", asdict(part), sync=True)
        except FileNotFoundError:
            raise _no_such_upload(upload.id) from None
        return part

    def parts(self, upload: Upload) -> list[Part]:
        """Return what has arrived, by number."""
        found = [read_json(path) for path in self._of(upload.id).glob("[0-9]*.json")]
        return sorted((_part(each) for each in found if each), key=lambda part: part.number)

    def complete(
        self,
        upload: Upload,
        named: list[Named],
        checksum: Checksum | None,
        allow: Callable[[Record | None], None],
    ) -> Record:
        """Make one object of the parts that are named; return its record.

        Parameters
        ----------
        upload
            Which.
        named
            The parts, in order.
        checksum
            Of the whole, as the client has it; verified.
        allow
            As in `put_object`.

        Raises
        ------
        S3Error
            ``InvalidPart``, ``InvalidPartOrder``, ``EntityTooSmall`` or ``BadDigest``.
        """
        chosen = self._chosen(upload, named)
        whole = hasher(upload.algorithm) if _is_full(upload) and upload.algorithm else None
        draft = self._bucket.draft(whole)
        try:
            for part in chosen:
                self._append(draft, upload, part)
            made = _whole(upload, chosen, encoded(whole.digest()) if whole else None)
            if checksum is not None and (made is None or made.value != checksum.value):
                msg = (
                    f"The {checksum.algorithm} of the parts is {made and made.value}, not "
                    f"{checksum.value!r}."
                )
                raise S3Error("BadDigest", msg)
            record = Record(0, 0, _etag(chosen), upload.headers, upload.metadata, made, upload.id)
            placed = put_object(self._bucket, upload.key, draft, record, allow)
        finally:
            draft.discard()
        self.abort(upload)
        return placed

    def completed(self, upload_id: str, key: str) -> Record | None:
        """Return the record of the object that an upload has become, for who asks again."""
        record = find_record(self._bucket, key)
        return record if record is not None and record.upload_id == upload_id else None

    def abort(self, upload: Upload) -> None:
        """Remove an upload with its parts."""
        folder = self._of(upload.id)
        # First what makes it one, so that half of one is never found.
        (folder / "upload.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        sync_folder(self._folder)

    def _chosen(self, upload: Upload, named: list[Named]) -> list[Part]:
        if not named:
            raise S3Error("MalformedXML", "CompleteMultipartUpload names no parts.")
        numbers = [each.number for each in named]
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder", f"Parts must be named in order, not {numbers}.")
        there = {part.number: part for part in self.parts(upload)}
        for each in named:
            part = there.get(each.number)
            value = part.checksum.value if part and part.checksum else None
            if part is None or part.etag != each.etag or each.checksum not in {None, value}:
                msg = (
                    f"Part {each.number} is not there with the ETag {each.etag!r} and the checksum "
                    f"{each.checksum}. Upload it again."
                )
                raise S3Error("InvalidPart", msg, PartNumber=str(each.number))
        chosen = [there[number] for number in numbers]
        for part in chosen[:-1]:
            if part.size < LEAST_PART_BYTES:
                msg = (
                    f"Part {part.number} has {part.size:,} bytes; all but the last need "
                    f"{LEAST_PART_BYTES:,}."
                )
                raise S3Error("EntityTooSmall", msg, PartNumber=str(part.number))
        return chosen

    def _append(self, draft: Draft, upload: Upload, part: Part) -> None:
        try:
            with (self._of(upload.id) / f"{part.number:05}.{part.etag}").open("rb") as file:
                copy_range(file, draft, 0, part.size)
        except FileNotFoundError:
            raise _no_such_upload(upload.id) from None

    def _of(self, upload_id: str) -> Path:
        if len(upload_id) != 32 or not upload_id.isalnum():
            raise _no_such_upload(upload_id)
        return self._folder / upload_id


def copy_range(file: IO[bytes], draft: Draft, first: int, size: int) -> None:
    """Add `size` bytes of a file, from `first` on, to a draft."""
    file.seek(first)
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise S3Error("InternalError", f"{file.name} became shorter while it was read.")
        draft.write(block)
        size -= len(block)


def _part(values: dict[str, Any]) -> Part:
    found = known(Part, values, "The description of a part")
    checksum = values.get("checksum")
    return Part(**{**found, "checksum": Checksum(**checksum) if checksum else None})


def _upload(values: dict[str, Any]) -> Upload:
    return Upload(**known(Upload, values, "The description of an upload"))


def _is_full(upload: Upload) -> bool:
    return upload.kind == "FULL_OBJECT"


def _whole(upload: Upload, parts: list[Part], full: str | None) -> Checksum | None:
    if upload.algorithm is None:
        return None
    if full is not None:
        return Checksum(upload.algorithm, full)
    values = [part.checksum.value for part in parts if part.checksum is not None]
    if len(values) != len(parts):
        msg = f"The upload was begun with {upload.algorithm}, which some of its parts lack."
        raise S3Error("InvalidRequest", msg)
    return composite(upload.algorithm, values)


def _etag(parts: list[Part]) -> str:
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _no_such_upload(upload_id: str) -> S3Error:
    msg = (
        f"There is no upload {upload_id!r} for this key; it was completed, aborted or never begun."
    )
    return S3Error("NoSuchUpload", msg, UploadId=upload_id)
