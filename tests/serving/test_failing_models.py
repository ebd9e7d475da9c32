"""Models that raise: each fails its own request, whatever it raises."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.raw_endpoint import invocation, served

if TYPE_CHECKING:
    from pathlib import Path


def test_a_model_that_fails_fails_its_request_alone(tmp_path: Path) -> None:
    def predict(rows: Any) -> Any:
        if (rows[:, 0] == 13.0).any():
            msg = "unlucky"
            raise ZeroDivisionError(msg)
        return [object() if row == 14.0 else row for row in rows[:, 0].tolist()]

    async def test() -> None:
        async with served(tmp_path, predict) as endpoint:
            callers = [await endpoint.caller() for _ in range(12, 16)]
            for _ in range(30):
                for number, caller in enumerate(callers, 12):
                    caller.send(invocation(float(number)))
                answers = [await caller.answer() for caller in callers]
                assert [answer.status for answer in answers] == [200, 500, 500, 200]
                assert b"ZeroDivisionError: unlucky" in answers[1].body
                assert b"not JSON serializable: object" in answers[2].body

    asyncio.run(test())


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ValueError("no file 'caf\udce9'"), r"ValueError: no file 'caf\udce9'"),
        (_UnspeakableError(), "_UnspeakableError: <exception str() failed>"),
        (StopIteration("no more"), "RuntimeError: The model raised StopIteration: no more"),
        (SystemExit(3), "RuntimeError: The model raised SystemExit: 3"),
    ],
    ids=["no text", "no str", "stop", "exit"],
)
@pytest.mark.parametrize("count", [1, 300], ids=["in the event loop", "in a thread"])
def test_what_a_model_raises_need_not_be_text(
    tmp_path: Path, raised: BaseException, said: str, count: int
) -> None:
    def predict(rows: Any) -> Any:
        if (rows[:, 0] == 13.0).any():
            raise raised
        return rows[:, 0]

    async def test() -> None:
        async with served(tmp_path, predict) as endpoint:
            caller = await endpoint.caller()
            for _ in range(30):  # by then the calls of few rows are made in the event loop
                assert (await caller.ask(invocation(1.0))).status == 200
            answer = await caller.ask(invocation(*[13.0] * count))
            assert (answer.status, json.loads(answer.body)["message"]) == (500, said)
            assert (await caller.ask(invocation(2.0))).predictions == [2.0]
            assert endpoint.app.stats.in_flight == 0

    asyncio.run(test())
