"""The checksums that S3 clients send with a body and ask for with an object."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_ml.aws.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CRC32C = (0x82F63B78, 4)  # reflected polynomial, bytes
_CRC64NVME = (0x9A6C9329AC4BC9B5, 8)


class Hasher(Protocol):
    """What is fed pieces of a body and then says its digest."""

    def update(self, data: bytes, /) -> object:
        """Take the next piece."""

    def digest(self) -> bytes:
        """Return the digest of what was fed so far."""


class Crc:
    """A cyclic redundancy check with the interface of `hashlib`.

    Parameters
    ----------
    step
        Returns the check of some data, given that of what came before.
    size
        Bytes of the digest.
    """

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step, self._size = step, size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take the next piece."""
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """Return the check of what was fed so far, big-endian."""
        return self._value.to_bytes(self._size, "big")


@dataclass(frozen=True)
class Checksum:
    """The checksum of an object.

    Parameters
    ----------
    algorithm
        S3's name of it, such as ``CRC32``.
    value
        Base64; of a composite one with ``-`` and the number of parts.
    kind
        ``FULL_OBJECT``, or ``COMPOSITE``: of the checksums of the parts.
    """

    algorithm: str
    value: str
    kind: str = "FULL_OBJECT"

    @property
    def member(self) -> str:
        """Name of the member that carries it, such as ``ChecksumCRC32``."""
        return f"Checksum{self.algorithm}"


def hasher(algorithm: str) -> Hasher:
    """Return a new hasher.

    Raises
    ------
    S3Error
        ``NotImplemented``: there is no such algorithm here; the message has those there are.
    """
    made = _ALGORITHMS.get(algorithm)
    if made is None:
        msg = (
            f"The checksum algorithm {algorithm!r} is not there; "
            f"use one of {', '.join(_ALGORITHMS)}."
        )
        raise S3Error("NotImplemented", msg)
    return made()


def encoded(digest: bytes) -> str:
    """Return a digest as headers have it."""
    return base64.b64encode(digest).decode()


def composite(algorithm: str, parts: list[str]) -> Checksum:
    """Return the checksum of an object whose parts have these checksums, base64 each."""
    whole = hasher(algorithm)
    for part in parts:
        whole.update(base64.b64decode(part))
    return Checksum(algorithm, f"{encoded(whole.digest())}-{len(parts)}", "COMPOSITE")


def announced(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the algorithm and the value that a request's headers carry for its body.

    The value is `None` where it comes in a trailer behind the body.

    Raises
    ------
    S3Error
        There are several, or the trailer is none of a checksum.
    """
    given = {
        name.removeprefix(_HEADER).upper(): value
        for name, value in headers.items()
        if name.startswith(_HEADER) and name not in _NO_VALUES
    }
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer:
        if not trailer.startswith(_HEADER):
            raise S3Error("InvalidRequest", f"The trailer {trailer!r} is not of a checksum.")
        given.setdefault(trailer.removeprefix(_HEADER).upper(), "")
    if len(given) > 1:
        msg = f"A body has one checksum, not {len(given)}: {', '.join(sorted(given))}."
        raise S3Error("InvalidRequest", msg)
    for algorithm, value in given.items():
        return algorithm, value or None
    return None, None


_HEADER = "x-amz-checksum-"
_NO_VALUES = {"x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"}


def _crc32() -> Crc:
    return Crc(zlib.crc32, 4)


def _crc32c() -> Crc:
    native = _native()
    return Crc(native.crc32c if native else _stepper(*_CRC32C), 4)


def _crc64nvme() -> Crc:
    native = _native()
    return Crc(native.crc64nvme if native else _stepper(*_CRC64NVME), 8)


@cache
def _native() -> Any:
    """Return the module that has the rarer checks in C: whoever sends them mostly has it."""
    try:
        from awscrt import checksums  # noqa: PLC0415  (optional)
    except ImportError:
        return None
    return checksums


@cache
def _stepper(polynomial: int, size: int) -> Callable[[bytes, int], int]:
    """Return a step in Python: some 20 MB/s, two bytes at a time."""
    ones = (1 << 8 * size) - 1
    single = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        single.append(value)
    double = []
    for pair in range(1 << 16):
        first = single[pair & 255] ^ (pair >> 8)
        double.append(single[first & 255] ^ (first >> 8))

    def step(data: bytes, before: int) -> int:
        value = before ^ ones
        even = len(data) & ~1
        for pair in memoryview(data)[:even].cast("H") if even else ():
            value = double[(value ^ pair) & 0xFFFF] ^ (value >> 16)
        for byte in data[even:]:
            value = single[(value ^ byte) & 255] ^ (value >> 8)
        return value ^ ones

    return step


_ALGORITHMS: dict[str, Callable[[], Hasher]] = {
    "CRC32": _crc32,
    "CRC32C": _crc32c,
    "CRC64NVME": _crc64nvme,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
}
ALGORITHMS = tuple(_ALGORITHMS)
