"""Bodies of requests: taken in as they arrive, and proved to be what was sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Protocol

from jupyter_ml.aws.s3.checksums import Checksum, encoded
from jupyter_ml.aws.s3.chunks import KINDS, ChunkDecoder
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.aws.s3.signing import UNSIGNED

if TYPE_CHECKING:
    from jupyter_ml.aws.s3.checksums import Hasher
    from jupyter_ml.aws.s3.signing import Head, Proof

# The longest list of parts or keys that S3 takes is not half as long.
MAX_DOCUMENT_BYTES = 4 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Sink(Protocol):
    """Where the bytes of a body go, hashed on the way."""

    check: Hasher | None

    @property
    def size(self) -> int:
        """Bytes so far."""

    @property
    def md5(self) -> str:
        """MD5 of what was written so far, in hex."""

    def write(self, data: bytes) -> None:
        """Take a piece."""

    def discard(self) -> None:
        """Forget everything."""


class Buffer:
    """A document, kept in memory."""

    def __init__(self, check: Hasher | None = None) -> None:
        self.check = check
        self.content = bytearray()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self.content)

    @property
    def md5(self) -> str:
        """MD5 of what was written so far, in hex."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    def write(self, data: bytes) -> None:
        """Take a piece.

        Raises
        ------
        S3Error
            ``EntityTooLarge``.
        """
        if self.size + len(data) > MAX_DOCUMENT_BYTES:
            msg = f"The body of such a request may have {MAX_DOCUMENT_BYTES:,} bytes."
            raise S3Error("EntityTooLarge", msg)
        if self.check is not None:
            self.check.update(data)
        self.content += data

    def discard(self) -> None:
        """Forget everything."""
        self.content.clear()


def length_of(head: Head) -> int | None:
    """Return how many bytes the body says it has, without those that frame its chunks.

    Raises
    ------
    S3Error
        ``InvalidArgument``: that is no number.
    """
    name = "x-amz-decoded-content-length"
    text = head.headers.get(name, head.headers.get("content-length"))
    if text is None:
        return None
    if not text.isdecimal():
        raise S3Error("InvalidArgument", f"The length of the body must be a number, not {text!r}.")
    return int(text)


class Body:
    """The body of one request.

    Parameters
    ----------
    head, proof
        Say how it comes.
    sink
        Where its bytes go.
    checksum
        Algorithm and value of the checksum that it is to have, as `checksums.announced` returns
        them; `sink.check` computes it.
    """

    def __init__(
        self, head: Head, proof: Proof, sink: Sink, checksum: tuple[str | None, str | None]
    ) -> None:
        self._head, self._sink = head, sink
        kind = proof.payload
        if kind not in {UNSIGNED, *KINDS} and not _SHA256.fullmatch(kind):
            raise S3Error("InvalidArgument", f"x-amz-content-sha256 cannot be {kind!r}.")
        self._decoder = ChunkDecoder(kind, proof.seed) if kind in KINDS else None
        self._sha256 = kind if _SHA256.fullmatch(kind) else None
        self._hash = hashlib.sha256()
        self._algorithm, self._expected = checksum
        self._length = length_of(head)

    def feed(self, data: bytes) -> None:
        """Take what has arrived.

        Raises
        ------
        S3Error
            It is not in the form that was announced, or too long.
        """
        if self._sha256 is not None:
            self._hash.update(data)
        for piece in self._decoder.feed(data) if self._decoder else (data,):
            self._sink.write(piece)
        if self._length is not None and self._sink.size > self._length:
            msg = f"The body has more bytes than the {self._length:,} that were announced."
            raise S3Error("IncompleteBody", msg)

    def finish(self) -> Checksum | None:
        """Check that everything arrived; return the checksum that came with it.

        Raises
        ------
        S3Error
            ``IncompleteBody``, ``XAmzContentSHA256Mismatch``, ``BadDigest``, ``InvalidDigest``.
        """
        if self._decoder is not None:
            self._decoder.finish()
        if self._length is not None and self._sink.size != self._length:
            msg = f"{self._sink.size:,} bytes of {self._length:,} arrived."
            raise S3Error("IncompleteBody", msg)
        if self._sha256 is not None and self._hash.hexdigest() != self._sha256:
            msg = "The body is not the one that x-amz-content-sha256 was computed from."
            raise S3Error("XAmzContentSHA256Mismatch", msg)
        self._check_md5()
        return self._checked()

    def _check_md5(self) -> None:
        text = self._head.headers.get("content-md5")
        if text is None:
            return
        try:
            digest = base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            digest = ""
        if len(digest) != 32:
            raise S3Error("InvalidDigest", f"Content-MD5 {text!r} is not an MD5 in base64.")
        if digest != self._sink.md5:
            raise S3Error("BadDigest", "The body does not have the MD5 that Content-MD5 says.")

    def _checked(self) -> Checksum | None:
        if self._algorithm is None or self._sink.check is None:
            return None
        expected = self._expected
        name = f"x-amz-checksum-{self._algorithm.lower()}"
        if expected is None:
            expected = self._decoder.trailers.get(name) if self._decoder else None
        if expected is None:
            raise S3Error("InvalidRequest", f"The trailer {name} was announced and did not come.")
        made = encoded(self._sink.check.digest())
        if made != expected:
            msg = f"The {self._algorithm} you specified did not match what we received: {made}."
            raise S3Error("BadDigest", msg)
        return Checksum(self._algorithm, made)
