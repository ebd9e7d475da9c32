"""The API as an OpenAPI 3.1 document, made from the operations and shapes of the contract.

What the document says of a request is what the validator checks, relaxations included; patterns in
Java's dialect that JSON Schema cannot express are left to the validator.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract import model
from jupyter_ml.contract.patterns import translated
from jupyter_ml.contract.validator import extra_patterns, required_members, safe_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_ml.contract.model import Shape

Json = dict[str, Any]

VERSION: Final = "3.1.0"
ERROR: Final = "Error"
_TAG: Final = re.compile(r"<[^>]*>")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s")
_NOT_FINITE: Final = ["NaN", "Infinity", "-Infinity"]


def paths_of(
    operations: Iterable[str], words: Mapping[str, Mapping[str, str]], prefix: str
) -> tuple[Json, Json]:
    """Return the paths of operations that take and answer JSON, and the schemas they refer to.

    Parameters
    ----------
    operations
        Names of operations.
    words
        What becomes of each member of an operation's request, by the operation's name.
    prefix
        Of the path of each operation.
    """
    schemas = _Schemas()
    paths = {
        f"{prefix}{name}": {"post": _operation(name, words.get(name, {}), schemas)}
        for name in sorted(operations)
    }
    return paths, dict(sorted(schemas.made.items()))


def answer_of(description: str, schema: Json, media_type: str = "application/json") -> Json:
    """Return a response of a document."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def refusals() -> Json:
    """Return the responses of all operations that are no success."""
    return {
        "4XX": {"$ref": "#/components/responses/Refusal"},
        "5XX": {"$ref": "#/components/responses/Refusal"},
    }


def error_schema() -> Json:
    """Return the schema of every error."""
    return {
        "type": "object",
        "required": ["__type", "message"],
        "properties": {
            "__type": {"type": "string", "description": "Its code, such as ValidationException."},
            "message": {"type": "string", "description": "What is wrong, and what to do."},
            "OriginalStatusCode": {"type": "integer", "description": "Status of the model server."},
            "OriginalMessage": {"type": "string", "description": "Answer of the model server."},
        },
    }


def _operation(name: str, words: Mapping[str, str], schemas: _Schemas) -> Json:
    operation = model.operation(name)
    described: Json = {
        "operationId": name,
        "tags": [operation.service],
        "summary": first_sentence(operation.documentation),
        "responses": {
            "200": answer_of("The answer.", schemas.of(operation.output)),
            **refusals(),
        },
    }
    request = schemas.of(operation.input)
    told = [f"`{path}`: {word}." for path, word in words.items() if word != "used"]
    if told:
        described["description"] = "Members that have no effect here:\n\n- " + "\n- ".join(told)
    is_needed = operation.input is not None and bool(required_members(operation.input))
    described["requestBody"] = {
        "required": is_needed,
        "content": {"application/json": {"schema": request}},
    }
    return described


def first_sentence(documentation: str) -> str:
    """Return the first sentence of a model's HTML as text."""
    text = " ".join(html.unescape(_TAG.sub(" ", documentation)).split())
    return _SENTENCE.split(text, maxsplit=1)[0]


class _Schemas:
    """Schemas of shapes, each made once; a shape may contain itself."""

    def __init__(self) -> None:
        self.made: Json = {}

    def of(self, shape: Shape | None) -> Json:
        """Return a reference to the schema of a shape, or the schema of nothing."""
        if shape is None:
            return {"type": "object", "additionalProperties": False}
        name = shape.name if shape.service == "sagemaker" else f"{shape.service}.{shape.name}"
        if name not in self.made:
            self.made[name] = {}
            self.made[name] = self._make(shape)
        return {"$ref": f"#/components/schemas/{name}"}

    def _make(self, shape: Shape) -> Json:
        if shape.is_document:
            return {}
        match shape.type:
            case "structure":
                return self._structure(shape)
            case "list":
                bounds = _bounds(shape, "minItems", "maxItems")
                return {"type": "array", "items": self.of(shape.element), **bounds}
            case "map":
                return {
                    "type": "object",
                    "propertyNames": self.of(shape.key),
                    "additionalProperties": self.of(shape.element),
                    **_bounds(shape, "minProperties", "maxProperties"),
                }
            case "string":
                return _text(shape)
        return _scalar(shape)

    def _structure(self, shape: Shape) -> Json:
        # A member that is null is one that is not there.
        members = {
            name: {"anyOf": [self.of(member), {"type": "null"}]}
            for name, member in shape.members.items()
        }
        required = [*required_members(shape)]
        schema: Json = {"type": "object", "properties": members, "additionalProperties": False}
        if required:
            schema["required"] = required
        if shape.is_union:
            schema |= {"minProperties": 1}
        return schema


def _text(shape: Shape) -> Json:
    bounds = _bounds(shape, "minLength", "maxLength")
    schema: Json = {"type": "string", **bounds}
    if shape.enum:
        schema["enum"] = [*shape.enum]
    elif shape.pattern and (pattern := _pattern(shape.pattern)):
        schema["pattern"] = pattern
    also = [
        {"type": "string", "pattern": f"^(?:{one})$", **bounds} for one in extra_patterns(shape)
    ]
    return {"anyOf": [schema, *also]} if also else schema


def _scalar(shape: Shape) -> Json:
    match shape.type:
        case "boolean":
            return {"type": "boolean"}
        case "blob":
            return {"type": "string", "contentEncoding": "base64"}
        case "timestamp":
            return {
                "type": ["number", "string"],
                "description": "Epoch seconds, as answers have it, or ISO 8601.",
            }
    bounds = _bounds(shape, "minimum", "maximum")
    if shape.type in {"integer", "long"}:
        return {"type": "integer", **bounds}
    return {"anyOf": [{"type": "number", **bounds}, {"enum": _NOT_FINITE}]}


def _pattern(pattern: str) -> str | None:
    """Return a pattern in the dialect of JSON Schema, if it can be said in it."""
    folded = translated(safe_pattern(pattern))
    return f"^(?:{folded})$" if folded.isascii() and "(?" not in folded else None


def _bounds(shape: Shape, least: str, most: str) -> Json:
    bounds = {least: shape.minimum or None, most: shape.maximum}
    if least == "minimum":
        bounds[least] = shape.minimum
    return {name: bound for name, bound in bounds.items() if bound is not None}
