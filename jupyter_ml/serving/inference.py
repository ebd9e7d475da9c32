"""The model's side of an invocation: a request in, a reply out, within its time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_ml.serving import codec
from jupyter_ml.serving.batching import AbandonedError, Batcher, Lane, slices
from jupyter_ml.serving.columns import PayloadError
from jupyter_ml.serving.compiled.adoption import with_compiled
from jupyter_ml.serving.compiled.report import native
from jupyter_ml.serving.handlers import DefaultHandler, ScriptHandler
from jupyter_ml.serving.payloads import JSON, encode, written_each

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

# Larger bodies are parsed off the event loop, which others wait for.
_LARGE_BYTES = 262_144
_MAX_ABANDONED = 8


class Reply(NamedTuple):
    """An HTTP response."""

    status: int
    content_type: str
    body: bytes


def problem(status: int, kind: str, message: str) -> Reply:
    """Return an error as a reply: `{"message", "type"}`."""
    # A message may name a file or a column in bytes that are no text, which JSON cannot spell.
    spelled = message.encode(errors="backslashreplace").decode()
    return Reply(status, JSON, codec.dumps({"message": spelled, "type": kind}))


class Inference:
    """Answers requests with one loaded model.

    Parameters
    ----------
    handler
        Who answers.
    timeout_s
        Time a request may take, from its arrival.
    """

    def __init__(self, handler: DefaultHandler | ScriptHandler, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._handler = handler
        self._is_compiled = False
        self._lane = Lane()
        self._batcher: Batcher | None = None
        if isinstance(handler, DefaultHandler) and handler.model.rowwise:
            predict = handler.model.predict
            self._batcher = Batcher(predict, self._lane, _join, _key_of, timeout_s, _split)
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)

    @property
    def is_batching(self) -> bool:
        """Whether requests may share a call of the model."""
        return self._batcher is not None

    @property
    def workers(self) -> int:
        """How many workers answer: this process."""
        return 1

    async def adopt(self, folder: Path) -> dict[str, Any]:
        """Predict with the compiled model in `folder`; return why not, or {}.

        Never raises: the model itself goes on answering.
        """
        if self._is_compiled or not isinstance(self._handler, DefaultHandler):
            return {}
        try:
            model = await self._lane.run(with_compiled, self._handler.model, folder)
        except Exception as error:  # noqa: BLE001  (said in the endpoint's description)
            refused = native(f"loading the compiled model failed ({error})").to_json()
            log.warning("%s", refused["Message"])
            return refused
        self._handler = DefaultHandler(model)
        self._is_compiled = True
        if self._batcher is not None:
            self._batcher.replace(model.predict)
        return {}

    async def infer(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Return the reply to one invocation; never raises for what the model does."""
        accept = accept if accept not in {"", "*/*"} else self._default_accept
        try:
            out, out_type = await self._answer(body, content_type or JSON, accept)
        except Exception as error:  # noqa: BLE001  (the model is the user's: anything may come)
            return self._refused(error)
        return Reply(200, out_type, out)

    def begin(
        self, body: bytes, content_type: str, accept: str, done: Callable[[Reply], None]
    ) -> bool:
        """Answer as `infer` does by calling `done`; return `False` where that takes a task."""
        handler, batcher = self._handler, self._batcher
        if batcher is None or isinstance(handler, ScriptHandler) or len(body) > _LARGE_BYTES:
            return False
        if accept in {"", "*/*"}:
            accept = self._default_accept

        def answer(predictions: Any, error: Exception | None) -> None:
            if isinstance(predictions, Reply):
                done(predictions)
                return
            if error is None:
                try:
                    out, out_type = encode(predictions, accept)
                except Exception as raised:  # noqa: BLE001  (the predictions are the model's)
                    error = raised
                else:
                    done(Reply(200, out_type, out))
                    return
            done(self._refused(error))

        try:
            rows = handler.decode(body, content_type or JSON)
        except Exception as error:  # noqa: BLE001  (answered as any other)
            done(self._refused(error))
        else:
            batcher.submit(rows, accept, answer)
        return True

    async def _answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        handler = self._handler
        if isinstance(handler, ScriptHandler):
            async with asyncio.timeout(self.timeout_s):
                answer: tuple[bytes, str] = await self._lane.run(
                    handler.transform, body, content_type, accept
                )
            return answer
        if len(body) > _LARGE_BYTES:
            rows = await asyncio.to_thread(handler.decode, body, content_type)
        else:
            rows = handler.decode(body, content_type)
        if self._batcher is not None:
            predictions = await self._batcher.predict(rows)
        else:
            async with asyncio.timeout(self.timeout_s):
                predictions = await self._lane.run(handler.model.predict, rows)
        if len(body) > _LARGE_BYTES:
            return await asyncio.to_thread(encode, predictions, accept)
        return encode(predictions, accept)

    def _refused(self, error: Exception) -> Reply:
        """Return the reply to a request that ended with an exception; never raises."""
        if isinstance(error, PayloadError):
            return problem(error.status, "ValidationError", str(error))
        if isinstance(error, TimeoutError | AbandonedError):
            return self._timed_out(error)
        log.error("The model failed.", exc_info=error)
        # The text of an exception is the model's code, too, and may fail as that did.
        said = traceback.TracebackException.from_exception(error, limit=0)
        return problem(500, "ModelError", f"{type(error).__name__}: {said}")

    def _timed_out(self, error: Exception) -> Reply:
        if isinstance(error, AbandonedError):
            return timed_out(self.timeout_s)
        self._lane.abandon_after(0.9 * self.timeout_s)
        if self._lane.abandoned > _MAX_ABANDONED:
            # Too many threads hang in the model: end this process, its supervisor starts another.
            os.kill(os.getpid(), signal.SIGTERM)
        return timed_out(self.timeout_s)


def timed_out(timeout_s: float) -> Reply:
    """Return the reply to a request that took too long."""
    return problem(
        504,
        "ModelError",
        f"The model did not answer within {timeout_s:g} s. Send fewer rows in a request, or use "
        "batch transform or asynchronous inference for long predictions.",
    )


def _join(parts: list[Any]) -> Any:
    if hasattr(parts[0], "columns"):
        import pandas as pd  # noqa: PLC0415  (the rows are frames: it is loaded)

        return pd.concat(parts, ignore_index=True)
    import numpy as np  # noqa: PLC0415  (the rows are arrays: it is loaded)

    return np.concatenate(parts)


def _split(predictions: Any, sizes: list[int], form: object) -> list[Any]:
    """Return the reply to each request where its form is JSON and all have one row of numbers."""
    if form == JSON and len(sizes) == len(predictions):
        bodies = written_each(predictions)
        if bodies is not None:
            return [Reply(200, JSON, body) for body in bodies]
    return slices(predictions, sizes)


def _key_of(rows: Any) -> object:
    dtypes = getattr(rows, "dtypes", None)
    if dtypes is None:
        return rows.shape[1:]
    return (tuple(rows.columns), tuple(dtypes))
