"""Micro-batching: one call of the model for all requests that have queued, without a timer.

A lone request is predicted at once; while the model is busy others queue, and the next call takes
them all. So batching costs nothing when idle and grows with the load.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import queue
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Done = Callable[[Any, Exception | None], None]

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
        except BaseException as raised:  # noqa: BLE001  (handed to whoever awaits the call)
            result, error = None, _told(raised)
        current[0] = None
        call.loop.call_soon_threadsafe(_settle, call.future, result, error)


def _told(raised: BaseException) -> Exception:
    """Return what a model raised as what a future can hold, and no event loop ends by."""
    if isinstance(raised, Exception) and not isinstance(raised, StopIteration):
        return raised
    said = traceback.format_exception_only(raised)[-1].strip()
    error = RuntimeError(f"The model raised {said}")
    error.__cause__ = raised
    return error


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class _Item:
    """The rows of one request, and who is told what came of them, once."""

    __slots__ = ("_done", "form", "key", "rows")

    def __init__(self, rows: Any, key: object, form: object, done: Done) -> None:
        self.rows = rows
        self.key = key
        self.form = form
        self._done: Done | None = done

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._done is None

    def settle(self, result: Any, error: Exception | None) -> None:
        """Tell who waits, unless it was told before."""
        done, self._done = self._done, None
        if done is not None:
            done(result, error)

    def finish(self, result: Any, error: Exception | None) -> None:
        """Tell who waits, and let go of the rows: a timer may hold this for much longer."""
        self.rows = None
        self.settle(result, error)


def _expire(items: list[_Item]) -> None:
    for item in items:
        item.settle(None, TimeoutError())


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
    split
        Predictions, how many are each request's, and the form that all of them want, to what each
        request is given; without it each gets its own predictions.
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
        split: Callable[[Any, list[int], object], list[Any]] | None = None,
    ) -> None:
        self.calls = 0
        self._predict = predict
        self._lane = lane
        self._join = join
        self._key_of = key_of
        self._timeout_s = timeout_s
        self._split = split or slices
        self._in_lane = False
        self._waiting: list[_Item] = []
        self._busy = False
        self._seconds_per_call = _INLINE_S  # the first call is made in the lane
        self._tasks: set[asyncio.Task[None]] = set()

    def replace(self, predict: Callable[[Any], Any]) -> None:
        """Predict with another function from the next call on."""
        self._predict = predict

    async def predict(self, rows: Any) -> Any:
        """Return the predictions for `rows`, made together with whatever else is waiting."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.submit(rows, None, functools.partial(_settle, future))
        return await future

    def submit(self, rows: Any, form: object, done: Done) -> None:
        """Have `rows` predicted, together with whatever else is waiting.

        A lone request waits for nobody: the call is made in the next turn of the event loop, which
        first hears of the requests that arrived with it.

        Parameters
        ----------
        rows
            Of one request.
        form
            What it wants to be given; see `split`. Only requests for the same share a call.
        done
            Is given that, or `None` and what was raised. It must not raise.
        """
        item = _Item(rows, self._key_of(rows), form, done)
        self._waiting.append(item)
        if self._in_lane:
            self._limit([item])
        elif not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        batch = self._take()
        if not batch:
            self._busy = False
            return
        rows = sum([len(item.rows) for item in batch])
        if self._seconds_per_call < _INLINE_S and rows <= _INLINE_ROWS:
            asyncio.get_running_loop().call_soon(self._drain)
            self._predict_inline(batch)
            return
        self._in_lane = True
        self._limit([*batch, *self._waiting])
        task = asyncio.get_running_loop().create_task(self._predict_in_lane(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _limit(self, items: list[_Item]) -> None:
        """Have these requests time out: one timer for all of them."""
        asyncio.get_running_loop().call_later(self._timeout_s, _expire, items)

    def _take(self) -> list[_Item]:
        waiting = [item for item in self._waiting if not item.is_settled]
        batch: list[_Item] = []
        rows = 0
        for item in waiting:
            rows += len(item.rows)
            if batch and (
                item.key != batch[0].key or item.form != batch[0].form or rows > MAX_ROWS
            ):
                break
            batch.append(item)
        self._waiting = waiting[len(batch) :]
        return batch

    def _predict_inline(self, batch: list[_Item]) -> None:
        failure: Exception | None = None
        started = time.perf_counter()
        try:
            parts = self._call(batch)
        except BaseException as error:  # noqa: BLE001  (handed to the requests that wait)
            failure = _told(error)
        self._learn(time.perf_counter() - started)
        if failure is None:
            _share(batch, parts)
        elif len(batch) == 1:
            batch[0].finish(None, failure)
        else:
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
        failure: Exception | None = None
        try:
            parts = await self._lane.run(self._call, batch)
        except Exception as error:  # noqa: BLE001  (handed to the requests that wait)
            failure = error
        if failure is None:
            _share(batch, parts)
        elif len(batch) == 1 or isinstance(failure, AbandonedError):
            for item in batch:
                item.finish(None, failure)
        else:
            for item in batch:
                await self._call_in_lane([item])

    def _call(self, batch: list[_Item]) -> list[Any]:
        """Return what each request is given."""
        self.calls += 1
        rows = batch[0].rows if len(batch) == 1 else self._join([item.rows for item in batch])
        predictions = self._predict(rows)
        if len(predictions) != len(rows):
            msg = f"predict() returned {len(predictions)} predictions for {len(rows)} rows."
            raise ValueError(msg)
        return self._split(predictions, [len(item.rows) for item in batch], batch[0].form)

    def _learn(self, seconds: float) -> None:
        # One call that the machine held up is no slow model: a rise is believed in small steps.
        known = self._seconds_per_call
        self._seconds_per_call += 0.25 * (min(seconds, 2 * known + _INLINE_S / 20) - known)


def slices(predictions: Any, sizes: list[int], form: object = None) -> list[Any]:
    """Return the predictions of each request."""
    del form  # it is the same for all forms
    if len(sizes) == 1:
        return [predictions]
    ends = list(itertools.accumulate(sizes))
    return [predictions[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _share(batch: list[_Item], parts: list[Any]) -> None:
    for item, part in zip(batch, parts, strict=True):
        item.finish(part, None)
