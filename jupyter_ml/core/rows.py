"""Rows: what is known of each resource, and how it is read and changed.

A row keeps apart what was asked for and never changes (`request`), what is wanted now
(`desired`), what has been seen (`observed`) and what nobody outside is told (`private`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
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
_BY_ID = sa.select(*_COLUMNS).where(rows.c.id == sa.bindparam("row_id"))
_BY_KEY = sa.select(*_COLUMNS).where(
    rows.c.kind == sa.bindparam("kind"), rows.c.key == sa.bindparam("key")
)


class Rows:
    """The rows of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, kind: str, key: str) -> Row | None:
        """Return the row, or `None` where there is none."""
        found = self._connection.execute(_BY_KEY, {"kind": kind, "key": key}).first()
        return None if found is None else Row(*found)

    def find_arn(self, arn: str) -> Row | None:
        """Return the row with this ARN, or `None` where there is none."""
        found = self.select(rows.c.arn == arn, limit=1)
        return found[0] if found else None

    def insert(self, values: Mapping[str, Any]) -> Row:
        """Add a row; the caller has checked that its key is free."""
        result = self._connection.execute(rows.insert(), values)
        return Row(id=result.inserted_primary_key[0], **values)  # type: ignore[index]

    def insert_all(self, values: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, in one statement; the caller has checked that their keys are free."""
        self._connection.execute(rows.insert(), values)

    def last_number(self, kind: str, base: str) -> int:
        """Return the highest N of the keys `base-N` of a kind, or 0."""
        number = re.compile(re.escape(base) + r"-([1-9]\d*)")
        numbered = rows.c.key.startswith(f"{base}-", autoescape=True)
        # a longer number is higher, so the first key that is one has the highest
        query = (
            sa.select(rows.c.key)
            .where(rows.c.kind == kind, numbered)
            .order_by(sa.func.length(rows.c.key).desc(), rows.c.key.desc())
        )
        for key in self._connection.execute(query).scalars():
            if found := number.fullmatch(key):
                return int(found[1])
        return 0

    def change(self, row: Row, now: float, status: str | None, **changes: Json | None) -> Row:
        """Merge `changes` into the row's JSON columns, as the newest revision of it has them."""
        found = self._connection.execute(_BY_ID, {"row_id": row.id}).first()
        if found is None:
            return row
        current = Row(*found)
        merged = {
            name: {**getattr(current, name), **change}
            for name, change in changes.items()
            if change is not None
        }
        values: Json = {**merged, "revision": current.revision + 1, "modified_at": now}
        if status is not None:
            values["status"] = status
        self._connection.execute(rows.update().where(rows.c.id == row.id).values(**values))
        return replace(current, **values)

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
        if values:
            pairs = [{"arn": arn, "key": key, "value": value} for key, value in values.items()]
            self._connection.execute(tags.insert(), pairs)

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags by key; a key that is not there is none to remove."""
        if keys:
            self._connection.execute(tags.delete().where(tags.c.arn == arn, tags.c.key.in_(keys)))
