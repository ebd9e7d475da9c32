"""The front's side of several workers: routes to the least busy one and replaces the dead.

A request whose worker dies is answered by another one. One that has seen several workers die is
tried alone, so that a request which kills its worker ends by itself and takes no other with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.outcome import how_it_ended
from jupyter_ml.serving.frames import CONTROL, OTHER_VERSION, FrameProtocol
from jupyter_ml.serving.inference import Reply, problem, timed_out
from jupyter_ml.serving.interpreters import command, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.serving.config import ServeConfig

log = logging.getLogger(__name__)

_DEATHS_PER_REQUEST = 3
_STARTS = 3
_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
# A worker that lived this long starts again with no delay.
_SETTLED_S = 10.0
# The worker answers its own time-outs; one that does not even do that hangs outside Python.
_MARGIN_S = 2.0


class WorkerLostError(Exception):
    """The worker died before it answered."""


class WorkerFailedError(Exception):
    """A worker cannot load the model; `failure` says why, in the shape `Failure`."""

    def __init__(self, failure: dict[str, Any]) -> None:
        super().__init__(failure["Message"])
        self.failure = failure


class Worker:
    """One worker process and the requests that wait for it."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._adopted: asyncio.Future[dict[str, Any]] | None = None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._number = CONTROL
        self._protocol = FrameProtocol(self._on_frame, self._on_lost)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def outstanding(self) -> int:
        """How many requests wait for this worker."""
        return len(self._waiting)

    async def start(self, config: ServeConfig) -> None:
        """Start the process and connect to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *command(config, "worker", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=environment(config, config.workers),
            )
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._protocol, sock=ours)

    async def infer(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Return the worker's reply; raise `WorkerLostError` if it dies first."""
        if self.lost.is_set():
            raise WorkerLostError
        self._number += 1
        number = self._number
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._protocol.write(number, {"content_type": content_type, "accept": accept}, body)
            return await future
        finally:
            self._waiting.pop(number, None)

    async def adopt(self) -> dict[str, Any]:
        """Have the worker take the compiled model; return its report or raise `WorkerLostError`."""
        self._adopted = asyncio.get_running_loop().create_future()
        if self.lost.is_set():
            raise WorkerLostError
        self._protocol.write(CONTROL, {"adopt": True})
        return await self._adopted

    async def ended(self) -> int:
        """Wait for the end of the process; return its exit status."""
        await self.lost.wait()
        if self._process is None:
            return 0
        return await self._end(self._process)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """End the process by closing its connection, by force if it does not heed."""
        self._protocol.close()
        if self._process is not None:
            await self._end(self._process)

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        try:
            return await asyncio.wait_for(process.wait(), _MARGIN_S)
        except TimeoutError:
            self.kill()
            return await process.wait()

    def _on_frame(self, number: int, header: dict[str, Any], body: bytes) -> None:
        if number != CONTROL:
            future = self._waiting.get(number)
            if future is not None and not future.done():
                future.set_result(Reply(header["status"], header["content_type"], body))
        elif "adopted" in header:
            if self._adopted is not None and not self._adopted.done():
                self._adopted.set_result(header["adopted"])
        elif not self.ready.done():
            if "failure" in header:
                self.ready.set_exception(WorkerFailedError(header["failure"]))
            else:
                self.ready.set_result(header["ready"])

    def _on_lost(self) -> None:
        self.lost.set()
        if not self.ready.done():
            self.ready.set_exception(WorkerLostError())
        if self._adopted is not None and not self._adopted.done():
            self._adopted.set_exception(WorkerLostError())
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(WorkerLostError())


class WorkerPool:
    """Answers invocations with `config.workers` processes.

    Parameters
    ----------
    config
        The endpoint's configuration; each worker reads the same from the attempt's folder.
    """

    def __init__(self, config: ServeConfig) -> None:
        self._config = config
        self._adopts = False
        self._ready: list[Worker] = []
        self._all: set[Worker] = set()
        self._changed = asyncio.Condition()
        self._alone = asyncio.Lock()
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def workers(self) -> int:
        """How many workers hold the model now."""
        return sum(not worker.lost.is_set() for worker in self._ready)

    async def start(self) -> dict[str, Any]:
        """Start all workers; return what the first one says of the model.

        Raises
        ------
        WorkerFailedError
            A worker cannot load the model.
        """
        starting = [self._first() for _ in range(self._config.workers)]
        started = await asyncio.gather(*starting, return_exceptions=True)
        for worker in started:
            if isinstance(worker, BaseException):
                raise worker
            await self._admit(worker)
            self._keepers.append(asyncio.create_task(self._keep(worker)))
            answer = worker.ready.result()
        return answer

    async def infer(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Return the reply of the least busy worker, or of another one if that dies."""
        deadline = time.monotonic() + self._config.timeout_s + _MARGIN_S
        for deaths in range(_DEATHS_PER_REQUEST):
            try:
                if deaths < _DEATHS_PER_REQUEST - 1:
                    return await self._try(body, content_type, accept, deadline)
                async with self._alone:
                    return await self._try(body, content_type, accept, deadline)
            except WorkerLostError:
                continue
            except TimeoutError:
                return timed_out(self._config.timeout_s)
        message = f"{_DEATHS_PER_REQUEST} workers died while they answered this request."
        return problem(500, "ModelError", f"{message} The endpoint's log may say why.")

    def begin(
        self, body: bytes, content_type: str, accept: str, done: Callable[[Reply], None]
    ) -> bool:
        """Return `False`: a request that may go to several workers takes a task."""
        del body, content_type, accept, done
        return False

    async def adopt(self, folder: Path) -> dict[str, Any]:
        """Have all workers take the compiled model; return why one does not, or {}."""
        del folder  # they read the same configuration
        self._adopts = True
        for worker in list(self._ready):
            with contextlib.suppress(WorkerLostError):
                refused = await worker.adopt()
                if refused:
                    return refused
        return {}

    async def stop(self) -> None:
        """End all workers."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._all))

    async def _try(self, body: bytes, content_type: str, accept: str, deadline: float) -> Reply:
        loop_deadline = asyncio.get_running_loop().time() + deadline - time.monotonic()
        worker: Worker | None = None
        try:
            async with asyncio.timeout_at(loop_deadline):
                worker = self._least_busy() or await self._wait_for_worker()
                return await worker.infer(body, content_type, accept)
        except TimeoutError:
            if worker is not None:
                worker.kill()
            raise

    def _least_busy(self) -> Worker | None:
        # One that has just died has no requests left: it must not look like the least busy.
        alive = (worker for worker in self._ready if not worker.lost.is_set())
        return min(alive, key=lambda worker: worker.outstanding, default=None)

    async def _wait_for_worker(self) -> Worker:
        async with self._changed:
            while (worker := self._least_busy()) is None:
                await self._changed.wait()
        return worker

    async def _first(self) -> Worker:
        """Start a worker that holds the model; again where a signal ended it."""
        for start in range(_STARTS):
            worker = await self._spawn()
            try:
                await worker.ready
            except WorkerLostError:
                status = await worker.ended()
                self._all.discard(worker)
                message = f"A worker {how_it_ended(status)} before it had loaded the model"
                if status >= 0 or start == _STARTS - 1:
                    break
                log.warning("%s; starting another.", message)
            else:
                return worker
        raise WorkerFailedError(_lost(message, start, self._config.interpreter))

    async def _spawn(self) -> Worker:
        worker = Worker()
        await worker.start(self._config)
        self._all.add(worker)
        return worker

    async def _spawn_again(self, failures: int) -> Worker:
        """Start a worker after a pause that grows with the failures, however long it takes."""
        while True:
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            try:
                return await self._spawn()
            except OSError as error:  # no memory, no process, or no interpreter now
                failures += 1
                log.warning("A worker could not be started: %s; trying again.", error)

    async def _admit(self, worker: Worker) -> None:
        async with self._changed:
            self._ready.append(worker)
            self._changed.notify_all()

    async def _keep(self, worker: Worker) -> None:
        """Keep one place of the pool filled, whatever happens to the process in it."""
        failures = 0
        while True:
            since = time.monotonic()
            status = await worker.ended()
            self._all.discard(worker)
            if worker in self._ready:
                self._ready.remove(worker)
            failures = 0 if time.monotonic() - since > _SETTLED_S else failures + 1
            log.warning("A worker ended with status %s; starting another.", status)
            worker = await self._spawn_again(failures)
            await asyncio.wait([worker.ready])
            error = worker.ready.exception()
            if isinstance(error, WorkerFailedError) and error.failure["Reason"] == OTHER_VERSION:
                # What is installed now is not this: drained and ended, it is started again as that.
                log.warning("%s; the endpoint starts anew.", error)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if error is None:
                await self._admit(worker)
                if self._adopts:  # it may have loaded the model before the compiled one was there
                    with contextlib.suppress(WorkerLostError):
                        await worker.adopt()


def _lost(message: str, earlier: int, interpreter: str | None) -> dict[str, Any]:
    """Return in the shape `Failure` that no worker lived until it had loaded the model."""
    message += f", as did {earlier} before it." if earlier else "."
    message += " What it printed is in the endpoint's log."
    if interpreter is not None:
        message += f" {interpreter} must be Python 3.11 or newer."
    failure = {"Reason": "ModelError", "Message": message, "ExceptionType": "WorkerLostError"}
    return {**failure, "Frames": [], "Source": [], "LogTail": [], "Traceback": message}
