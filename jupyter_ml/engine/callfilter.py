"""What a process cut off from the network may not ask the kernel for, whatever sockets it has.

A network namespace keeps new sockets of the internet inside. It does not hold a socket that came
from outside: the one that an endpoint listens on could be turned around and connected to anybody.
Nor does it hold kinds of sockets that know no namespaces, such as those between a virtual machine
and its host. Standard library only: the shim imports it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from jupyter_ml.engine.namespaces import StepError

# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_ALG: local, or held by the namespace.
_FAMILIES = (1, 2, 10, 16, 38)
_CONNECT_WHILE_SENDING = 0x20000000
_NO_NEW_PRIVILEGES, _SET_FILTER, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_FOREIGN_NUMBERS = 0x40000000


class _Calls(NamedTuple):
    """The numbers of calls on one kind of machine."""

    machine: int
    socket: int
    connect: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    io_uring_setup: int = 425


_CALLS = {
    "x86_64": _Calls(0xC000003E, 41, 42, 44, 46, 307),
    "aarch64": _Calls(0xC00000B7, 198, 203, 206, 211, 269),
}


def restrict(*, connects: bool) -> None:
    """Restrict this process and all that it starts, for good.

    Parameters
    ----------
    connects
        Whether it may connect sockets. Where it was given one from outside, it may not.

    Raises
    ------
    StepError
        The system has no filters, or the numbers of its calls are not known here.
    """
    calls = _CALLS.get(os.uname().machine)
    if calls is None:
        raise StepError(f"Filtering calls on {os.uname().machine}", errno.ENOSYS)
    program = _program(calls, connects=connects)
    room = ctypes.create_string_buffer(program, len(program))
    description = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(room))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(_SET_FILTER, _FILTER, description, 0, 0):
        raise StepError("Filtering calls", ctypes.get_errno())


def _program(calls: _Calls, *, connects: bool) -> bytes:
    """Return the filter in the kernel's own language; each rule is skipped by its own length."""
    refuse = _return(_REFUSE | errno.EPERM)
    rules = [
        _load(_MACHINE_AT) + _unless(_EQUAL, calls.machine, refuse),
        _load(_NUMBER_AT) + _if(_AT_LEAST, _FOREIGN_NUMBERS, refuse),
        _if(_EQUAL, calls.io_uring_setup, _return(_REFUSE | errno.ENOSYS)),
        _if(_EQUAL, calls.socket, _only_families()),
    ]
    if not connects:
        rules.append(_if(_EQUAL, calls.connect, refuse))
        for number, flags in ((calls.sendto, 3), (calls.sendmsg, 2), (calls.sendmmsg, 3)):
            sends = _load(_ARGUMENTS_AT + 8 * flags) + _if(_ANY_BIT, _CONNECT_WHILE_SENDING, refuse)
            rules.append(_if(_EQUAL, number, sends + _return(_ALLOW)))
    return b"".join(rules) + _return(_ALLOW)


def _only_families() -> bytes:
    allowed = b"".join(_if(_EQUAL, family, _return(_ALLOW)) for family in _FAMILIES)
    return _load(_ARGUMENTS_AT) + allowed + _return(_REFUSE | errno.EAFNOSUPPORT)


def _if(test: int, value: int, then: bytes) -> bytes:
    return struct.pack("HBBI", test, 0, len(then) // 8, value) + then


def _unless(test: int, value: int, then: bytes) -> bytes:
    return struct.pack("HBBI", test, len(then) // 8, 0, value) + then


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", _LOAD, 0, 0, offset)


def _return(value: int) -> bytes:
    return struct.pack("HBBI", _RETURN, 0, 0, value)
