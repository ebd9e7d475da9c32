"""Timers: what shall happen later, kept in the store so that any process can see to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jupyter_ml.core.store.tables import timers


@dataclass(frozen=True)
class Timer:
    """Something due at a time, in epoch seconds; one per name and key."""

    name: str
    key: str
    due_at: float
    detail: dict[str, Any]


_COLUMNS = [timers.c[name] for name in Timer.__dataclass_fields__]


class Timers:
    """The timers of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def set(self, timer: Timer) -> None:
        """Set a timer, in place of one with the same name and key."""
        self.clear(timer.name, timer.key)
        self._connection.execute(
            timers.insert().values(
                name=timer.name, key=timer.key, due_at=timer.due_at, detail=timer.detail
            )
        )

    def clear(self, name: str, key: str) -> bool:
        """Remove a timer; return whether it was there."""
        result = self._connection.execute(
            timers.delete().where(timers.c.name == name, timers.c.key == key)
        )
        return result.rowcount > 0

    def due(self, now: float) -> list[Timer]:
        """Return the timers whose time has come, earliest first."""
        query = sa.select(*_COLUMNS).where(timers.c.due_at <= now).order_by(timers.c.due_at)
        return [Timer(*values) for values in self._connection.execute(query)]

    def next_due_at(self) -> float | None:
        """Return when the next timer is due, or `None` if there is none."""
        return self._connection.execute(sa.select(sa.func.min(timers.c.due_at))).scalar()
