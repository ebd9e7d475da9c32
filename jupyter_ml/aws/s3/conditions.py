"""Conditional requests: what may be sent or replaced, given the ETag and the time of change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.aws.s3.errors import S3Error, no_such_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.s3.records import Record

Json = dict[str, Any]


def for_writing(request: Json) -> Callable[[Record | None], None]:
    """Return what refuses to replace or remove an object that does not meet a request's conditions.

    It raises ``PreconditionFailed``, or ``NoSuchKey`` where ``IfMatch`` finds nothing.
    """
    wanted, unwanted, key = request.get("IfMatch"), request.get("IfNoneMatch"), request.get("Key")
    if unwanted not in {None, "*"}:
        msg = f"If-None-Match of a write can only be '*', not {unwanted!r}."
        raise S3Error("NotImplemented", msg)

    def allow(current: Record | None) -> None:
        if unwanted is not None and current is not None:
            raise _failed("If-None-Match", f"it is there with the ETag {current.etag!r}")
        if wanted is not None and current is None:
            raise no_such_key(str(key))
        if wanted is not None and current is not None and not _matches(wanted, current):
            raise _failed("If-Match", f"the ETag is {current.etag!r}")

    return allow


def check_reading(request: Json, record: Record, prefix: str = "") -> bool:
    """Return whether an object is to be sent; `False` where the reader has it already.

    Parameters
    ----------
    request
        Members of a request to read.
    record
        Of the object.
    prefix
        Of the members' names: ``CopySource`` for copies.

    Raises
    ------
    S3Error
        ``PreconditionFailed``.
    """
    given = {name: request.get(f"{prefix}{name}") for name in _MEMBERS}
    # Times travel in whole seconds.
    changed_at = record.mtime_ns // 1_000_000_000
    if given["IfMatch"] is not None:
        if not _matches(given["IfMatch"], record):
            raise _failed("If-Match", f"the ETag is {record.etag!r}")
    elif given["IfUnmodifiedSince"] is not None and changed_at > given["IfUnmodifiedSince"]:
        raise _failed("If-Unmodified-Since", "it was changed later")
    if given["IfNoneMatch"] is not None:
        return not _matches(given["IfNoneMatch"], record)
    since = given["IfModifiedSince"]
    return since is None or changed_at > since


_MEMBERS = ("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince")


def _matches(listed: str, record: Record) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in listed.split(",")]
    return "*" in tags or record.etag in tags


def _failed(header: str, why: str) -> S3Error:
    msg = f"At least one of the pre-conditions you specified did not hold: {why}."
    return S3Error("PreconditionFailed", msg, Condition=header)
