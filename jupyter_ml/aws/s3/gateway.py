"""From a signed request to an answer, with nothing of a web framework in it.

A request is begun when its head is there: who asks, what for, and whether that can be. Then its
body is fed, as it arrives, and finished; an answer may have an object to be sent behind it. Every
step may wait for a disk, so none is for an event loop's own thread.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from jupyter_ml.aws.s3 import documents, multipart, operations, transfers, wire
from jupyter_ml.aws.s3.bodies import Body, Buffer, length_of
from jupyter_ml.aws.s3.buckets import Buckets
from jupyter_ml.aws.s3.checksums import announced, hasher
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.members import MEMBERS
from jupyter_ml.aws.s3.names import path_of
from jupyter_ml.aws.s3.presigned import PARAMETERS, authenticate
from jupyter_ml.contract.errors import (
    InsufficientStorage,
    ResourceLimitExceeded,
    ValidationException,
    answer_to,
)
from jupyter_ml.contract.members import check_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.keys import KeyPair
    from jupyter_ml.aws.s3.bodies import Sink
    from jupyter_ml.aws.s3.drafts import Draft
    from jupyter_ml.aws.s3.operations import Service
    from jupyter_ml.aws.s3.signing import Head
    from jupyter_ml.aws.s3.wire import Route
    from jupyter_ml.core.workspace import Workspace

Json = dict[str, Any]
log = logging.getLogger(__name__)

_PLAIN: dict[str, Callable[[Service, Json], Json | bytes]] = {
    "ListBuckets": operations.list_buckets,
    "CreateBucket": operations.create_bucket,
    "HeadBucket": operations.head_bucket,
    "GetBucketLocation": operations.get_bucket_location,
    "GetBucketVersioning": operations.get_bucket_versioning,
    "DeleteBucket": operations.delete_bucket,
    "ListObjects": operations.list_objects,
    "ListObjectsV2": operations.list_objects_v2,
    "CopyObject": transfers.copy,
    "DeleteObject": operations.delete_one,
    "DeleteObjects": operations.delete_objects,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "UploadPartCopy": transfers.copy_part,
    "ListParts": multipart.list_parts,
    "ListMultipartUploads": multipart.list_multipart_uploads,
    "CompleteMultipartUpload": multipart.complete_multipart_upload,
    "AbortMultipartUpload": multipart.abort_multipart_upload,
}
_TAKING = {"PutObject": transfers.put, "UploadPart": transfers.put_part}
_GIVING = ("GetObject", "HeadObject")
OPERATIONS: dict[str, Callable[..., Any]] = {
    **_PLAIN,
    **_TAKING,
    **dict.fromkeys(_GIVING, transfers.read),
}
"""The function of each operation that is there."""
# The outermost element of an answer, which the model does not know.
_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "CopyObject": "CopyObjectResult",
    "DeleteObjects": "DeleteResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "UploadPartCopy": "CopyPartResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
}
_NO_CONTENT = {"DeleteBucket", "DeleteObject", "AbortMultipartUpload"}
# What says nothing to an operation: how the address was signed, and who made it.
_IGNORED = {*PARAMETERS, "x-id"}
_BARE = {204, 304}


@dataclass
class Answer:
    """What goes back to the caller.

    Parameters
    ----------
    status, headers
        Of the answer.
    content
        The body, where that is no object.
    reading
        The object to be sent, to be closed by whoever sends it.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    reading: transfers.Reading | None = None

    @property
    def file(self) -> IO[bytes] | None:
        """The file to be sent, at its first byte."""
        file = self.reading.opened.file if self.reading else None
        if file is not None and self.reading is not None:
            file.seek(self.reading.first)
        return file

    def close(self) -> None:
        """Let go of the object."""
        if self.reading is not None:
            self.reading.opened.close()


class Gateway:
    """Answers requests of S3 clients for one workspace.

    Parameters
    ----------
    workspace
        Whose buckets.
    keys
        The pair that requests must be signed with.
    clock
        Returns the time in seconds since the epoch.
    """

    def __init__(
        self, workspace: Workspace, keys: KeyPair, clock: Callable[[], float] = time.time
    ) -> None:
        settings = workspace.settings
        self._secrets = {keys.access_key_id: keys.secret_access_key}
        self._clock = clock
        self.service = operations.Service(
            Buckets(workspace.artifacts),
            settings.region,
            settings.account_id,
            settings.user,
            workspace.artifacts.require_space,
        )

    def begin(self, head: Head) -> Exchange:
        """Return a request that may go on.

        Raises
        ------
        S3Error
            It may not; `refusal` makes an answer of it.
        """
        proof = authenticate(head, self._secrets, region=self.service.region, now_s=self._clock())
        route = wire.route(head)
        if route.name not in OPERATIONS:
            raise wire.not_implemented(route.name)
        request = wire.parse(route, head, _IGNORED)
        _check(route.name, request, self.service)
        # Where an object is made of parts, what comes is its checksum, not that of the list.
        of_body = route.streams or "ChecksumCRC32" not in route.members
        checksum = announced(head.headers) if of_body else (None, None)
        sink = self._sink(route, head, request, checksum[0])
        try:
            body = Body(head, proof, sink, checksum)
        except BaseException:
            sink.discard()
            raise
        return Exchange(self.service, route, request, sink, body)

    def _sink(self, route: Route, head: Head, request: Json, algorithm: str | None) -> Sink:
        """Return where the body goes, once it is clear that there is a place for it."""
        if not route.streams:
            return Buffer(hasher(algorithm) if algorithm else None)
        length = length_of(head)
        if length is None:
            raise S3Error("MissingContentLength", "Say the length of the body: Content-Length.")
        if length > transfers.MOST_BYTES:
            msg = (
                f"The body has {length:,} bytes, and at most {transfers.MOST_BYTES:,} may come at "
                "once. Upload it in parts."
            )
            raise S3Error("EntityTooLarge", msg)
        bucket = self.service.buckets.get(request["Bucket"])
        path_of(bucket.folder, request["Key"])
        if route.name == "UploadPart":
            upload = transfers.check_part(self.service, request)
            algorithm = algorithm or upload.algorithm
        self.service.require_space(length, f"Writing {request['Key']!r}")
        return bucket.draft(hasher(algorithm) if algorithm else None)


class Exchange:
    """A request that has begun; its methods may be called by any thread.

    Parameters
    ----------
    service
        What it works on.
    route, request
        What is asked for.
    sink, body
        Take what arrives.
    """

    def __init__(
        self, service: Service, route: Route, request: Json, sink: Sink, body: Body
    ) -> None:
        self._service, self._route, self._request = service, route, request
        self._sink, self._body = sink, body
        self._turn = Lock()
        self._is_over = False

    def feed(self, data: bytes) -> None:
        """Take bytes of the body.

        Raises
        ------
        S3Error
            They are not what was announced, or do not fit.
        """
        with self._turn:
            if not self._is_over:
                self._body.feed(data)

    def finish(self) -> Answer:
        """Do what was asked for, now that the body is there; return the answer.

        Raises
        ------
        S3Error
            It cannot be done; nothing of it is visible.
        """
        with self._turn:
            try:
                if self._is_over:
                    raise S3Error("IncompleteBody", "The connection was closed.")
                return self._answer()
            finally:
                self._end()

    def abort(self) -> None:
        """Forget what has arrived; harmless when the request is over."""
        with self._turn:
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._sink.discard()

    def _answer(self) -> Answer:
        name, request = self._route.name, self._request
        checksum = self._body.finish()
        if name in _GIVING:
            reading = transfers.read(self._service, request)
            headers, _ = wire.serialise(name, reading.answer, "")
            return Answer(reading.status, headers, reading=reading)
        if name in _TAKING:
            draft: Draft = self._sink  # type: ignore[assignment]  # what streams goes to a draft
            answer: Json | bytes = _TAKING[name](self._service, request, draft, checksum)
        else:
            sink: Buffer = self._sink  # type: ignore[assignment]
            request.update(wire.parse_body(self._route, bytes(sink.content)))
            _check(name, request, self._service)
            answer = _PLAIN[name](self._service, request)
        if isinstance(answer, bytes):
            return Answer(200, {"Content-Type": documents.CONTENT_TYPE}, answer)
        headers, content = wire.serialise(name, answer, _ROOTS.get(name, ""))
        return Answer(204 if name in _NO_CONTENT else 200, headers, content)


def refusal(error: Exception, head: Head) -> Answer:
    """Return an error in the shape that S3 clients read; one of ours is logged."""
    answer = answer_to(error)
    if isinstance(answer, InsufficientStorage | ResourceLimitExceeded):
        error = S3Error("InsufficientStorage", answer.message)
    elif answer is not None and not isinstance(error, S3Error):
        error = S3Error("InternalError", answer.message)
    if not isinstance(error, S3Error):
        log.error("%s %s failed", head.method, head.below, exc_info=error)
        error = S3Error("InternalError", "The server failed; its log has the traceback.")
    if error.status in _BARE or head.method == "HEAD":
        return Answer(error.status)
    request_id = uuid4().hex
    elements = {
        "Code": error.code,
        "Message": error.message,
        **error.details,
        "Resource": head.below,
        "RequestId": request_id,
    }
    # An error must be read whatever the key has that XML lacks.
    shown = {
        name: "".join(each if each.isprintable() else "\ufffd" for each in text)
        for name, text in elements.items()
    }
    content = "".join(documents.element(name, text) for name, text in shown.items())
    headers = {"Content-Type": documents.CONTENT_TYPE, "x-amz-request-id": request_id}
    return Answer(error.status, headers, documents.document("Error", content, None))


def _check(name: str, request: Json, service: Service) -> None:
    """Refuse what a request asks for and this S3 does not do.

    Raises
    ------
    S3Error
        ``NotImplemented``, or ``AccessDenied`` where the bucket is expected to be another's.
    """
    try:
        check_members(name, request, MEMBERS[name])
    except ValidationException as error:
        raise S3Error("NotImplemented", error.message) from error
    for member, meant in _MEANT.items():
        if request.get(member, meant[0]) not in meant:
            msg = f"{member} can only be {' or '.join(meant)} here, not {request[member]!r}."
            raise S3Error("NotImplemented", msg)
    owner = request.get("ExpectedBucketOwner", service.account_id)
    if owner != service.account_id:
        msg = f"The bucket {request['Bucket']!r} is not of the account {owner!r}."
        raise S3Error("AccessDenied", msg)


_MEANT = {
    "ACL": ("private", "bucket-owner-full-control"),
    "StorageClass": ("STANDARD",),
    "RequestPayer": ("requester",),
}
