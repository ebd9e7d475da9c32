"""Invocations that never reach the parser: same answers, same order, on real sockets.

The server runs in the test's event loop, so that a test says when the model answers.
"""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvloop

from tests.serving.raw_endpoint import PATIENCE_S, invocation, request, served

if TYPE_CHECKING:
    from pathlib import Path

RUNNERS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = "Callable[[Coroutine[Any, Any, None]], None]"


@RUNNERS
def test_pipelined_requests_are_answered_in_their_order(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            chunked = request("POST /invocations", None, "Transfer-Encoding: chunked")
            chunked += b"5\r\n[[7,0\r\n2\r\n]]\r\n0\r\n\r\n"
            kinds: list[tuple[bytes, int, Any]] = [
                (invocation(1.0), 200, [1.0]),
                (invocation(2.0, 3.0), 200, [2.0, 3.0]),
                (request("POST /invocations", b"{"), 400, None),
                (request("GET /ping"), 200, None),
                (chunked, 200, [7.0]),
                (invocation(4.0, token="wrong"), 401, None),
                (request("POST /invocations", b""), 400, None),
                (invocation(5.0, headers=("Accept: image/png",)), 406, None),
                (request("POST /invocations", b"x" * 99_000), 400, None),
                (request("POST /invocations", b"x" * 101_000), 413, None),
                (request("GET /nothing"), 404, None),
            ]
            order = np.random.default_rng(0).integers(len(kinds), size=300)
            caller.send(b"".join(kinds[at][0] for at in order))
            for at in order:
                answer = await caller.answer()
                assert answer.status == kinds[at][1]
                if kinds[at][2] is not None:
                    assert answer.predictions == kinds[at][2]
            counted = [at for at in order if b"invocations" in kinds[at][0] and kinds[at][1] != 401]
            assert endpoint.app.stats.requests == len(counted)
            assert endpoint.app.stats.in_flight == 0

    run(test())


@RUNNERS
def test_a_plain_invocation_never_reaches_the_parser(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            for number in range(10):
                assert (await caller.ask(invocation(float(number)))).predictions == [number]
            assert endpoint.server.server_state.total_requests == 0
            assert (await caller.ask(request("GET /ping"))).status == 200
            assert (await caller.ask(invocation(1.0))).predictions == [1.0]
            assert endpoint.server.server_state.total_requests == 1

    run(test())


@RUNNERS
def test_each_caller_gets_the_form_it_asks_for(run: Run, tmp_path: Path) -> None:
    def read(answer: Any) -> list[float]:
        if answer.headers["content-type"] == "text/csv":
            return [float(line) for line in answer.body.decode().splitlines()]
        if answer.headers["content-type"] == "application/x-npy":
            return np.load(io.BytesIO(answer.body)).tolist()
        return answer.predictions

    async def test() -> None:
        async with served(tmp_path) as endpoint:
            callers = [await endpoint.caller() for _ in range(12)]
            for _ in range(20):
                for number, caller in enumerate(callers):
                    kind = ("*/*", "application/json", "text/csv", "application/x-npy")[number % 4]
                    rows = [float(number)] * (number % 3 + 1)
                    caller.send(invocation(*rows, headers=(f"Accept: {kind}",)))
                for number, caller in enumerate(callers):
                    assert read(await caller.answer()) == [number] * (number % 3 + 1)

    run(test())


@RUNNERS
def test_a_request_may_come_in_any_pieces(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            two = invocation(1.0) + invocation(2.0)
            for cut in range(1, len(two)):
                caller.send(two[:cut])
                await endpoint.settle()
                caller.send(two[cut:])
                assert (await caller.answer()).predictions == [1.0]
                assert (await caller.answer()).predictions == [2.0]
            for byte in invocation(3.0):
                caller.send(bytes([byte]))
                await endpoint.settle()
            assert (await caller.answer()).predictions == [3.0]
            assert (await caller.ask(invocation(4.0))).predictions == [4.0]

    run(test())


@RUNNERS
def test_answers_look_the_same_on_both_ways(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            for short in (invocation(1.0), request("POST /invocations", b"{")):
                # An empty query is enough for the parser, and the same path for the application.
                long = short.replace(b"/invocations", b"/invocations?", 1)
                answers = [await caller.ask(short), await caller.ask(long)]
                for answer in answers:
                    assert answer.headers.pop("date")
                assert answers[0] == answers[1]
                assert answers[0].headers["x-amzn-invoked-production-variant"] == "AllTraffic"

    run(test())


@RUNNERS
def test_a_connection_ends_when_the_caller_says_so(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            for last in (
                invocation(1.0, headers=("Connection: close",)),
                invocation(1.0).replace(b"HTTP/1.1", b"HTTP/1.0"),
            ):
                caller = await endpoint.caller()
                assert (await caller.ask(invocation(2.0))).predictions == [2.0]
                answer = await caller.ask(last)
                assert answer.predictions == [1.0]
                assert answer.headers["connection"] == "close"
                assert await caller.is_closed()
            caller = await endpoint.caller()
            caller.send(invocation(1.0) + b"\x00 nonsense\r\n\r\n")
            assert (await caller.answer()).predictions == [1.0]
            assert (await caller.answer()).status == 400
            assert await caller.is_closed()

    run(test())


@RUNNERS
def test_a_request_that_would_rather_speak_another_protocol_is_answered_whole(
    run: Run, tmp_path: Path
) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            wishes = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
            asked = invocation(*[1.0] * 6000, headers=wishes)
            chunked = request("POST /invocations", None, "Transfer-Encoding: chunked", *wishes)
            chunked += b"7\r\n[[2,0]]\r\n0\r\n\r\n"
            for whole, said in ((asked, [1.0] * 6000), (chunked, [2.0])):
                head, _, body = whole.partition(b"\r\n\r\n")
                caller.send(head + b"\r\n\r\n")
                await endpoint.settle()
                assert (await caller.ask(body)).predictions == said
                caller.send(whole + request("GET /ping", None, *wishes) + whole + invocation(3.0))
                assert (await caller.answer()).predictions == said
                assert (await caller.answer()).status == 200
                assert (await caller.answer()).predictions == said
                assert (await caller.answer()).predictions == [3.0]
            stranger = request("GET /ping", None, "Connection: Upgrade", "Upgrade: websocket")
            answer = await caller.ask(stranger.replace(b"Bearer t", b"Bearer x"))
            assert answer.status == 401

    run(test())


@RUNNERS
def test_who_expects_to_be_asked_for_the_body_is_asked(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            head, _, body = invocation(1.0, headers=("Expect: 100-continue",)).partition(
                b"\r\n\r\n"
            )
            caller.send(head + b"\r\n\r\n")
            async with asyncio.timeout(PATIENCE_S):
                assert await caller.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
                await caller.reader.readline()
            assert (await caller.ask(body)).predictions == [1.0]
            assert (await caller.ask(invocation(2.0))).predictions == [2.0]

    run(test())


@RUNNERS
def test_callers_that_vanish_leave_nothing_behind(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        go = threading.Event()
        async with served(tmp_path, lambda rows: go.wait(PATIENCE_S) and rows[:, 0]) as endpoint:
            whole = invocation(1.0)
            for sent in (whole, whole * 3, whole[:40], whole[:-1], whole + whole[:-1]):
                for is_reset in (False, True):
                    caller = await endpoint.caller()
                    caller.send(sent)
                    await endpoint.settle()
                    if is_reset:
                        peer = caller.writer.get_extra_info("socket")
                        linger = struct.pack("ii", 1, 0)
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    caller.writer.close()
            await endpoint.settle()
            go.set()
            caller = await endpoint.caller()
            assert (await caller.ask(whole)).predictions == [1.0]
            while endpoint.app.stats.in_flight:
                await endpoint.settle()

    run(test())


@RUNNERS
def test_a_stop_answers_what_has_come(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        go = threading.Event()
        async with served(tmp_path, lambda rows: go.wait(PATIENCE_S) and rows[:, 0]) as endpoint:
            one, two, part, idle = [await endpoint.caller() for _ in range(4)]
            whole = invocation(1.0)
            one.send(whole)
            two.send(whole + invocation(2.0) + request("GET /ping"))
            part.send(whole[:-1])
            await endpoint.settle()
            endpoint.server.should_exit = True
            assert await idle.is_closed()
            with pytest.raises(ConnectionRefusedError):
                await endpoint.caller()
            go.set()
            part.send(whole[-1:])
            for caller in (one, part):
                answer = await caller.answer()
                assert answer.predictions == [1.0]
                assert answer.headers["connection"] == "close"
            assert (await two.answer()).predictions == [1.0]
            assert (await two.answer()).predictions == [2.0]
            assert (await two.answer()).headers["connection"] == "close"
            for caller in (one, two, part):
                assert await caller.is_closed()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.shield(endpoint.serving)

    run(test())


@RUNNERS
def test_a_stop_is_not_held_up_by_who_always_asks_before_the_answer(
    run: Run, tmp_path: Path
) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            connections = endpoint.server.server_state.connections
            caller.send(invocation(1.0) * 3)
            answered_after = 0
            while answered_after < 100:
                try:
                    answer = await caller.answer()
                except (asyncio.IncompleteReadError, ConnectionResetError):
                    break
                assert answer.predictions == [1.0]
                if any(one._is_ending for one in connections):
                    answered_after += 1
                caller.send(invocation(1.0))
                endpoint.server.should_exit = True
            assert answered_after < 100

    run(test())


@RUNNERS
def test_a_stop_under_load_drops_no_request_that_was_begun(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            answered = 0
            cut: list[bytes] = []

            async def load(number: float) -> None:
                nonlocal answered
                caller = await endpoint.caller()
                while True:
                    caller.send(invocation(number))
                    # A connection ends between two requests, or with the answer that says so.
                    try:
                        answer = await caller.answer()
                    except ConnectionResetError:
                        return
                    except asyncio.IncompleteReadError as error:
                        cut.append(error.partial)
                        return
                    assert answer.predictions == [number]
                    answered += 1
                    if answered == 2000:
                        endpoint.server.should_exit = True
                    if answer.headers.get("connection") == "close":
                        return

            await asyncio.gather(*(load(float(number)) for number in range(32)))
            assert answered >= 2000
            assert not any(cut)
            assert endpoint.app.stats.in_flight == 0
            assert endpoint.app.stats.requests == answered

    run(test())


@RUNNERS
def test_who_does_not_read_is_not_written_to_without_end(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path) as endpoint:
            caller = await endpoint.caller()
            asked = 3000
            mixed = [invocation(float(number), *[0.0] * 40) for number in range(asked)]
            mixed[50::100] = [request("GET /ping")] * len(mixed[50::100])
            caller.send(b"".join(mixed))
            connections = endpoint.server.server_state.connections
            counted, waiting = -1, []
            while not waiting or counted != endpoint.app.stats.requests:
                counted = endpoint.app.stats.requests
                for _ in range(5):
                    await endpoint.settle()
                waiting = [one for one in connections if one.flow.write_paused]
            assert counted < asked / 2
            assert waiting[0].transport.get_write_buffer_size() < 200_000
            assert len(waiting[0]._held) < 1_000_000
            for number in range(asked):
                answer = await caller.answer()
                if number % 100 != 50:
                    assert answer.predictions[0] == number

    run(test())


@RUNNERS
def test_an_idle_connection_is_closed_in_its_time(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        go = threading.Event()
        async with served(tmp_path, lambda rows: go.wait(PATIENCE_S) and rows[:, 0]) as endpoint:
            endpoint.server.config.timeout_keep_alive = 0.05
            caller, busy = await endpoint.caller(), await endpoint.caller()
            go.set()
            assert (await busy.ask(invocation(0.0))).predictions == [0.0]
            go.clear()
            busy.send(invocation(*[1.0] * 300))  # many rows are predicted in a thread
            await endpoint.settle()
            assert await caller.ask(request("GET /ping"))
            assert await caller.is_closed()
            go.set()
            # It was idle for no moment, however long the model took.
            assert (await busy.answer()).predictions == [1.0] * 300
            assert await busy.is_closed()

    run(test())
