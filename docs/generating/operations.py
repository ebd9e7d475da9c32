"""The pages of SageMaker's and our own operations: all of them, and each service's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from generating.markdown import docstring, table

from jupyter_ml.contract import model
from jupyter_ml.services import SERVICES, data_plane, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What works for all kinds of resources is no service's: the modules, and the names of their pages.
MECHANISM = {"jupyter_ml.core.tagging": "tags", "jupyter_ml.core.search.search": "search"}
DERIVED = {
    "Describe": "Describes one {noun}.",
    "List": "Lists {noun}s, in pages.",
    "Delete": "Deletes one {noun}.",
    "Stop": "Asks the work of one {noun} to end.",
}


def rooms() -> dict[str, list[str]]:
    """Return the operations of each service, in the order of the services."""
    found: dict[str, list[str]] = {name.rpartition(".")[2]: [] for name in SERVICES}
    found.update((name, []) for name in MECHANISM.values())
    for name in sorted({*registry().operations, *data_plane()}):
        found[_room(name)].append(name)
    return {room: names for room, names in found.items() if names}


def operations_page(by_room: dict[str, list[str]]) -> str:
    """Return the list of all operations."""
    rows = [
        (f"[{name}](operations/{room}.md#{name.lower()})", room, _contract(name))
        for room, names in by_room.items()
        for name in names
    ]
    total = len(rows)
    return f"""
# Operations

{total} operations are there. Any other operation of SageMaker answers 501
`NotImplementedException` and names itself; none pretends to have worked.

Every member of every request is *used*, *recorded* (kept and shown, with the reason why nothing
else happens) or *rejected* with an error that says what to do. The page of each service has the
table. A member that only a newer botocore knows is rejected until it has been classified.

{table(("Operation", "Service", "Contract"), rows)}
"""


def room_page(room: str, names: Iterable[str]) -> str:
    """Return the operations of one service with what becomes of their members."""
    homes = {name: module for module, name in MECHANISM.items()}
    home = homes.get(room, f"jupyter_ml.services.{room}")
    about = docstring(importlib.import_module(home))
    return f"# Operations of {room}\n\n{about}\n\n" + "\n\n".join(map(_operation, names))


def _room(name: str) -> str:
    module = _handler(name).__module__.split(".")
    if module[:2] == ["jupyter_ml", "services"]:
        return module[2]
    resource = _resource(name)
    if resource is None:
        return MECHANISM[_handler(name).__module__]
    return next(
        service.rpartition(".")[2]
        for service in SERVICES
        if resource in importlib.import_module(service).RESOURCES
    )


def _handler(name: str) -> Callable[..., Any]:
    declared = registry().operations.get(name)
    return declared.handler if declared else data_plane()[name]


def _resource(name: str) -> Any:
    for resource in registry().resources.values():
        for verb in DERIVED:
            if name == f"{verb}{resource.kind}{'s' if verb == 'List' else ''}":
                return resource
    return None


def _contract(name: str) -> str:
    service = model.service_of(name)
    return "ours" if service == "jupyter-ml" else f"`{service}`"


def _operation(name: str) -> str:
    words = registry().members_of(name)
    parts = [f"## {name}", _what_it_does(name)]
    if words:
        parts.append(
            table(("Member", "What becomes of it"), [(f"`{m}`", w) for m, w in words.items()])
        )
    else:
        parts.append("It takes no members.")
    output = model.operation(name).output
    if model.service_of(name) == "jupyter-ml" and output is not None:
        rows = [
            (f"`{member}`", f"`{shape.name}`", output.member_documentation(member))
            for member, shape in output.members.items()
        ]
        parts += ["It answers", table(("Member", "Shape", "Meaning"), rows)]
    return "\n\n".join(parts)


def _what_it_does(name: str) -> str:
    if model.service_of(name) == "jupyter-ml":
        return model.operation(name).documentation
    handler = _handler(name)
    if handler.__doc__:
        return docstring(handler)
    resource = _resource(name)
    verb = next(verb for verb in DERIVED if name.startswith(verb))
    return (
        DERIVED[verb].format(noun=resource.noun)
        + f" It follows from the declaration of `{resource.kind}`."
    )
