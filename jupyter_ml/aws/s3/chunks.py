"""Bodies that come in pieces of their own with a trailer behind them (``aws-chunked``).

Each piece is preceded by its size in hex, in the signed form with a signature that goes on from
the one before; a checksum may follow the last piece. Pieces are handed on as they arrive: nothing
is kept but the line that is not complete yet.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from jupyter_ml.aws.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.aws.s3.signing import Seed

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
KINDS = (UNSIGNED_TRAILER, SIGNED, SIGNED_TRAILER)

_MAX_LINE = 4096
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_NOTHING = hashlib.sha256().hexdigest()


class ChunkDecoder:
    """Takes a body apart as it arrives.

    Parameters
    ----------
    kind
        One of `KINDS`.
    seed
        What signatures go on from; needed for the signed kinds.
    """

    def __init__(self, kind: str, seed: Seed | None) -> None:
        if kind != UNSIGNED_TRAILER and seed is None:
            raise S3Error("InvalidRequest", f"A presigned address cannot have {kind}.")
        self._seed = seed if kind != UNSIGNED_TRAILER else None
        self._signature = seed.signature if seed else ""
        self._claimed = ""
        self._hash = hashlib.sha256()
        self._buffer = b""
        self._left = 0
        self._state = "size"
        self._trailer: list[tuple[str, str]] = []

    @property
    def trailers(self) -> dict[str, str]:
        """What followed the last piece, by name in lower case."""
        return {name: value for name, value in self._trailer if name != _TRAILER_SIGNATURE}

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes of the object that some bytes of the body hold.

        Raises
        ------
        S3Error
            The body is not in this form, or a signature does not match.
        """
        self._buffer += data
        while self._buffer:
            if self._state == "data":
                piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
                self._left -= len(piece)
                self._hash.update(piece)
                yield piece
                if self._left:
                    return
                self._check_piece()
                self._state = "end"
            else:
                line, found, rest = self._buffer.partition(b"\r\n")
                if not found:
                    if len(line) > _MAX_LINE:
                        raise _malformed("a line does not end")
                    return
                self._buffer = rest
                self._read(line)

    def finish(self) -> None:
        """Check that the body is complete.

        Raises
        ------
        S3Error
            ``IncompleteBody``, or ``SignatureDoesNotMatch`` for the trailer.
        """
        if self._state == "trailer" and self._buffer:
            self._read(self._buffer)
        if self._state not in {"trailer", "done"}:
            raise S3Error("IncompleteBody", "The body ends before its last chunk.")
        self._check_trailer()

    def _read(self, line: bytes) -> None:
        if self._state == "size":
            parts = _SIZE.fullmatch(line)
            if parts is None or (self._seed is not None and parts[2] is None):
                raise _malformed(f"{line[:80]!r} is no size of a chunk")
            self._left, self._claimed = int(parts[1], 16), (parts[2] or b"").decode()
            self._state = "data"
            if self._left == 0:
                self._check_piece()
                self._state = "trailer"
        elif self._state == "end":
            if line:
                raise _malformed("a chunk is longer than it says")
            self._state = "size"
        elif self._state == "trailer" and line:
            name, _, value = line.decode("latin-1").partition(":")
            self._trailer.append((name.strip().lower(), value.strip()))
        else:
            self._state = "done"

    def _check_piece(self) -> None:
        digest, self._hash = self._hash.hexdigest(), hashlib.sha256()
        if self._seed is None:
            return
        lines = ("AWS4-HMAC-SHA256-PAYLOAD", self._signature, _NOTHING, digest)
        self._check(self._seed.sign(*lines), self._claimed)

    def _check_trailer(self) -> None:
        claimed = dict(self._trailer).get(_TRAILER_SIGNATURE)
        if self._seed is None or not self._trailer:
            return
        text = "".join(f"{name}:{value}\n" for name, value in self.trailers.items())
        digest = hashlib.sha256(text.encode()).hexdigest()
        expected = self._seed.sign("AWS4-HMAC-SHA256-TRAILER", self._signature, digest)
        self._check(expected, claimed or "")

    def _check(self, expected: str, claimed: str) -> None:
        if not hmac.compare_digest(expected, claimed):
            msg = "A chunk's signature does not match; the body was changed on the way."
            raise S3Error("SignatureDoesNotMatch", msg)
        self._signature = expected


_TRAILER_SIGNATURE = "x-amz-trailer-signature"


def _malformed(what: str) -> S3Error:
    return S3Error("InvalidRequest", f"The body is not aws-chunked: {what}.")
