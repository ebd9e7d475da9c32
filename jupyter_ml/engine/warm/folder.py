"""The folder of a zygote, as others use it: to ask it, to start one, to see and to end it.

    zygote.json   who it is, what it has imported, how it is; written by itself
    socket        where it is asked; there while it can fork
    until         empty; its time of change is when the zygote may leave
    lock          held by the zygote as long as it lives
    zygote.log    what imports print

Standard library only: supervisors import it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine import identity
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.environment import inheritable, threads
from jupyter_ml.engine.warm import pools
from jupyter_ml.engine.warm.forked import ROOM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zygote.py")
# A zygote answers within milliseconds; one that is suspended must not hold up jobs.
_ANSWER_S = 2.0
_ROOM = 512
_KEPT_S = 3600.0
STATE, SOCKET, UNTIL, LOCK, LOG = "zygote.json", "socket", "until", "lock", "zygote.log"


def ask(folder: str, directory: str, environment: Mapping[str, str]) -> int | None:
    """Have the zygote fork the supervisor of an attempt; return its process id.

    Returns
    -------
    int or None
        `None` where it did not, for whatever reason. Even then it may have: of two supervisors
        of one attempt the second leaves at once.
    """
    request = json.dumps({"directory": directory, "environment": dict(environment)}).encode()
    try:
        # By way of the descriptor, as the path of a socket has at most 107 bytes.
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_S)
                connection.connect(f"/proc/self/fd/{place}/{SOCKET}")
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(32)
        finally:
            os.close(place)
    except TimeoutError:
        end(folder)
        return None
    except OSError:
        return None
    return int(answer) if answer.strip().isdigit() else None


def stay(folder: str, seconds: float) -> None:
    """Have the zygote stay at least this long from now on."""
    path, until = os.path.join(folder, UNTIL), time.time() + seconds
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(path, "ab") as file:
        if os.fstat(file.fileno()).st_mtime < until:
            os.utime(path, (until, until))


def command(interpreter: str, folder: str, order: Mapping[str, Any]) -> list[str]:
    """Return the command that starts a zygote; see `zygote` for the order."""
    return [interpreter, _PROGRAM, folder, json.dumps(order)]


def environment(
    environ: Mapping[str, str], given: Mapping[str, str], cpus: float | None
) -> dict[str, str]:
    """Return the environment of a zygote: that of its jobs, with thread pools held."""
    own = threads(cpus) if cpus is not None else {}
    return {
        **inheritable(environ),
        **own,
        **given,
        **pools.held(),
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": "",
        ROOM: "-" * _ROOM,
    }


def start(spec: Mapping[str, Any], imports: str, environ: Mapping[str, str]) -> None:
    """Start a zygote for jobs like the one that has ended; for a process that ends now itself.

    Parameters
    ----------
    spec
        What `Zygotes.spec` wrote of it.
    imports
        File in which the job wrote down what it had imported.
    environ
        Environment of this process.
    """
    folder = spec["folder"]
    os.makedirs(folder, mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.path.join(folder, LOG)
    os.posix_spawn(
        spec["interpreter"],
        command(spec["interpreter"], folder, {**spec["order"], "imports": imports}),
        environment(environ, spec["given"], spec["cpus"]),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def states(root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield folder and state of the zygotes of a workspace that live."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(root)):
            folder = os.path.join(root, name)
            state = read_json(os.path.join(folder, STATE))
            if state is None or state["state"] == "ended":
                continue
            if identity.is_alive(state["identity"]):
                yield folder, state


def end(folder: str) -> bool:
    """Tell the zygote of a folder to end; return whether there was one."""
    state = read_json(os.path.join(folder, STATE))
    return state is not None and identity.send(state["identity"], (signal.SIGTERM, signal.SIGCONT))


def clean(root: str) -> None:
    """Remove the folders of zygotes that ended long ago."""
    living = {folder for folder, _ in states(root)}
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        with contextlib.suppress(OSError):
            until = os.stat(os.path.join(folder, UNTIL)).st_mtime
            if folder not in living and until < time.time() - _KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)


def is_possible() -> bool:
    """Whether this system can fork safely after imports; macOS cannot, for its own libraries."""
    return sys.platform == "linux"
