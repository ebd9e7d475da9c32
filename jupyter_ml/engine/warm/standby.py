"""Forks made in advance: processes that wait to be told what to be.

A fork of a process that has imported much takes milliseconds, and a job needs three of them, one
after the other. A zygote that has nothing to do makes the chain for the next job: a supervisor,
which has made its member, which has made the process of its program.

Standard library only: supervisors and jobs import it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import traceback
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from jupyter_ml.engine import tree
from jupyter_ml.engine.warm import forked

if TYPE_CHECKING:
    from collections.abc import Callable

LISTENER = "JUPYTER_ML_LISTEN_FD"
"""Names the descriptor of the listening socket that a program inherits."""

# More likely to be killed by a kernel that runs out of memory than the notebook server is.
_OOM_SCORE = "500"


class Held(NamedTuple):
    """What a process is held to; each is `None` where there is no such limit.

    `group` is the file of a control group that processes enter it by, `data_bytes` the limit on
    the memory of one process, `cpus` are the CPUs that it may use.
    """

    group: str | None = None
    data_bytes: int | None = None
    cpus: list[int] | None = None

    def enter(self) -> None:
        """Hold this process to it."""
        if self.group is not None:
            with open(self.group, "w", encoding="ascii") as file:
                file.write("0")
        if self.data_bytes is not None:
            # The soft limit only: a job that submits a job must be able to give it more.
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (self.data_bytes, hard))
        if self.cpus is not None:
            os.sched_setaffinity(0, self.cpus)
        with (
            contextlib.suppress(OSError),
            open("/proc/self/oom_score_adj", "w", encoding="ascii") as file,
        ):
            file.write(_OOM_SCORE)


class Birth(NamedTuple):
    """What a process is to be: a program, where it runs, and what it is held to."""

    argv: list[str]
    environment: dict[str, str]
    directory: str
    held: Held


class Standby:
    """A process that waits, seen from the one that forked it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel

    def send(self, text: bytes, descriptors: list[int]) -> bool:
        """Say what it is to be; return whether it was there to hear it."""
        try:
            socket.send_fds(self.channel, [b"."], descriptors)
            self.channel.sendall(text)
        except OSError:
            return False
        finally:
            self.channel.close()
        return True


class _State:
    """What this process has in waiting, and what itself is held to."""

    next: Standby | None = None
    held = Held()


def prepare(be: Callable[[socket.socket], NoReturn], *, tied: bool) -> Standby:
    """Fork a process that waits.

    Parameters
    ----------
    be
        What the fork does; it reads from its end of a channel, which ends with this process.
    tied
        Whether it ends with this process, whatever it has become.
    """
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            if tied:
                tree.die_with_parent(parent)
            forked.close_descriptors({0, 1, 2, theirs.fileno()})
            be(theirs)
        except BaseException:  # noqa: BLE001  (it ends here; what happened is in the log)
            traceback.print_exc()
        finally:
            os._exit(1)
    theirs.close()
    return Standby(pid, ours)


def prepare_program(below: int) -> None:
    """Have a process in waiting for the next program, and `below` more generations below it."""
    _State.next = prepare(lambda channel: _become_program(channel, below), tied=True)


def descriptors_of(*channels: socket.socket) -> list[int]:
    """Return the descriptors of channels, that to the process in waiting among them."""
    next_one = () if _State.next is None else (_State.next.channel,)
    return [channel.fileno() for channel in (*channels, *next_one)]


def take() -> Standby | None:
    """Return the process in waiting, which is the caller's from now on."""
    one, _State.next = _State.next, None
    return one


def dismiss() -> None:
    """Let the process in waiting go."""
    if (one := take()) is not None:
        one.channel.close()


def start(
    birth: Birth,
    output: int,
    errors: int | None = None,
    first: Callable[[], None] | None = None,
    listener: int | None = None,
) -> int:
    """Have a program run in a fork of this process; return its process id.

    Parameters
    ----------
    birth
        The program; `forked.can_run` agreed to it.
    output
        Descriptor that it writes output and errors to.
    errors
        Descriptor that is closed when the program begins; before that, why it could not.
    first
        Called in the process before it is the program; no process in waiting can do that.
    listener
        Descriptor of the listening socket that the program inherits; only with `errors`.
    """
    if first is not None:
        dismiss()
    descriptors = [one for one in (output, errors, listener) if one is not None]
    if (one := take()) is not None and one.send(json.dumps(birth).encode(), descriptors):
        return one.pid
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        tree.die_with_parent(parent)
        _run(birth, output, errors, first, listener)
    return pid


def held() -> Held:
    """Return what this process is held to."""
    return _State.held


def enter(birth: Birth, output: int) -> None:
    """Be in a session of one's own, held to limits, in the directory, with the streams."""
    os.setsid()
    birth.held.enter()
    os.chdir(birth.directory)
    os.dup2(output, 1)
    os.dup2(output, 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)


def received(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Wait for what a process in waiting is told; end it if it is not needed any more."""
    first, descriptors, _, _ = socket.recv_fds(channel, 1, 3)
    if not first:
        os._exit(0)
    text = bytearray()
    while block := channel.recv(1 << 16):
        text += block
    channel.close()
    return bytes(text), descriptors


def _become_program(channel: socket.socket, below: int) -> NoReturn:
    if below:
        prepare_program(below - 1)
    forked.rehearse(descriptors_of(channel))
    text, descriptors = received(channel)
    argv, environment, directory, limits = json.loads(text)
    birth = Birth(argv, environment, directory, Held(*limits))
    errors, listener = [*descriptors[1:], None, None][:2]
    _run(birth, descriptors[0], errors, None, listener)


def _run(
    birth: Birth,
    output: int,
    errors: int | None,
    first: Callable[[], None] | None,
    listener: int | None,
) -> NoReturn:
    try:
        enter(birth, output)
        if first is not None:
            first()
        _State.held = birth.held
        keep = descriptors_of()
        if listener is not None:
            os.set_inheritable(listener, True)  # noqa: FBT003  (the function's own order)
            birth.environment[LISTENER] = str(listener)
            keep.append(listener)
    except BaseException as error:  # noqa: BLE001  (told to the parent; then this process ends)
        os.write(2 if errors is None else errors, f"{type(error).__name__}: {error}".encode())
        os._exit(127)
    forked.run(birth.argv, birth.environment, keep)
