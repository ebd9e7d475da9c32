"""Attempts: each time that a resource's work is run, with its token and what became of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from jupyter_ml.core.store.tables import attempts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jupyter_ml.core.rows import Row

QUEUED, STARTING, RUNNING, ENDED = "Queued", "Starting", "Running", "Ended"
LIVE = (QUEUED, STARTING, RUNNING)


class AttemptRef(NamedTuple):
    """How an engine knows an attempt: its name, its fencing token and its folder.

    `token` is unique to the attempt; whoever writes results on its behalf must show it. `host`
    is the machine that runs it, "" where there is only one.
    """

    kind: str
    key: str
    number: int
    token: str
    directory: Path
    host: str = ""


@dataclass(frozen=True)
class Attempt:
    """One run of a resource's work; times are epoch seconds.

    `row_id` is the resource's own number, which a namesake of a deleted one does not share;
    `first` is the number of the attempt that a chain of retries began with, `wanted` is "run"
    or the reason why it shall stop. `host` is the machine that runs it, "" where there is only one.
    """

    id: int
    row_id: int
    kind: str
    key: str
    number: int
    first: int
    host: str
    token: str
    state: str
    wanted: str
    work: dict[str, Any]
    handle: dict[str, Any] | None
    gpu_ids: list[int]
    verdict: dict[str, Any] | None
    resource_seconds: dict[str, float] | None
    queued_at: float
    started_at: float | None
    ready_at: float | None
    ended_at: float | None

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.state != ENDED


_COLUMNS = [attempts.c[column.name] for column in fields(Attempt)]


class Attempts:
    """The attempts of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(
        self, row: Row, work: dict[str, Any], now: float, host: str, first: int | None = None
    ) -> Attempt:
        """Queue the next attempt, for a machine; no number is used twice, also by no namesake."""
        query = sa.select(sa.func.max(attempts.c.number)).where(
            attempts.c.kind == row.kind, attempts.c.key == row.key
        )
        number = (self._connection.execute(query).scalar() or 0) + 1
        values: dict[str, Any] = {
            "row_id": row.id,
            "kind": row.kind,
            "key": row.key,
            "number": number,
            "first": first or number,
            "host": host,
            "token": secrets.token_hex(16),
            "state": QUEUED,
            "wanted": "run",
            "work": work,
            "gpu_ids": [],
            "queued_at": now,
        }
        result = self._connection.execute(attempts.insert().values(**values))
        absent = dict.fromkeys(column.name for column in fields(Attempt))
        identity = result.inserted_primary_key[0]  # type: ignore[index]
        return Attempt(**{**absent, **values, "id": identity})

    def get(self, identity: int) -> Attempt:
        """Return the attempt with this number in the store."""
        (found,) = self.select(attempts.c.id == identity)
        return found

    def of(self, row_id: int) -> list[Attempt]:
        """Return all attempts of a resource, newest last; none of a deleted namesake."""
        return self.select(attempts.c.row_id == row_id)

    def live(self, states: Iterable[str] = LIVE) -> list[Attempt]:
        """Return the attempts in these states, in the order they were queued."""
        return self.select(attempts.c.state.in_(tuple(states)))

    def change(self, attempt: Attempt, **values: Any) -> None:
        """Write new values; an attempt that has ended never changes."""
        self._connection.execute(
            attempts.update()
            .where(attempts.c.id == attempt.id, attempts.c.state != ENDED)
            .values(**values)
        )

    def admit(self, attempt: Attempt, gpu_ids: Sequence[int]) -> Attempt | None:
        """Let a queued attempt start; `None` if it is not queued any more."""
        values: dict[str, Any] = {"state": STARTING, "gpu_ids": list(gpu_ids)}
        result = self._connection.execute(
            attempts.update()
            .where(attempts.c.id == attempt.id, attempts.c.state == QUEUED)
            .values(**values)
        )
        return replace(attempt, **values) if result.rowcount else None

    def select(self, *where: sa.ColumnElement[bool]) -> list[Attempt]:
        """Return the attempts that fulfil all conditions, in the order they were queued."""
        query = sa.select(*_COLUMNS).where(*where).order_by(attempts.c.id)
        return [Attempt(*values) for values in self._connection.execute(query)]
