"""Namespaces of the Linux kernel: a network of one's own, and a view of the files of one's own.

An ordinary user has the power to make them inside a user namespace, in which it keeps its number
and gains nothing outside. Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_USER, NEW_NETWORK, NEW_MOUNTS = 0x10000000, 0x40000000, 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _FOLLOWS = 1, 32, 4096, 16384, 1 << 19
# What a mount may be restricted to, in the same numbers as `statvfs` has them: nosuid to noexec.
_KEPT_OPTIONS = 2 | 4 | 8
_DROP_FROM_BOUNDS = 24
_SYS_ADMIN = 21
_CAPABILITY_VERSION = 0x20080522
_SET_FLAGS, _UP = 0x8914, 1
_PATIENCE_S = 1.0


class StepError(OSError):
    """The kernel refused a step; `step` says which."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(number, os.strerror(number))
        self.step = step

    def __str__(self) -> str:
        return f"{self.step}: {self.strerror}"


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step that an `OSError` comes from."""
    try:
        yield
    except StepError:
        raise
    except OSError as error:
        raise StepError(name, error.errno or 0) from None


def create(*, network: bool) -> list[int]:
    """Return descriptors of a new user namespace and, if wanted, of a network with itself alone.

    They are made by a process that ends at once; the descriptors keep them. Its network has
    nothing but a loopback device, which is up. That it does not reach the network of this process
    is tried, by a connection to a socket that listens here.

    Raises
    ------
    StepError
        The system does not allow it.
    """
    with socket.create_server(("127.0.0.1", 0)) as here:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _hold(theirs, here.getsockname() if network else None)
        theirs.close()
        try:
            with ours:
                return _adopt(ours, pid, ("user", "net") if network else ("user",))
        finally:
            os.waitpid(pid, 0)


def enter(descriptors: list[int]) -> None:
    """Move this process, which has one thread, into namespaces, in this order."""
    with step("Entering the namespaces"):
        for descriptor in descriptors:
            _call("setns", descriptor, 0)


def own_mounts() -> None:
    """Give this process mounts of its own: it sees new ones of the system, and not the reverse."""
    with step("Making a mount namespace"):
        _call("unshare", NEW_MOUNTS)
        _call("mount", b"none", b"/", None, _RECURSIVE | _FOLLOWS, None)


def bind(source: str, target: str) -> None:
    """Have a file or folder appear at `target`, with what is mounted below it."""
    with step(f"Mounting {target}"):
        _call("mount", os.fsencode(source), os.fsencode(target), None, _BIND | _RECURSIVE, None)


def cover(target: str) -> None:
    """Put an empty folder in memory over a folder."""
    with step(f"Covering {target}"):
        _call("mount", b"tmpfs", os.fsencode(target), b"tmpfs", 2 | 4, b"mode=755,size=16m")


def make_read_only(folder: str) -> None:
    """Have a folder, which is a mount, refuse changes."""
    kept = os.statvfs(folder).f_flag & _KEPT_OPTIONS
    with step(f"Making {folder} read-only"):
        flags = _REMOUNT | _BIND | _READ_ONLY | kept
        _call("mount", b"none", os.fsencode(folder), None, flags, None)


def give_up_powers() -> None:
    """Give up the powers by which this process, or what it starts, could undo its mounts.

    The superuser keeps those over files, everybody else has none left.
    """
    head = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    sets = ctypes.create_string_buffer(24)
    with step("Giving up capabilities"):
        _call("prctl", _DROP_FROM_BOUNDS, _SYS_ADMIN, 0, 0, 0)
        _call("capget", head, sets)
        low, high = struct.unpack("3I12x", sets.raw[:24]), struct.unpack("12x3I", sets.raw[:24])
        if os.geteuid() == 0:
            low = tuple(each & ~(1 << _SYS_ADMIN) for each in low)
        else:
            low = high = (0, 0, 0)
        _call("capset", head, struct.pack("6I", *low, *high))


def _hold(parent: socket.socket, outside: tuple[str, int] | None) -> NoReturn:
    """Make the namespaces, in a process whose only purpose is to have them."""
    try:
        with step("Making a user namespace" if outside is None else "Making a network namespace"):
            _call("unshare", NEW_USER | (NEW_NETWORK if outside else 0))
        parent.sendall(b".")
        if parent.recv(1) and outside is not None:
            _raise_loopback()
            _require_cut_off(outside)
        parent.sendall(b".")
        parent.recv(1)
    except StepError as error:
        parent.sendall(f"{error.errno} {error.step}".encode())
    finally:
        os._exit(0)


def _adopt(child: socket.socket, pid: int, kinds: tuple[str, ...]) -> list[int]:
    _require_step(child)
    with step("Keeping the user's number in a user namespace"):
        _map_numbers(pid)
    child.sendall(b".")
    _require_step(child)
    with step("Keeping the namespaces"):
        flags = os.O_RDONLY | os.O_CLOEXEC
        return [os.open(f"/proc/{pid}/ns/{kind}", flags) for kind in kinds]


def _require_step(child: socket.socket) -> None:
    told = child.recv(4096).decode()
    if told != ".":
        number, _, name = told.partition(" ")
        raise StepError(name or "Making a namespace", int(number or 0))


def _map_numbers(pid: int) -> None:
    """Have every user and group be itself inside; for an ordinary user, none but its own."""
    if os.geteuid() == 0:
        for kind in ("uid", "gid"):
            _write(f"/proc/{pid}/{kind}_map", _as_here(f"/proc/self/{kind}_map"))
    else:
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", f"{os.geteuid()} {os.geteuid()} 1")
        _write(f"/proc/{pid}/gid_map", f"{os.getegid()} {os.getegid()} 1")


def _as_here(path: str) -> str:
    with open(path, encoding="ascii") as file:
        ranges = [line.split() for line in file]
    return "\n".join(f"{first} {first} {count}" for first, _, count in ranges)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _raise_loopback() -> None:
    with (
        step("Starting the loopback device"),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket,
    ):
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))


def _require_cut_off(outside: tuple[str, int]) -> None:
    with socket.socket() as attempt:
        attempt.settimeout(_PATIENCE_S)
        try:
            attempt.connect(outside)
        except OSError:
            return
    raise StepError("Leaving the machine's network, which was still reached", errno.EHOSTUNREACH)


def _call(name: str, *arguments: Any) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
