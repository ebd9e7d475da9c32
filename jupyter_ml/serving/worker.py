"""One worker process: holds the model, answers the front's frames. Standard library only."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.serving.failure import failure_of
from jupyter_ml.serving.frames import (
    CONTROL,
    OTHER_VERSION,
    PROTOCOL,
    VARIABLE,
    FrameProtocol,
)
from jupyter_ml.serving.loading import load, settle

if TYPE_CHECKING:
    from jupyter_ml.serving.inference import Inference


def main(descriptor: str) -> None:
    """Serve the front at the socket `descriptor` until it closes."""
    # The front ends its workers once their requests are answered; a terminal's Ctrl-C is its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = ServeConfig.read(Path(os.environ["JUPYTER_ML_ATTEMPT_DIR"]))
    config.log()
    asyncio.run(_serve(config, socket.socket(fileno=int(descriptor))))
    # Threads that hang in the model must not keep the process.
    os._exit(0)


class OtherVersionError(Exception):
    """The front was started by a version that speaks otherwise."""


def require_same(spoken: str) -> None:
    """Refuse a front that speaks otherwise.

    Raises
    ------
    OtherVersionError
        Names both.
    """
    if spoken != PROTOCOL:
        msg = (
            f"The front speaks version {spoken} of the frames and this worker {PROTOCOL}: another "
            "jupyter_ml was installed while the endpoint ran"
        )
        raise OtherVersionError(msg)


async def _serve(config: ServeConfig, connection: socket.socket) -> None:
    gone = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()
    inference: Inference | None = None

    async def answer(number: int, header: dict[str, Any], body: bytes) -> None:
        if inference is not None:
            reply = await inference.infer(body, header["content_type"], header["accept"])
            head = {"status": reply.status, "content_type": reply.content_type}
            protocol.write(number, head, reply.body)

    async def adopt() -> None:
        if inference is not None:
            protocol.write(CONTROL, {"adopted": await inference.adopt(config.compiled_dir)})
            settle()

    def on_frame(number: int, header: dict[str, Any], body: bytes) -> None:
        work = adopt() if number == CONTROL else answer(number, header, body)
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop = asyncio.get_running_loop()
    protocol = FrameProtocol(on_frame, gone.set)
    await loop.create_unix_connection(lambda: protocol, sock=connection)
    try:
        require_same(os.environ.get(VARIABLE, "1"))
        inference, ready = await load(config)
    except OtherVersionError as error:
        failure = {**failure_of(error, "Serving its front"), "Reason": OTHER_VERSION}
        protocol.write(CONTROL, {"failure": failure})
        protocol.close()
    except Exception as error:  # noqa: BLE001  (the boundary: the front reports it)
        protocol.write(CONTROL, {"failure": failure_of(error, "Loading the model")})
        protocol.close()
    else:
        settle()
        protocol.write(CONTROL, {"ready": ready.to_json()})
    await gone.wait()
