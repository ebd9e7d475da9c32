"""Topics: polled once for all watchers, only while any watch, and never ahead of a slow one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jupyter_ml.contract.errors import ResourceNotFound, ServiceError
from jupyter_ml.server.topics import Topics
from tests.server.conftest import until

POLL_S = 0.001


class Journal:
    """A source that grows: an answer holds the entries since the cursor."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self.asked: list[str | None] = []
        self.error: Exception | None = None

    async def read(self, operation: str, request: dict[str, Any]) -> tuple[str, str]:
        assert operation == "WatchJournal"
        cursor = request.get("Cursor")
        self.asked.append(cursor)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return str(len(self.entries)), json.dumps(self.entries[int(cursor or 0) :])


class Watcher:
    """Keeps what it was sent; `gate` holds it up like a slow connection."""

    def __init__(self) -> None:
        self.updates: list[list[int]] = []
        self.errors: list[ServiceError] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def seen(self) -> list[int]:
        return [entry for update in self.updates for entry in update]

    async def deliver(self, output: str) -> None:
        await self.gate.wait()
        self.updates.append(json.loads(output))

    async def refuse(self, error: ServiceError) -> None:
        self.errors.append(error)


def watch(topics: Topics, watcher: Watcher, **request: Any) -> Any:
    """Subscribe a watcher to the journal."""
    return topics.subscribe("WatchJournal", request, watcher.deliver, watcher.refuse)


async def test_a_watcher_gets_a_snapshot_and_then_what_comes() -> None:
    journal, watcher = Journal(), Watcher()
    journal.entries = [1, 2]
    topics = Topics(journal.read, POLL_S)
    watch(topics, watcher)
    await until(lambda: watcher.updates == [[1, 2]])
    journal.entries.append(3)
    await until(lambda: watcher.updates == [[1, 2], [3]])
    await topics.close()


async def test_nothing_is_sent_while_nothing_changes() -> None:
    journal, watcher = Journal(), Watcher()
    topics = Topics(journal.read, POLL_S)
    watch(topics, watcher)
    await until(lambda: len(journal.asked) > 10)
    assert watcher.updates == [[]]
    await topics.close()


async def test_a_watcher_that_comes_back_with_its_cursor_misses_and_repeats_nothing() -> None:
    journal, watcher = Journal(), Watcher()
    journal.entries = [1, 2, 3]
    topics = Topics(journal.read, POLL_S)
    watch(topics, watcher, Cursor="1")
    await until(lambda: watcher.updates == [[2, 3]])
    await topics.close()


async def test_many_watchers_of_one_topic_cost_one_poll() -> None:
    journal, watchers = Journal(), [Watcher() for _ in range(20)]
    topics = Topics(journal.read, POLL_S)
    for watcher in watchers:
        watch(topics, watcher)
    assert len(topics) == 1
    await until(lambda: all(watcher.updates for watcher in watchers))
    journal.entries.append(1)
    journal.asked.clear()
    await until(lambda: all(watcher.seen == [1] for watcher in watchers))
    assert journal.asked.count("0") == 1
    await topics.close()


async def test_different_inputs_are_different_topics() -> None:
    journal = Journal()
    topics = Topics(journal.read, POLL_S)
    watch(topics, Watcher(), A=1, B=2)
    watch(topics, Watcher(), B=2, A=1)
    watch(topics, Watcher(), A=2)
    assert len(topics) == 2
    await topics.close()


async def test_a_topic_that_nobody_watches_is_left_alone() -> None:
    journal, watcher = Journal(), Watcher()
    topics = Topics(journal.read, POLL_S)
    subscriber = watch(topics, watcher)
    await until(lambda: watcher.updates)
    topics.unsubscribe(subscriber)
    await until(lambda: len(topics) == 0)
    asked = len(journal.asked)
    # In the meantime another topic is read, so that there was time for this one.
    clock = Journal()
    others = Topics(clock.read, POLL_S)
    watch(others, Watcher())
    await until(lambda: len(clock.asked) > 5)
    assert len(journal.asked) == asked
    await others.close()


async def test_a_slow_watcher_falls_behind_without_a_queue_and_loses_nothing() -> None:
    journal, slow, quick = Journal(), Watcher(), Watcher()
    topics = Topics(journal.read, POLL_S)
    watch(topics, slow)
    watch(topics, quick)
    await until(lambda: slow.updates and quick.updates)
    slow.gate.clear()
    for entry in range(50):
        journal.entries.append(entry)
        await until(lambda: len(quick.seen) == len(journal.entries))
    slow.gate.set()
    await until(lambda: slow.seen == journal.entries)
    assert len(slow.updates) <= 3
    await topics.close()


async def test_an_error_is_told_once_and_the_topic_goes_on_when_it_is_over() -> None:
    journal, watcher = Journal(), Watcher()
    journal.error = ResourceNotFound("There is no such journal.")
    topics = Topics(journal.read, POLL_S, failed_poll_s=POLL_S)
    watch(topics, watcher)
    await until(lambda: len(journal.asked) > 5)
    assert [error.code for error in watcher.errors] == ["ResourceNotFound"]
    journal.error = None
    journal.entries.append(1)
    await until(lambda: watcher.seen == [1])
    await topics.close()


async def test_a_bug_is_told_without_its_details_and_logged(caplog: Any) -> None:
    journal, watcher = Journal(), Watcher()
    journal.error = RuntimeError("secret detail")
    topics = Topics(journal.read, POLL_S)
    watch(topics, watcher)
    await until(lambda: watcher.errors)
    assert watcher.errors[0].code == "InternalFailure"
    assert "secret detail" not in str(watcher.errors[0])
    assert "secret detail" in caplog.text
    await topics.close()


async def test_a_watcher_whose_connection_is_gone_is_forgotten() -> None:
    journal, watcher = Journal(), Watcher()

    async def broken(output: str) -> None:
        raise ConnectionResetError(output)

    topics = Topics(journal.read, POLL_S)
    topics.subscribe("WatchJournal", {}, broken, watcher.refuse)
    await until(lambda: len(topics) == 0)
