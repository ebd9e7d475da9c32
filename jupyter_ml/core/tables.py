"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

rows = sa.Table(
    "rows",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("arn", sa.Text, nullable=False),
    sa.Column("parent", sa.Text),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("status", sa.Text),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("desired", sa.JSON, nullable=False),
    sa.Column("observed", sa.JSON, nullable=False),
    sa.Column("private", sa.JSON, nullable=False),
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
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("request", sa.JSON),
    sa.Column("response", sa.JSON),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("events_by_name", "name", "kind", "seq"),
    sa.Index("events_by_resource", "kind", "key", "seq"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("row_id", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("wanted", sa.Text, nullable=False),
    sa.Column("work", sa.JSON, nullable=False),
    sa.Column("handle", sa.JSON),
    sa.Column("gpu_ids", sa.JSON, nullable=False),
    sa.Column("verdict", sa.JSON),
    sa.Column("resource_seconds", sa.JSON),
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
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_at", sa.Float, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Index("timers_by_due", "due_at"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("reactor", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("response", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)
