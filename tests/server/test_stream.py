"""The stream: what is sent over the WebSocket, and what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.server.conftest import until


class Stream:
    """A client's end of the WebSocket."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.write_message(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            message: dict[str, Any] = json.loads(await self.connection.read_message())
        return message


async def connected(jp_ws_fetch: Any) -> Stream:
    """Return an open stream."""
    return Stream(await jp_ws_fetch("jupyter-ml", "api", "stream"))


async def test_a_subscription_begins_with_a_snapshot(jp_ws_fetch: Any) -> None:
    stream = await connected(jp_ws_fetch)
    await stream.send(type="subscribe", id="1", operation="WatchTrainingJobs", input={})
    message = await stream.receive()
    assert (message["type"], message["id"]) == ("update", "1")
    assert message["output"]["Reset"] is True
    assert message["output"]["Jobs"] == []


async def test_two_subscriptions_share_a_connection(jp_ws_fetch: Any) -> None:
    stream = await connected(jp_ws_fetch)
    await stream.send(type="subscribe", id="jobs", operation="WatchTrainingJobs", input={})
    await stream.send(type="subscribe", id="ends", operation="WatchEndpoints", input={})
    assert {(await stream.receive())["id"] for _ in range(2)} == {"jobs", "ends"}


async def test_a_topic_that_fails_tells_its_subscriber(jp_ws_fetch: Any) -> None:
    stream = await connected(jp_ws_fetch)
    request = {"TrainingJobName": "nobody"}
    await stream.send(type="subscribe", id="1", operation="WatchTrainingJob", input=request)
    message = await stream.receive()
    assert message["type"] == "error"
    assert message["id"] == "1"
    assert "nobody" in message["error"]["message"]


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("{", "not JSON"),
        ("[]", "an object"),
        ('{"type": "subscribe", "operation": "WatchEndpoints"}', "needs an id"),
        ('{"type": "subscribe", "id": "1", "operation": "CreateModel"}', "not a topic"),
        ('{"type": "subscribe", "id": "1", "operation": "DescribeModel"}', "not a topic"),
        ('{"type": "subscribe", "id": "1", "operation": "WatchEndpoints", "input": 1}', "object"),
        ('{"type": "shout", "id": "1"}', "subscribe or unsubscribe"),
    ],
)
async def test_a_message_that_makes_no_sense_is_answered(
    jp_ws_fetch: Any, message: str, hint: str
) -> None:
    stream = await connected(jp_ws_fetch)
    await stream.connection.write_message(message)
    answer = await stream.receive()
    assert answer["type"] == "error"
    assert hint in answer["error"]["message"]


async def test_an_id_can_be_used_once_at_a_time(jp_ws_fetch: Any) -> None:
    stream = await connected(jp_ws_fetch)
    subscribe = {"type": "subscribe", "id": "1", "operation": "WatchEndpoints", "input": {}}
    await stream.send(**subscribe)
    assert (await stream.receive())["type"] == "update"
    await stream.send(**subscribe)
    assert "in use" in (await stream.receive())["error"]["message"]
    await stream.send(type="unsubscribe", id="1")
    await stream.send(**subscribe)
    assert (await stream.receive())["type"] == "update"


async def test_closing_the_connection_ends_its_topics(jp_ws_fetch: Any, jp_serverapp: Any) -> None:
    stream = await connected(jp_ws_fetch)
    topics = jp_serverapp.web_app.settings["jupyter_ml"]._topics
    await stream.send(type="subscribe", id="1", operation="WatchEndpoints", input={})
    await stream.receive()
    assert len(topics) == 1
    stream.connection.close()
    await until(lambda: len(topics) == 0)
