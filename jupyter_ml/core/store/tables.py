"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect

metadata = sa.MetaData()

_LONG_NUMBER = re.compile(r"[:\[,-]\d{19}")
_SHORT = 19

# Ordered by code point everywhere: PostgreSQL would order as the server's language has it.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class Document(sa.types.UserDefinedType[Any]):
    """JSON as the text that was written: a loss may be NaN, which a database's own JSON refuses."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type of its columns."""
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """Return what makes the text of a value."""
        del dialect
        return _dumps

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what reads a value from its text."""
        del dialect, coltype
        return _loads


def _dumps(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _loads(text: str | None) -> Any:
    if text is None:
        return None
    # orjson is four times faster, but rounds what is longer than 64 bits and refuses NaN
    if len(text) < _SHORT or _LONG_NUMBER.search(text) is None:
        try:
            return orjson.loads(text)
        except ValueError:
            pass
    return json.loads(text)


# Made with the store: what its folder knows it by, so that neither is taken for another's.
workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
)

rows = sa.Table(
    "rows",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("key", _TEXT, nullable=False),
    sa.Column("arn", _TEXT, nullable=False),
    sa.Column("parent", _TEXT),
    sa.Column("owner", _TEXT, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("status", _TEXT),
    sa.Column("request", Document, nullable=False),
    sa.Column("desired", Document, nullable=False),
    sa.Column("observed", Document, nullable=False),
    sa.Column("private", Document, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("modified_at", sa.Float, nullable=False),
    sa.UniqueConstraint("kind", "key"),
    sa.Index("rows_by_creation", "kind", "created_at"),
    sa.Index("rows_by_change", "kind", "modified_at"),
    sa.Index("rows_by_status", "kind", "status"),
    sa.Index("rows_by_arn", "arn"),
    sa.Index("rows_by_parent", "parent"),
    # The number of a deleted row is never given to another.
    sqlite_autoincrement=True,
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("arn", _TEXT, primary_key=True),
    sa.Column("key", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event_id", _TEXT, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("type", _TEXT, nullable=False),
    sa.Column("name", _TEXT, nullable=False),
    sa.Column("source", _TEXT, nullable=False),
    sa.Column("principal", _TEXT, nullable=False),
    sa.Column("kind", _TEXT),
    sa.Column("key", _TEXT),
    sa.Column("error_code", _TEXT),
    sa.Column("request", Document),
    sa.Column("response", Document),
    sa.Column("detail", Document, nullable=False),
    sa.Column("previous_hash", _TEXT, nullable=False),
    sa.Column("hash", _TEXT, nullable=False),
    sa.Index("events_by_name", "name", "kind", "seq"),
    sa.Index("events_by_resource", "kind", "key", "seq"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("row_id", sa.Integer, nullable=False),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("key", _TEXT, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    # The machine that runs it, where several share the store; "" where none can.
    sa.Column("host", _TEXT, nullable=False, server_default=""),
    sa.Column("token", _TEXT, nullable=False),
    sa.Column("state", _TEXT, nullable=False),
    sa.Column("wanted", _TEXT, nullable=False),
    sa.Column("work", Document, nullable=False),
    sa.Column("handle", Document),
    sa.Column("gpu_ids", Document, nullable=False),
    sa.Column("verdict", Document),
    sa.Column("resource_seconds", Document),
    sa.Column("queued_at", sa.Float, nullable=False),
    sa.Column("started_at", sa.Float),
    sa.Column("ready_at", sa.Float),
    sa.Column("ended_at", sa.Float),
    sa.UniqueConstraint("kind", "key", "number"),
    sa.Index("attempts_by_state", "state", "id"),
    sa.Index("attempts_by_row", "row_id", "id"),
)

timers = sa.Table(
    "timers",
    metadata,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("key", _TEXT, primary_key=True),
    sa.Column("due_at", sa.Float, nullable=False),
    sa.Column("detail", Document, nullable=False),
    sa.Index("timers_by_due", "due_at"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("reactor", _TEXT, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("operation", _TEXT, primary_key=True),
    sa.Column("token", _TEXT, primary_key=True),
    sa.Column("digest", _TEXT, nullable=False),
    sa.Column("response", Document, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)
