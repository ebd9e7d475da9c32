"""Micro-batching: one call of the model for all requests that have queued, without a timer.

A lone request is predicted at once; while the model is busy others queue, and the next call takes
them all. So batching costs nothing when idle and grows with the load.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ROWS = 1024
# A call shorter than this is made on the event loop: a hop to a thread would cost as much.
_INLINE_S = 0.002
_INLINE_ROWS = 256


class AbandonedError(Exception):
    """A call outlived its time limit; its thread was left behind."""


class _Call(NamedTuple):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Lane:
    """One thread that makes one call at a time; a call that hangs is left behind with its thread.

    Models are not promised to be thread-safe, and a Python thread cannot be ended: so the queue
    moves to a new thread, and `abandoned` counts the old ones.
    """

    def __init__(self) -> None:
        self.abandoned = 0
        self._start()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `function(*arguments)` returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._calls.put(_Call(loop, future, function, arguments))
        return await future

    def abandon_after(self, seconds: float) -> None:
        """Leave the current call behind if it has run for `seconds`: `AbandonedError` for it."""
        current = self._current[0]
        if current is None or time.monotonic() - current[1] < seconds:
            return
        self.abandoned += 1
        _settle(current[0].future, None, AbandonedError())
        left, mark = self._calls, self._current
        self._start()
        mark[0] = None
        while True:
            try:
                self._calls.put(left.get_nowait())
            except queue.Empty:
                break
        left.put(None)

    def _start(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._current: list[tuple[_Call, float] | None] = [None]
        threading.Thread(
            target=_work, args=(self._calls, self._current), name="model", daemon=True
        ).start()


def _work(
    calls: queue.SimpleQueue[_Call | None], current: list[tuple[_Call, float] | None]
) -> None:
    while (call := calls.get()) is not None:
        current[0] = (call, time.monotonic())
        try:
            result, error = call.function(*call.arguments), None
        except Exception as raised:  # noqa: BLE001  (handed to whoever awaits the call)
            result, error = None, raised
        current[0] = None
        call.loop.call_soon_threadsafe(_settle, call.future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _expire(futures: list[asyncio.Future[Any]]) -> None:
    for future in futures:
        _settle(future, None, TimeoutError())


class _Item(NamedTuple):
    rows: Any
    key: object
    future: asyncio.Future[Any]


class Batcher:
    """Joins the rows of waiting requests into one call of `predict`.

    Parameters
    ----------
    predict
        Rows to one prediction for each row.
    lane
        Where calls that take long are made.
    join
        Several requests' rows into one.
    key_of
        Rows with equal keys may be joined.
    timeout_s
        How long a request may wait for a call that is made in the lane: `TimeoutError` then. A
        call on the event loop cannot be waited for.
    """

    def __init__(
        self,
        predict: Callable[[Any], Any],
        lane: Lane,
        join: Callable[[list[Any]], Any],
        key_of: Callable[[Any], object],
        timeout_s: float,
    ) -> None:
        self.calls = 0
        self._predict = predict
        self._lane = lane
        self._join = join
        self._key_of = key_of
        self._timeout_s = timeout_s
        self._in_lane = False
        self._waiting: list[_Item] = []
        self._busy = False
        self._seconds_per_call = _INLINE_S  # the first call is made in the lane
        self._tasks: set[asyncio.Task[None]] = set()

    def replace(self, predict: Callable[[Any], Any]) -> None:
        """Predict with another function from the next call on."""
        self._predict = predict

    async def predict(self, rows: Any) -> Any:
        """Return the predictions for `rows`, made together with whatever else is waiting.

        A lone request waits for nobody: the call is made in the next turn of the event loop, which
        first hears of the requests that arrived with it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        item = _Item(rows, self._key_of(rows), future)
        self._waiting.append(item)
        if self._in_lane:
            self._limit([item])
        elif not self._busy:
            self._busy = True
            loop.call_soon(self._drain)
        return await future

    def _drain(self) -> None:
        batch = self._take()
        if not batch:
            self._busy = False
            return
        rows = sum([len(item.rows) for item in batch])
        if self._seconds_per_call < _INLINE_S and rows <= _INLINE_ROWS:
            started = time.perf_counter()
            self._predict_inline(batch)
            self._learn(time.perf_counter() - started)
            asyncio.get_running_loop().call_soon(self._drain)
            return
        self._in_lane = True
        self._limit([*batch, *self._waiting])
        task = asyncio.get_running_loop().create_task(self._predict_in_lane(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _limit(self, items: list[_Item]) -> None:
        """Have these requests time out: one timer for all of them."""
        futures = [item.future for item in items]
        asyncio.get_running_loop().call_later(self._timeout_s, _expire, futures)

    def _take(self) -> list[_Item]:
        waiting = [item for item in self._waiting if not item.future.done()]
        batch: list[_Item] = []
        rows = 0
        for item in waiting:
            rows += len(item.rows)
            if batch and (item.key != batch[0].key or rows > MAX_ROWS):
                break
            batch.append(item)
        self._waiting = waiting[len(batch) :]
        return batch

    def _predict_inline(self, batch: list[_Item]) -> None:
        try:
            self._share(batch, self._call(batch))
        except Exception as error:  # noqa: BLE001  (handed to the requests that wait)
            if len(batch) == 1:
                _settle(batch[0].future, None, error)
                return
            # One request's rows must not fail the others'.
            for item in batch:
                self._predict_inline([item])

    async def _predict_in_lane(self, batch: list[_Item]) -> None:
        started = time.perf_counter()
        await self._call_in_lane(batch)
        self._learn(time.perf_counter() - started)
        self._in_lane = False
        self._drain()

    async def _call_in_lane(self, batch: list[_Item]) -> None:
        try:
            self._share(batch, await self._lane.run(self._call, batch))
        except Exception as error:  # noqa: BLE001  (handed to the requests that wait)
            if len(batch) == 1 or isinstance(error, AbandonedError):
                for item in batch:
                    _settle(item.future, None, error)
                return
            for item in batch:
                await self._call_in_lane([item])

    def _call(self, batch: list[_Item]) -> Any:
        self.calls += 1
        rows = batch[0].rows if len(batch) == 1 else self._join([item.rows for item in batch])
        predictions = self._predict(rows)
        if len(predictions) != len(rows):
            msg = f"predict() returned {len(predictions)} predictions for {len(rows)} rows."
            raise ValueError(msg)
        return predictions

    def _share(self, batch: list[_Item], predictions: Any) -> None:
        start = 0
        for item in batch:
            end = start + len(item.rows)
            _settle(item.future, predictions[start:end], None)
            start = end

    def _learn(self, seconds: float) -> None:
        # An average: one call that the machine held up is no slow model.
        self._seconds_per_call += 0.25 * (seconds - self._seconds_per_call)
