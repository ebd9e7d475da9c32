"""The chain of the event log, walked: whether each event is still what was written, and where.

Each event holds the SHA-256 of its own content and of its predecessor's hash. Whoever changes,
removes, inserts or moves one leaves a place where that no longer fits, unless all that follows is
written anew. Against that, and against cutting off the end, there are heads: the number and hash of
the newest event at some time, noted where the log itself is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from jupyter_ml.core.events.events import GENESIS, chained, digest
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.tables import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PAGE = 2000
MOST_FLAWS = 100
_DOCUMENTS = frozenset({"detail", "request", "response"})
_NULL = "null"
# In the order in which they are hashed; each as its JSON text.
_HASHED = sorted(column.name for column in events.c if column.name not in {"seq", "hash"})
# Documents as the text that lies in the store: a change that means the same JSON is one, too.
_ROW = sa.select(
    events.c.seq,
    events.c.hash,
    *(
        sa.type_coerce(events.c[name], sa.Text) if name in _DOCUMENTS else events.c[name]
        for name in _HASHED
    ),
).order_by(events.c.seq)
_PREVIOUS = 2 + _HASHED.index("previous_hash")


class Head(NamedTuple):
    """The newest event at some time: its number (0 if only the hash is known) and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Flaw:
    """One place where the log is not what it was.

    `kind` is `Changed`, `Missing`, `Renumbered`, `Misplaced`, `Unreadable`, `Truncated` or
    `Rewritten`; `seq` the event where it shows.
    """

    seq: int
    kind: str
    expected: str
    found: str
    message: str


@dataclass
class Verification:
    """What a walk over the chain found: at most `MOST_FLAWS` are kept, `more` were left out."""

    events: int = 0
    head: Head | None = None
    heads: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    more: int = 0

    def add(self, flaw: Flaw) -> None:
        """Take note of a flaw."""
        if len(self.flaws) < MOST_FLAWS:
            self.flaws.append(flaw)
        else:
            self.more += 1


def head(connection: sa.Connection) -> Head | None:
    """Return the newest event's number and hash, `None` in an empty log."""
    query = sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else Head(*found)


def verify(connection: sa.Connection, heads: Iterable[Head] = ()) -> Verification:
    """Walk the whole chain, oldest event first, in bounded memory.

    Parameters
    ----------
    connection
        One snapshot; others may write meanwhile.
    heads
        What was noted of the log before; each must still be in it.
    """
    return _Walk(connection, heads).go()


class Chain:
    """The hashes of records that are not in a store, as in a backup, checked one after the other.

    Attributes
    ----------
    last
        Hash of the newest event.
    broken
        Number of the first event that is not what it must be, `None` while all are.
    """

    def __init__(self) -> None:
        self.last = GENESIS
        self.broken: int | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Check the next event, with all its columns."""
        values = dict(record)
        seq = values.pop("seq")
        if self.broken is None and (
            values["previous_hash"] != self.last or values["hash"] != chained(values)
        ):
            self.broken = int(seq)
        self.last = values["hash"]


class _Walk:
    """One walk over the chain.

    `_before` is the stored hash that the next event must follow, `_computed` another that it may;
    both are `None` behind an event that nobody can read.
    """

    def __init__(self, connection: sa.Connection, heads: Iterable[Head]) -> None:
        self._connection = connection
        noted = list(heads)
        self._by_seq: dict[int, list[str]] = {}
        for one in noted:
            if one.seq:
                self._by_seq.setdefault(one.seq, []).append(one.hash)
        self._anywhere = {one.hash for one in noted if not one.seq}
        self._found = Verification(heads=len(noted))
        self._seq = 0
        self._before: str | None = GENESIS
        self._computed: str | None = GENESIS
        self._is_rewritten = False

    def go(self) -> Verification:
        for seq, row in _rows(self._connection):
            if isinstance(row, str):
                self._unreadable(seq, row)
            else:
                self._event(seq, row)
            self._seq = seq
        found = self._found
        if self._before is not None and self._seq:
            found.head = Head(self._seq, self._before)
        self._truncation()
        return found

    def _event(self, seq: int, row: Sequence[Any]) -> None:
        found, stored, previous = self._found, row[1], row[_PREVIOUS]
        found.events += 1
        if self._before is not None:
            self._link(seq, previous)
        computed = _hash_of(row)
        if computed != stored:
            message = f"Event {seq} is not what was written: its content or its hash was changed."
            found.add(Flaw(seq, "Changed", str(stored), computed, message))
        self._before, self._computed = str(stored), computed
        self._anywhere.discard(self._before)
        self._heads(seq)

    def _link(self, seq: int, previous: str) -> None:
        expected, follows = self._seq + 1, previous in (self._before, self._computed)
        if follows and seq == expected:
            return
        if follows:
            message = f"Event {expected} now has the number {seq}."
            self._found.add(Flaw(seq, "Renumbered", str(expected), str(seq), message))
        elif seq > expected:
            gone = (
                f"Event {expected} is"
                if seq == expected + 1
                else (f"Events {expected} to {seq - 1} are")
            )
            message = f"{gone} missing: event {seq} stands behind event {self._seq}."
            self._found.add(Flaw(seq, "Missing", str(expected), str(seq), message))
        else:
            message = self._misplaced(seq, previous)
            self._found.add(Flaw(seq, "Misplaced", str(self._before), str(previous), message))

    def _misplaced(self, seq: int, previous: str) -> str:
        told = f"Event {seq} stands behind event {self._seq}"
        if previous == GENESIS:
            return f"{told}, but was written as the first of a log."
        query = sa.select(events.c.seq).where(events.c.hash == previous).limit(1)
        owner = None
        if len(self._found.flaws) < MOST_FLAWS:
            owner = self._connection.execute(query).scalar()
        if owner is None:
            return f"{told}, but was written behind one that is not in the log any more."
        return f"{told}, but was written behind event {owner}: one came in between, or was moved."

    def _unreadable(self, seq: int, why: str) -> None:
        self._found.events += 1
        message = f"Event {seq} cannot be read: {why}"
        self._found.add(Flaw(seq, "Unreadable", "an event", "none", message))
        self._before = self._computed = None

    def _heads(self, seq: int) -> None:
        for noted in self._by_seq.pop(seq, ()):
            if noted == self._before or self._is_rewritten:
                continue
            # all that were noted later do not fit either
            self._is_rewritten = True
            message = (
                f"Event {seq} is not the one whose hash was noted as head: the log was rewritten "
                "from there or from before."
            )
            self._found.add(Flaw(seq, "Rewritten", noted, str(self._before), message))

    def _truncation(self) -> None:
        ends = "is empty" if not self._seq else f"ends with event {self._seq}"
        later = {seq: hashes for seq, hashes in self._by_seq.items() if seq > self._seq}
        if later:
            seq = max(later)
            message = f"The log {ends}, but event {seq} was its head before: the end was cut off."
            self._found.add(Flaw(self._seq, "Truncated", str(seq), str(self._seq), message))
        for noted in sorted(self._anywhere):
            message = (
                f"No event has the hash {noted}, which was noted as head: the log was cut off or "
                "rewritten."
            )
            self._found.add(Flaw(self._seq, "Truncated", noted, str(self._before), message))


def _hash_of(row: Sequence[Any]) -> str:
    """Return the hash that `events.chained` gave the record, from the texts in the store."""
    parts = []
    for name, value in zip(_HASHED, row[2:], strict=True):
        if value is None:
            continue
        if name in _DOCUMENTS and isinstance(value, str):
            if value != _NULL:
                parts.append(f'"{name}":{value}')
        else:
            parts.append(f'"{name}":{_json(value)}')
    return digest("{" + ",".join(parts) + "}")


def _json(value: Any) -> str:
    if isinstance(value, str):  # at a tenth of the price
        return encode_basestring_ascii(value)
    return json.dumps(value, default=str)


def _rows(connection: sa.Connection) -> Iterator[tuple[int, Sequence[Any] | str]]:
    """Yield the number of each event with its columns, or with why it cannot be read."""
    after: sa.ColumnElement[bool] = sa.true()
    while True:
        query = _ROW.where(after).limit(PAGE)
        try:
            page: list[tuple[int, Sequence[Any] | str]] = [
                (row[0], row) for row in connection.execute(query)
            ]
        except sa.exc.DBAPIError as error:
            page = _one_by_one(connection, after, error)
        yield from page
        if len(page) < PAGE:
            return
        after = events.c.seq > page[-1][0]


def _one_by_one(
    connection: sa.Connection, after: sa.ColumnElement[bool], cause: sa.exc.DBAPIError
) -> list[tuple[int, Sequence[Any] | str]]:
    numbers = sa.select(events.c.seq).where(after).order_by(events.c.seq).limit(PAGE)
    try:
        found = connection.execute(numbers).scalars().all()
    except sa.exc.DBAPIError:
        # nobody can tell how many events are in the damaged page, or behind it
        msg = f"The event log cannot be read, as the database is damaged: {cause.orig}."
        raise StoreError(msg) from cause
    page: list[tuple[int, Sequence[Any] | str]] = []
    for seq in found:
        try:
            page.append((seq, connection.execute(_ROW.where(events.c.seq == seq)).one()))
        except sa.exc.DBAPIError as error:
            page.append((seq, str(error.orig)))
    return page
