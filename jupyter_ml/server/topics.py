"""Topics: read operations with a cursor, polled once for all who watch, and only while any do.

Each subscriber has its own cursor. A round calls the operation once for each distinct cursor,
which is once as soon as all have caught up. A subscriber whose connection is still busy with
the last update is left out: it falls behind and its next update is larger, but nothing queues
up, nothing is sent twice and nothing is lost. A reconnecting subscriber brings its last cursor.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import InternalFailure, MLError, ServiceError, answer_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Read = Callable[[str, dict[str, Any]], Awaitable[tuple[str, str]]]
    Deliver = Callable[[str], Awaitable[None]]
    Refuse = Callable[[ServiceError], Awaitable[None]]

log = logging.getLogger(__name__)

POLL_S = 0.25
FAILED_POLL_S = 2.0


@dataclass(eq=False)
class Subscriber:
    """One who watches a topic.

    Parameters
    ----------
    cursor
        Up to where it has seen the topic; `None` for not at all.
    deliver
        Sends an output, as JSON; returns when the connection has taken it.
    refuse
        Sends an error; not repeated until the topic has worked again.
    """

    cursor: str | None
    deliver: Deliver
    refuse: Refuse
    topic: Topic | None = None
    failed: bool = False
    sending: asyncio.Task[None] | None = None


@dataclass(eq=False)
class Topic:
    """One operation and input, and those who watch it."""

    operation: str
    request: dict[str, Any]
    subscribers: set[Subscriber] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Topics:
    """All topics of a server.

    Parameters
    ----------
    read
        Runs an operation; returns its cursor and its answer as JSON.
    poll_s
        Time between two looks at a topic.
    failed_poll_s
        The same while the topic answers with an error.
    """

    def __init__(
        self, read: Read, poll_s: float = POLL_S, failed_poll_s: float = FAILED_POLL_S
    ) -> None:
        self._read = read
        self._poll_s = poll_s
        self._failed_poll_s = failed_poll_s
        self._topics: dict[tuple[str, str], Topic] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def subscribe(
        self, operation: str, request: dict[str, Any], deliver: Deliver, refuse: Refuse
    ) -> Subscriber:
        """Begin to watch; the first update is the snapshot, or what came since the cursor.

        Parameters
        ----------
        operation
            A read operation with a cursor.
        request
            Its input; a ``Cursor`` in it is where to go on.
        deliver, refuse
            See `Subscriber`.
        """
        request = dict(request)
        subscriber = Subscriber(request.pop("Cursor", None), deliver, refuse)
        key = (operation, json.dumps(request, sort_keys=True))
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = Topic(operation, request)
            topic.task = asyncio.create_task(self._follow(key, topic))
        subscriber.topic = topic
        topic.subscribers.add(subscriber)
        topic.wake.set()
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Stop watching; the topic is left alone when nobody else watches it."""
        if subscriber.topic is not None:
            subscriber.topic.subscribers.discard(subscriber)
            subscriber.topic.wake.set()

    async def close(self) -> None:
        """Stop all."""
        topics = [*self._topics.values()]
        sending = [who.sending for topic in topics for who in topic.subscribers]
        tasks = [task for task in (*(topic.task for topic in topics), *sending) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, key: tuple[str, str], topic: Topic) -> None:
        try:
            while topic.subscribers:
                topic.wake.clear()
                works = await self._round(topic)
                pause_s = self._poll_s if works else self._failed_poll_s
                with suppress(TimeoutError):
                    await asyncio.wait_for(topic.wake.wait(), pause_s)
        finally:
            del self._topics[key]

    async def _round(self, topic: Topic) -> bool:
        """Bring all idle subscribers up to date; return whether the operation works."""
        groups: dict[str | None, list[Subscriber]] = {}
        for subscriber in topic.subscribers:
            if subscriber.sending is None or subscriber.sending.done():
                groups.setdefault(subscriber.cursor, []).append(subscriber)
        works = True
        for cursor, group in groups.items():
            request = topic.request if cursor is None else {**topic.request, "Cursor": cursor}
            try:
                reached, output = await self._read(topic.operation, request)
            except Exception as error:  # noqa: BLE001  (told to the subscribers, and logged)
                works = False
                self._fail(topic, group, error)
                continue
            for subscriber in group:
                subscriber.failed = False
                if reached != cursor:
                    subscriber.cursor = reached
                    self._send(subscriber, subscriber.deliver(output))
        return works

    def _fail(self, topic: Topic, group: list[Subscriber], cause: Exception) -> None:
        error = answer_to(cause) or InternalFailure("The server failed; its log has the traceback.")
        for subscriber in group:
            if not subscriber.failed:
                subscriber.failed = True
                if not isinstance(cause, MLError):
                    log.error("topic %s failed", topic.operation, exc_info=cause)
                self._send(subscriber, subscriber.refuse(error))

    def _send(self, subscriber: Subscriber, sending: Awaitable[None]) -> None:
        async def send() -> None:
            try:
                await sending
            except Exception:  # noqa: BLE001  (whatever it is, the connection is gone)
                self.unsubscribe(subscriber)

        subscriber.sending = asyncio.create_task(send())
