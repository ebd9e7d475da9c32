"""What all contexts of a process share, and who is behind one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.core.attempts import AttemptRef
    from jupyter_ml.core.operations import Registry
    from jupyter_ml.core.workspace import Workspace

Json = dict[str, Any]


@dataclass(frozen=True)
class Principal:
    """Who asks: a user, or a service of ours acting on its own, and through which surface."""

    name: str
    source: str


class Authorizer(Protocol):
    """Decides who may do what; asked once for each call."""

    def authorize(self, principal: Principal, operation: str, request: Json) -> None:
        """Return if the call is allowed.

        Raises
        ------
        AccessDeniedException
            Names the principal, the operation and what is missing.
        """


class AllowAll:
    """The authorizer of one's own workspace."""

    def authorize(self, principal: Principal, operation: str, request: Json) -> None:
        """Allow it."""


class Engine(Protocol):
    """What a context asks of the engine: facts, and whether it could run some work."""

    @property
    def machine(self) -> Any:
        """What there is to share."""

    def validate(self, work: Any) -> list[str]:
        """Return why the work can never run here; empty if it can."""

    def describe(self, work: Any) -> Json:
        """Return the work as JSON, with what it inherits from its submitter, this process."""

    def observe(self, ref: AttemptRef) -> Any:
        """Return what is to be seen of an attempt."""

    def logs(self, ref: AttemptRef, member: int, offset: int, limit: int) -> Any:
        """Return a piece of a member's log."""

    def marks(self, ref: AttemptRef, member: int) -> list[Any]:
        """Return when the pieces of a member's log were written."""

    def zygotes(self) -> list[Any]:
        """Return what is kept in memory for the next jobs."""

    def capabilities(self) -> Any:
        """Return what the engine and the machine can do."""


@dataclass(frozen=True)
class Runtime:
    """What all contexts of a process share; made by the composition root.

    `tick_command` is what a supervisor runs when its work has ended.
    """

    workspace: Workspace
    registry: Registry
    engine: Engine
    authorizer: Authorizer = field(default_factory=AllowAll)
    clock: Callable[[], float] = time.time
    tick_command: tuple[str, ...] = ()
