"""What is kept with an object beside its bytes, as requests and answers carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.aws.s3.errors import S3Error

if TYPE_CHECKING:
    from jupyter_ml.aws.s3.checksums import Checksum

Json = dict[str, Any]
# With what headers an object was put, it is given out again, unless the reader asks for others.
KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)


def kept_headers(request: Json) -> dict[str, str]:
    """Return the headers that are kept with an object.

    Raises
    ------
    S3Error
        ``MetadataTooLarge``: the user's metadata has more than 2 KiB.
    """
    size = sum(len(name) + len(text) for name, text in request["Metadata"].items())
    if size > 2048:
        msg = f"The metadata has {size:,} bytes, and 2,048 are allowed."
        raise S3Error("MetadataTooLarge", msg)
    kept = {name: request[name] for name in KEPT if request.get(name)}
    encodings = [each.strip() for each in kept.pop("ContentEncoding", "").split(",")]
    rest = [each for each in encodings if each and each != "aws-chunked"]
    return {**kept, **({"ContentEncoding": ",".join(rest)} if rest else {})}


def checksum_members(checksum: Checksum | None, *, with_kind: bool = True) -> Json:
    """Return the members that say a checksum."""
    if checksum is None:
        return {}
    kind = {"ChecksumType": checksum.kind} if with_kind else {}
    return {checksum.member: checksum.value, **kind}


def quoted(etag: str) -> str:
    """Return an ETag as headers and documents have it."""
    return f'"{etag}"'
