"""Rows: what is known of each resource, and how it is read and changed.

A row keeps apart what was asked for and never changes (`request`), what is wanted now
(`desired`), what has been seen (`observed`) and what nobody outside is told (`private`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.core.tables import rows, tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One resource as the store has it; times are epoch seconds."""

    id: int
    kind: str
    key: str
    arn: str
    parent: str | None
    owner: str
    revision: int
    status: str | None
    request: Json
    desired: Json
    observed: Json
    private: Json = field(repr=False)
    created_at: float
    modified_at: float


_COLUMNS = [rows.c[column.name] for column in fields(Row)]


class Rows:
    """The rows of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, kind: str, key: str) -> Row | None:
        """Return the row, or `None` where there is none."""
        return self._one(rows.c.kind == kind, rows.c.key == key)

    def find_arn(self, arn: str) -> Row | None:
        """Return the row with this ARN, or `None` where there is none."""
        return self._one(rows.c.arn == arn)

    def insert(self, values: Mapping[str, Any]) -> Row:
        """Add a row; the caller has checked that its key is free."""
        result = self._connection.execute(rows.insert().values(**values))
        return self._only(result.inserted_primary_key[0])  # type: ignore[index]

    def change(self, row: Row, now: float, status: str | None, **changes: Json | None) -> Row:
        """Merge `changes` into the row's JSON columns, as the newest revision of it has them."""
        current = self._one(rows.c.id == row.id)
        if current is None:
            return row
        merged = {
            name: {**getattr(current, name), **change}
            for name, change in changes.items()
            if change is not None
        }
        values = {**merged, "revision": current.revision + 1, "modified_at": now}
        if status is not None:
            values["status"] = status
        self._connection.execute(rows.update().where(rows.c.id == row.id).values(**values))
        return self._only(row.id)

    def delete(self, row: Row) -> None:
        """Remove the row and its tags."""
        self._connection.execute(rows.delete().where(rows.c.id == row.id))
        self._connection.execute(tags.delete().where(tags.c.arn == row.arn))

    def select(
        self,
        *where: sa.ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows that fulfil all conditions, ordered, at most `limit` of them."""
        query = sa.select(*_COLUMNS).where(*where).order_by(*order).limit(limit)
        return [Row(*values) for values in self._connection.execute(query)]

    def count(self, *where: sa.ColumnElement[bool]) -> int:
        """Return how many rows fulfil all conditions."""
        query = sa.select(sa.func.count()).select_from(rows).where(*where)
        return self._connection.execute(query).scalar_one()

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of the resource with this ARN, by key."""
        query = sa.select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
        return {tag.key: tag.value for tag in self._connection.execute(query)}

    def tag(self, arn: str, values: Mapping[str, str]) -> None:
        """Add or replace tags of the resource with this ARN."""
        self.untag(arn, list(values))
        for key, value in values.items():
            self._connection.execute(tags.insert().values(arn=arn, key=key, value=value))

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags by key; a key that is not there is none to remove."""
        self._connection.execute(tags.delete().where(tags.c.arn == arn, tags.c.key.in_(keys)))

    def _only(self, identity: int) -> Row:
        (row,) = self.select(rows.c.id == identity)
        return row

    def _one(self, *where: sa.ColumnElement[bool]) -> Row | None:
        found = self._connection.execute(sa.select(*_COLUMNS).where(*where)).first()
        return None if found is None else Row(*found)
