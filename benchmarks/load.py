"""Requests at a server: as fast as it answers (wrk), or at a rate, whether it answers or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from measure import percentile

_DRAIN_S = 3.0
_REPORT = """
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('JSON {"requests":%d,"us":%d,"errors":%d,"p50":%f,"p99":%f}',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout + e.status,
        latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Request:
    """What is sent, again and again."""

    url: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers with the content type."""
        return {"Content-Type": "application/json", **self.headers}


@dataclass(frozen=True)
class Figures:
    """What came of it; latencies in milliseconds."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def closed_loop(request: Request, connections: int, seconds: int) -> Figures:
    """Keep so many connections busy; each sends again once it is answered."""
    script = [f"wrk.method = 'POST'\nwrk.body = [==[{request.body}]==]"]
    script += [f"wrk.headers[{name!r}] = {value!r}" for name, value in request.all_headers.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "request.lua"
        path.write_text("\n".join([*script, _REPORT]))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        done = subprocess.run(
            [*command, "-s", str(path), request.url], capture_output=True, text=True, check=True
        )
    found = json.loads(done.stdout.partition("JSON ")[2])
    return Figures(
        requests=found["requests"],
        per_second=found["requests"] / found["us"] * 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        errors=found["errors"],
    )


def open_loop(request: Request, rate: float, seconds: float, connections: int = 64) -> Figures:
    """Send at random times, `rate` a second; a latency begins when the request was due.

    A server that falls behind is not spared: what waits for a free connection counts as waiting.
    """
    return asyncio.run(_open_loop(request, rate, seconds, connections))


async def _open_loop(request: Request, rate: float, seconds: float, connections: int) -> Figures:
    address = urlsplit(request.url)
    body = request.body.encode()
    lines = [f"POST {address.path or '/'} HTTP/1.1", f"Host: {address.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.all_headers.items()]
    message = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
    due: asyncio.Queue[float] = asyncio.Queue()
    latencies: list[float] = []
    failures: list[int] = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while True:
                at = await due.get()
                writer.write(message)
                status = await _answer(reader)
                latencies.append(time.perf_counter() - at)
                due.task_done()
                if status != 200:
                    failures.append(status)
        finally:
            writer.close()

    workers = [asyncio.create_task(work()) for _ in range(connections)]
    draw = random.Random(0)  # noqa: S311  (arrivals, not secrets)
    started = next_at = time.perf_counter()
    sent = 0
    while next_at < started + seconds:
        pause = next_at - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        due.put_nowait(next_at)
        sent += 1
        next_at += draw.expovariate(rate)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(due.join(), _DRAIN_S)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    # What was never answered waited until the end at least.
    lost = sent - len(latencies)
    all_of_them = [*latencies, *[seconds + _DRAIN_S] * lost]
    return Figures(
        requests=sent,
        per_second=len(latencies) / seconds,
        p50_ms=percentile(all_of_them, 0.5) * 1e3,
        p99_ms=percentile(all_of_them, 0.99) * 1e3,
        errors=len(failures) + lost,
    )


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer; return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
    else:  # chunked
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return status
