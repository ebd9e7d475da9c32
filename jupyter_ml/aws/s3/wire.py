"""AWS REST XML: which operation a request asks for, its members, and answers as XML.

Everything comes from botocore's model of S3, so that an operation which is not there can be named
and a member that nobody has thought of is not overlooked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyter_ml.aws.s3 import documents
from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.contract import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_ml.aws.s3.signing import Head

Json = dict[str, Any]

# They share their address with an operation that everybody means.
_OVERSHADOWED = {"ListDirectoryBuckets"}
# Times that are kept as they were written.
_TEXTS = {"Expires", "ResponseExpires"}


@dataclass(frozen=True)
class Route:
    """An operation and how a request for it looks.

    Parameters
    ----------
    name
        Of the operation.
    method
        HTTP method.
    depth
        0 for the service, 1 for a bucket, 2 for an object.
    flags
        What its address has in its query, such as ``list-type=2``.
    required
        Query parameters and headers that it cannot do without, in lower case.
    """

    name: str
    method: str
    depth: int
    flags: frozenset[tuple[str, str]]
    required: frozenset[tuple[str, str]]

    @property
    def members(self) -> Mapping[str, Any]:
        """The members of its request as the model has them."""
        members: Mapping[str, Any] = _input(self.name).get("members", {})
        return members

    @property
    def streams(self) -> bool:
        """Whether its body is the bytes of an object."""
        payload = _input(self.name).get("payload")
        return payload is not None and _is_blob(self.members[payload])

    def fits(self, head: Head, depth: int, query: Mapping[str, str]) -> bool:
        """Return whether a request asks for it."""
        there = {"querystring": query, "header": head.headers}
        return (
            (self.method, self.depth) == (head.method, depth)
            and all(query.get(name) == value for name, value in self.flags)
            and all(name in there[place] for place, name in self.required)
        )


def split(below: str) -> tuple[str, str]:
    """Return the bucket and the key, decoded, that a path names; either may be empty.

    Raises
    ------
    S3Error
        ``InvalidArgument``: it is not UTF-8.
    """
    bucket, _, key = below.removeprefix("/").partition("/")
    try:
        return unquote(bucket, errors="strict"), unquote(key, errors="strict")
    except UnicodeDecodeError as error:
        raise S3Error("InvalidArgument", f"The path {below!r} is not UTF-8.") from error


def route(head: Head) -> Route:
    """Return the operation that a request asks for.

    Raises
    ------
    S3Error
        ``MethodNotAllowed``: none.
    """
    bucket, key = split(head.below)
    depth = 2 if key else 1 if bucket else 0
    query = dict(head.parameters)
    found = [each for each in _routes() if each.fits(head, depth, query)]
    if not found:
        if (head.method, depth) == ("POST", 1):
            raise not_implemented("PostObject", "an upload by an HTML form; use a presigned PUT")
        msg = f"S3 has no {head.method} of {head.below!r} with this query."
        raise S3Error("MethodNotAllowed", msg)
    return max(found, key=lambda each: len(each.flags) + len(each.required))


def not_implemented(what: str, instead: str = "") -> S3Error:
    """Return that S3 has something that is not there."""
    more = f": {instead}" if instead else ""
    return S3Error("NotImplemented", f"{what} is not implemented by this workspace's S3{more}.")


def parse(asked: Route, head: Head, ignored: Iterable[str]) -> Json:
    """Return the members that a request's path, query and headers have.

    Parameters
    ----------
    asked
        The operation.
    head
        The request.
    ignored
        Query parameters that mean nothing to an operation.

    Raises
    ------
    S3Error
        ``NotImplemented`` or ``InvalidArgument``: a parameter or header is unknown, or a value
        cannot be read.
    """
    bucket, key = split(head.below)
    uri = {"Bucket": bucket, "Key": key}
    query = dict(head.parameters)
    unknown = set(query) - {name for name, _ in asked.flags} - set(ignored)
    request: Json = {}
    known = set()
    for name, member in asked.members.items():
        place, wire = member.get("location"), member.get("locationName", "")
        if place == "uri":
            request[name] = uri[name]
        elif place == "querystring":
            unknown.discard(wire)
            if wire in query:
                request[name] = _value(name, member, query[wire])
        elif place == "header":
            known.add(wire.lower())
            if wire.lower() in head.headers:
                request[name] = _value(name, member, head.headers[wire.lower()])
        elif place == "headers":
            request[name] = {
                header[len(wire) :]: value
                for header, value in head.headers.items()
                if header.startswith(wire)
            }
    strange = [
        header
        for header in head.headers
        if header.startswith("x-amz-")
        and header not in known | _TRANSPORT
        and not (header.startswith("x-amz-meta-") and "Metadata" in request)
    ]
    if strange or unknown:
        what = ", ".join(sorted(strange) or sorted(unknown))
        kind = "header" if strange else "parameter"
        raise not_implemented(f"The {kind} {what} of {asked.name}")
    return request


def parse_body(asked: Route, body: bytes) -> Json:
    """Return the member that a request's body is; empty where there is none.

    Raises
    ------
    S3Error
        ``MalformedXML``.
    """
    payload = _input(asked.name).get("payload")
    if payload is None or not body.strip():
        return {}
    return {payload: documents.read(body, asked.members[payload]["shape"])}


def serialise(name: str, answer: Json, root: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an answer.

    Parameters
    ----------
    name
        Of the operation.
    answer
        By the members of the model.
    root
        Name of the XML's outermost element; empty where there is no body.
    """
    operation = model.document("s3")["operations"][name]
    shapes = model.document("s3")["shapes"]
    shape = shapes[operation["output"]["shape"]] if "output" in operation else {"members": {}}
    headers: dict[str, str] = {}
    inside: Json = {}
    for member, value in answer.items():
        reference = shape["members"][member]
        place = reference.get("location")
        if place == "headers":
            prefix = reference["locationName"]
            headers.update({f"{prefix}{key}": text for key, text in value.items()})
        elif place == "header":
            headers[reference["locationName"]] = _header_text(reference, value)
        else:
            inside[member] = value
    if not root:
        return headers, b""
    payload = shape.get("payload")
    if payload is not None:
        content = documents.elements(inside.get(payload, {}), shape["members"][payload]["shape"])
    else:
        content = documents.elements(inside, operation["output"]["shape"])
    headers["Content-Type"] = documents.CONTENT_TYPE
    return headers, documents.document(root, content)


_TRANSPORT = {
    "x-amz-api-version",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
    # How the checksum was made that comes beside the body; the operations that have no member for
    # it verify what comes with a body all the same.
    "x-amz-sdk-checksum-algorithm",
    *(
        f"x-amz-checksum-{name}"
        for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5")
    ),
}


@cache
def _routes() -> tuple[Route, ...]:
    return tuple(
        _route(name, operation)
        for name, operation in model.document("s3")["operations"].items()
        if name not in _OVERSHADOWED
        and re.fullmatch(r"/(\{Bucket\}(/\{Key\+\})?)?(\?.*)?", operation["http"]["requestUri"])
    )


def _route(name: str, operation: Json) -> Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    shape = _input(name)
    places = ("querystring", "header")
    required = [shape["members"][member] for member in shape.get("required", ())]
    return Route(
        name=name,
        method=operation["http"]["method"],
        depth=path.count("{"),
        flags=frozenset(
            (flag, value)
            for flag, _, value in (part.partition("=") for part in query.split("&"))
            if flag
        ),
        required=frozenset(
            (each["location"], _wire_name(each))
            for each in required
            if each.get("location") in places
        ),
    )


def _wire_name(member: Json) -> str:
    name: str = member["locationName"]
    return name.lower() if member["location"] == "header" else name


def _input(name: str) -> Json:
    document = model.document("s3")
    reference = document["operations"][name].get("input")
    shape: Json = document["shapes"][reference["shape"]] if reference else {}
    return shape


def _type(member: Json) -> str:
    kind: str = model.document("s3")["shapes"][member["shape"]]["type"]
    return kind


def _is_blob(member: Json) -> bool:
    return _type(member) == "blob"


def _value(name: str, member: Json, text: str) -> Any:
    kind = _type(member)
    try:
        if kind in {"integer", "long"}:
            return int(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if kind == "timestamp" and name not in _TEXTS:
            return documents.seconds_of(text)
    except (ValueError, KeyError) as error:
        msg = f"{member.get('locationName', name)} must be of type {kind}, not {text!r}."
        raise S3Error("InvalidArgument", msg) from error
    return text


def _header_text(reference: Json, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if _type(reference) == "timestamp" and isinstance(value, float):
        return documents.http_date(value)
    return str(value)
