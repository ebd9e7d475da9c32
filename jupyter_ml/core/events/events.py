"""The event log: append-only, hash-chained, without secrets.

One stream serves as audit log, as source of live updates and as the queue of the reactors.
Its records carry CloudTrail's fields; the facts that the engine adds have the type
`AwsServiceEvent`, calls have `AwsApiCall`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.core.credentials import REDACTED, has_credential, is_secret_name, without_secrets
from jupyter_ml.core.store.tables import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

API_CALL = "AwsApiCall"
SERVICE_EVENT = "AwsServiceEvent"
GENESIS = "0" * 64
_PAIRS = ({"Name", "Value"}, {"Key", "Value"})
_LONGEST = 2048


@dataclass(frozen=True)
class Event:
    """One fact of the log; `time` in epoch seconds."""

    seq: int
    name: str
    kind: str | None
    key: str | None
    detail: dict[str, Any]
    time: float
    principal: str
    type: str
    error_code: str | None


@dataclass(frozen=True)
class Record(Event):
    """A fact of the log with all that was recorded of it."""

    event_id: str
    source: str
    request: Any
    response: Any
    hash: str


_COLUMNS = [events.c[name] for name in Event.__dataclass_fields__]
_RECORD_COLUMNS = [events.c[name] for name in Record.__dataclass_fields__]
_LAST = sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)


def redact(value: Any, name: str = "") -> Any:
    """Return `value` without secrets and without texts longer than 2048 characters.

    A text is secret by the name of its member, or of one around it (`password`, `api_key`, ...),
    or by its looks (a private key, a well-known key prefix).
    """
    if isinstance(value, dict):
        named = value.get("Name") or value.get("Key")
        if isinstance(named, str) and set(value) in _PAIRS and is_secret_name(named):
            return {**value, "Value": redact(value["Value"], named)}
        return {
            key: redact(item, name if is_secret_name(name) else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, name) for item in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        shown = hidden(name, value)
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}... ({len(shown)} in all)"
    return value


def hidden(name: str, text: str) -> str:
    """Return the text of a member, without what is secret by the member's name or by its looks."""
    if is_secret_name(name) or has_credential(text):
        return REDACTED
    return without_secrets(text, REDACTED)


class EventLog:
    """The events of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record to the end of the chain; the caller holds a write transaction."""
        last = self._connection.execute(_LAST).first()
        values = {"event_id": str(uuid.uuid4()), "detail": {}, **record}
        for member in ("request", "response", "detail"):
            values[member] = redact(values.get(member))
        values["previous_hash"] = last.hash if last else GENESIS
        values["hash"] = chained(values)
        # Counted here: a sequence of the database would leave gaps where a change is taken back.
        values["seq"] = last.seq + 1 if last else 1
        self._connection.execute(events.insert(), values)

    def since(
        self, seq: int, name: str | None = None, kind: str | None = None, limit: int = 500
    ) -> list[Event]:
        """Return the events after `seq`, oldest first, of one name and kind if given."""
        where = [events.c.seq > seq]
        if name is not None:
            where.append(events.c.name == name)
        if kind is not None:
            where.append(events.c.kind == kind)
        query = sa.select(*_COLUMNS).where(*where).order_by(events.c.seq).limit(limit)
        return [Event(*values) for values in self._connection.execute(query)]

    def lookup(
        self,
        wanted: Iterable[tuple[str, str]] = (),
        *,
        since: float | None = None,
        until: float | None = None,
        beyond: int | None = None,
        ascending: bool = False,
        limit: int = 500,
    ) -> list[Record]:
        """Return records, newest first or `ascending`.

        Parameters
        ----------
        wanted
            Columns and the values that they must have.
        since, until
            Epoch seconds, both included.
        beyond
            Number of the event that a page before this one ended with.
        """
        where = [events.c[column] == value for column, value in wanted]
        if since is not None:
            where.append(events.c.time >= since)
        if until is not None:
            where.append(events.c.time <= until)
        if beyond is not None:
            where.append(events.c.seq > beyond if ascending else events.c.seq < beyond)
        order = events.c.seq if ascending else events.c.seq.desc()
        query = sa.select(*_RECORD_COLUMNS).where(*where).order_by(order).limit(limit)
        return [Record(*values) for values in self._connection.execute(query)]

    def have(self, wanted: Sequence[tuple[int, str, str | None]]) -> list[bool]:
        """Return of each triple whether an event is after the number, of the name and the kind."""
        if not wanted:
            return []
        query = _existence(tuple((name, kind) for _, name, kind in wanted))
        after = {f"after_{number}": seq for number, (seq, _, _) in enumerate(wanted)}
        return list(map(bool, self._connection.execute(query, after).one()))

    def last(self) -> int:
        """Return the number of the newest event, 0 in an empty log."""
        return self._connection.execute(sa.select(sa.func.max(events.c.seq))).scalar() or 0


@functools.cache
def _existence(pairs: tuple[tuple[str, str | None], ...]) -> sa.Executable:
    """Return the query that asks all at once; the same for every pass, so it is built once."""
    return sa.select(
        *(
            sa.exists()
            .where(
                events.c.seq > sa.bindparam(f"after_{number}"),
                events.c.name == name,
                *(() if kind is None else (events.c.kind == kind,)),
            )
            .label(f"has_{number}")
            for number, (name, kind) in enumerate(pairs)
        )
    )


def chained(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record that names its predecessor's, in hex."""
    hashed = {key: value for key, value in record.items() if key != "hash" and value is not None}
    return digest(json.dumps(hashed, sort_keys=True, separators=(",", ":"), default=str))


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
