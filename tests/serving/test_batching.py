"""Micro-batching: nobody waits for company, whoever is there shares a call."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from jupyter_ml.serving.batching import Batcher, Lane


def batcher(predict: Any, timeout_s: float = 60.0) -> tuple[Batcher, Lane]:
    """Return a batcher over arrays and its lane."""
    lane = Lane()
    return Batcher(predict, lane, np.concatenate, lambda rows: rows.shape[1:], timeout_s), lane


async def quick(predict: Any) -> Batcher:
    """Return a batcher that has learnt that its calls are short, and calls on the event loop."""
    found, _ = batcher(predict)
    for _ in range(20):
        await found.predict(np.zeros((1, 2)))
    found.calls = 0
    return found


def test_a_lone_request_is_answered_without_a_timer_or_a_thread() -> None:
    async def run() -> None:
        called_in = []
        found = await quick(lambda rows: called_in.append(threading.current_thread()) or rows[:, 0])
        loop = asyncio.get_running_loop()
        before = loop.time()
        loop.call_later = loop.call_at = None  # type: ignore[method-assign]
        request = loop.create_task(found.predict(np.ones((1, 2))))
        # It starts, the call is made, its future wakes it: three turns of the loop, none of which
        # waits for anything.
        for _ in range(3):
            assert not request.done()
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert request.done()
        assert called_in[-1] is threading.main_thread()
        assert found.calls == 1
        assert loop.time() - before < 5

    asyncio.run(run())


def test_requests_that_arrive_together_share_one_call() -> None:
    async def run() -> None:
        sizes = []
        found = await quick(lambda rows: sizes.append(len(rows)) or rows[:, 0])
        sizes.clear()
        answers = await asyncio.gather(
            *(found.predict(np.full((number % 3 + 1, 2), number)) for number in range(64))
        )
        assert sizes == [sum(number % 3 + 1 for number in range(64))]
        assert [set(answer) for answer in answers] == [{number} for number in range(64)]

    asyncio.run(run())


def test_what_arrives_during_a_long_call_shares_the_next_one() -> None:
    async def run() -> None:
        sizes: list[int] = []
        started, go = threading.Event(), threading.Event()

        def predict(rows: Any) -> Any:
            sizes.append(len(rows))
            started.set()
            go.wait(30)
            return rows[:, 0]

        found, _ = batcher(predict)
        first = asyncio.ensure_future(found.predict(np.zeros((1, 2))))
        await asyncio.to_thread(started.wait, 30)
        others = [asyncio.ensure_future(found.predict(np.ones((1, 2)))) for _ in range(5)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *others)
        assert sizes == [1, 5]

    asyncio.run(run())


def test_who_waits_for_a_call_that_hangs_is_told_in_time() -> None:
    async def run() -> None:
        go = threading.Event()
        found, lane = batcher(lambda rows: go.wait(30) and rows, timeout_s=0.05)
        first = asyncio.ensure_future(found.predict(np.zeros((1, 2))))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(found.predict(np.zeros((1, 2))))
        for waiting in (first, second):
            with pytest.raises(TimeoutError):
                await waiting
        lane.abandon_after(0.0)
        go.set()
        assert (await found.predict(np.ones((1, 2)))).tolist() == [[1.0, 1.0]]
        assert lane.abandoned == 1

    asyncio.run(run())


def test_rows_are_let_go_of_once_they_are_predicted() -> None:
    async def run() -> None:
        found, _ = batcher(lambda rows: [0.0] * len(rows))
        for _ in range(3):  # the first call is made in the lane, where a timer waits for it
            rows = np.zeros((1, 2))
            seen = weakref.ref(rows)
            await found.predict(rows)
            del rows
            gc.collect()
            assert seen() is None

    asyncio.run(run())
