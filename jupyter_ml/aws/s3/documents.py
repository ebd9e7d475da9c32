"""XML documents and times, as S3 writes and reads them, by the shapes of botocore's model.

The answers of services that speak AWS Query are written here too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

from jupyter_ml.aws.s3.errors import S3Error
from jupyter_ml.contract import model

Json = dict[str, Any]
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
CONTENT_TYPE = "application/xml"

# What XML 1.0 has no character for.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\r]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def read(body: bytes, shape_name: str) -> Any:
    """Return what an XML document holds.

    Parameters
    ----------
    body
        The document.
    shape_name
        Of its outermost element, in the model.

    Raises
    ------
    S3Error
        ``MalformedXML``.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise S3Error("MalformedXML", "The body declares a document type; leave that out.")
    try:
        # Without declarations there is nothing in it that could be expanded.
        return _from_xml(ET.fromstring(body), shape_name)  # noqa: S314
    except (ET.ParseError, ValueError, UnicodeError) as error:
        raise S3Error("MalformedXML", f"The body is not the XML it should be: {error}.") from error


def elements(value: Json, shape_name: str, service: str = "s3") -> str:
    """Return the elements of a structure's members, in the order of the model."""
    shapes = model.document(service)["shapes"]
    lines = []
    for name, member in shapes[shape_name]["members"].items():
        if value.get(name) is None:
            continue
        wire, inner = member.get("locationName", name), shapes[member["shape"]]
        if inner["type"] != "list":
            lines.append(_element(wire, value[name], member["shape"], service))
            continue
        item = inner["member"]
        tag = wire if inner.get("flattened") else item.get("locationName", "member")
        items = "".join(_element(tag, each, item["shape"], service) for each in value[name])
        lines.append(items if inner.get("flattened") else f"<{wire}>{items}</{wire}>")
    return "".join(lines)


def document(root: str, content: str, namespace: str | None = NAMESPACE) -> bytes:
    """Return an XML document around some elements."""
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{xmlns}>{content}</{root}>'.encode()


def element(name: str, text: object) -> str:
    """Return an element with a text in it."""
    return f"<{name}>{escaped(str(text))}</{name}>"


def escaped(text: str) -> str:
    """Return a text as XML has it; characters that XML lacks as references, as S3 does."""
    return _FORBIDDEN.sub(lambda found: f"&#x{ord(found[0]):x};", text.translate(_ESCAPES))


def http_date(seconds: float) -> str:
    """Return a time as headers have it."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def iso_date(seconds: float) -> str:
    """Return a time as XML has it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def seconds_of(text: str) -> float:
    """Return the time that a header or a document says, in seconds since the epoch.

    Raises
    ------
    ValueError
        It says none.
    """
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def _from_xml(node: ET.Element, shape_name: str) -> Any:
    shape = model.document("s3")["shapes"][shape_name]
    if shape["type"] == "structure":
        found: Json = {}
        children: dict[str, list[ET.Element]] = {}
        for child in node:
            children.setdefault(child.tag.rpartition("}")[2], []).append(child)
        for name, member in shape["members"].items():
            nodes = children.get(member.get("locationName", name), [])
            inner = model.document("s3")["shapes"][member["shape"]]
            if nodes and inner["type"] == "list":
                found[name] = [_from_xml(each, inner["member"]["shape"]) for each in nodes]
            elif nodes:
                found[name] = _from_xml(nodes[0], member["shape"])
        return found
    text = node.text or ""
    if shape["type"] in {"integer", "long"}:
        return int(text)
    if shape["type"] == "boolean":
        return text.strip().lower() == "true"
    return seconds_of(text) if shape["type"] == "timestamp" else text


def _element(tag: str, value: Any, shape_name: str, service: str) -> str:
    shape = model.document(service)["shapes"][shape_name]
    if shape["type"] == "structure":
        return f"<{tag}>{elements(value, shape_name, service)}</{tag}>"
    if shape["type"] == "timestamp":
        return element(tag, iso_date(value))
    return element(tag, str(value).lower() if isinstance(value, bool) else value)
