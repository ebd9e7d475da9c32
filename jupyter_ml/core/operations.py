"""How a service says what it does: operations, readers, reactors, timers, and their registry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_ml.contract import model
from jupyter_ml.core.listing import list_members
from jupyter_ml.core.resources import Resource, derived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.events.events import Event
    from jupyter_ml.core.timers import Timer

    Handler = Callable[[Context, dict[str, Any]], dict[str, Any]]
    React = Callable[[Context, Event], None]
    Fire = Callable[[Context, Timer], None]
    H = TypeVar("H", bound=Handler)
    R = TypeVar("R", bound=React)
    F = TypeVar("F", bound=Fire)
    T = TypeVar("T")

# The modules of a service that may hold something to register; `members` classifies requests.
MODULES = ("operations", "watch", "reactors")
_MARK = "__jupyter_ml__"


@dataclass(frozen=True)
class Operation:
    """One operation of the API: its wire name, its code, and whether it writes to the store.

    One that is `audited` changes something else, and is logged when it has.
    """

    name: str
    handler: Handler
    writes: bool
    audited: bool = False


@dataclass(frozen=True)
class Reactor:
    """Code that is run for each event of one name, and of one kind of resource if given.

    Its `identity` names its cursor in the store: what it has seen survives any restart.
    """

    event: str
    kind: str | None
    react: React

    @property
    def identity(self) -> str:
        """The module and function, which name its cursor."""
        return f"{self.react.__module__}.{self.react.__qualname__}"


@dataclass(frozen=True)
class DueTimer:
    """Code that is run when a timer of this name is due."""

    name: str
    fire: Fire


def operation(handler: H) -> H:
    """Declare a mutating operation; `create_model` answers `CreateModel`, in one transaction."""
    return _marked(handler, Operation(wire_name(handler), handler, writes=True))


def reader(handler: H) -> H:
    """Declare a read-only operation, run on one consistent snapshot of the store."""
    return _marked(handler, Operation(wire_name(handler), handler, writes=False))


def sweeper(handler: H) -> H:
    """Declare an operation that only reads the store but removes or writes files.

    It may take long, so it holds no write transaction; it is logged when it has ended, unless
    its request has `DryRun`.
    """
    return _marked(handler, Operation(wire_name(handler), handler, writes=False, audited=True))


def on(event: str, kind: str | None = None) -> Callable[[R], R]:
    """Declare a reactor; it sees each event at least once, in order, and must bear repetition."""
    return lambda react: _marked(react, Reactor(event, kind, react))


def due(name: str) -> Callable[[F], F]:
    """Declare what happens when a timer of this name is due."""
    return lambda fire: _marked(fire, DueTimer(name, fire))


def wire_name(handler: Callable[..., Any]) -> str:
    """Return the CamelCase name of a function."""
    return "".join(word.capitalize() for word in handler.__name__.split("_"))


class Registry:
    """All that the services declared, by name.

    Parameters
    ----------
    packages
        Names of the modules and service packages to take declarations from.

    Raises
    ------
    ValueError
        Two services claim the same operation, kind or timer.
    """

    def __init__(self, packages: Iterable[str]) -> None:
        self.operations: dict[str, Operation] = {}
        self.resources: dict[str, Resource] = {}
        self.reactors: list[Reactor] = []
        self.timers: dict[str, DueTimer] = {}
        self.members: dict[str, dict[str, str]] = {}
        for package in packages:
            self._add_package(package)
        for resource in self.resources.values():
            for name, handler, writes in derived(resource):
                self.operations.setdefault(name, Operation(name, handler, writes))

    @cached_property
    def awaited(self) -> frozenset[str]:
        """The names of the events that some reactor waits for."""
        return frozenset(reactor.event for reactor in self.reactors)

    def members_of(self, operation: str) -> Mapping[str, str]:
        """Return what becomes of each member of an operation's request, by its path."""
        return self.members.get(operation) or self._derived_members(operation)

    def subject(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the kind and the key of the resource that a request is about, {} for none."""
        for resource in self.resources.values():
            if operation.endswith(resource.kind) and resource.key in request:
                return {"kind": resource.kind, "key": request[resource.key]}
        return {}

    def _derived_members(self, operation: str) -> dict[str, str]:
        for resource in self.resources.values():
            if operation == f"List{resource.kind}s":
                return list_members(resource)
        shape = model.operation(operation).input
        # A description or deletion takes a key; our own operations have no member we ignore.
        return dict.fromkeys(shape.members, "used") if shape is not None else {}

    def _add_package(self, package: str) -> None:
        module = import_module(package)
        self._add_module(module)
        for resource in getattr(module, "RESOURCES", ()):
            _claim(self.resources, resource.kind, resource)
        if not hasattr(module, "__path__"):
            return
        for name in MODULES:
            if find_spec(f"{package}.{name}"):
                self._add_module(import_module(f"{package}.{name}"))
        if find_spec(f"{package}.members"):
            self.members.update(import_module(f"{package}.members").MEMBERS)

    def _add_module(self, module: Any) -> None:
        self.members.update(getattr(module, "MEMBERS", {}))
        for thing in vars(module).values():
            declared = getattr(thing, _MARK, None)
            # An imported function is registered where it was declared.
            if declared is None or thing.__module__ != module.__name__:
                continue
            if isinstance(declared, Operation):
                _claim(self.operations, declared.name, declared)
            elif isinstance(declared, DueTimer):
                _claim(self.timers, declared.name, declared)
            else:
                self.reactors.append(declared)


def _claim(table: dict[str, Any], name: str, thing: Any) -> None:
    if name in table:
        msg = f"{name} is declared twice: {table[name]} and {thing}"
        raise ValueError(msg)
    table[name] = thing


def _marked(function: T, declaration: Any) -> T:
    setattr(function, _MARK, declaration)
    return function
