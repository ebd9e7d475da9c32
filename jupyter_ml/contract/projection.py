"""Cuts a dict down to what a shape declares.

Answers are built from rows that hold more than a shape has members for. SageMaker leaves out
what is absent instead of answering null, and clients fail on an empty structure whose members
they require; so both are left out here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.contract.model import Shape


def project(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `value` that a structure's shape declares.

    Members that the shape lacks, members that are `None` and structures with nothing in them
    are left out, at every depth; empty lists and maps stay.

    Parameters
    ----------
    shape : Shape
        Of a structure.
    value : Mapping
        Members by their names on the wire.
    """
    projected = {}
    for name, member in shape.members.items():
        given = value.get(name)
        if given is None:
            continue
        if member.is_plain:
            projected[name] = given
            continue
        kept = _projected(member, given)
        if kept or member.type != "structure":
            projected[name] = kept
    return projected


def _projected(shape: Shape, value: Any) -> Any:
    if shape.is_plain:
        return value
    match shape.type:
        case "structure":
            return project(shape, value)
        case "list":
            return [_projected(shape.element, item) for item in value]
        case "map":
            return {key: _projected(shape.element, item) for key, item in value.items()}
    return value
