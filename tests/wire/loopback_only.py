"""Importing it keeps a program from every address but this machine's own, and says if it tried."""

import atexit
import os
import sys

tried: list[str] = []


def _watch(event: str, arguments: tuple) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in {None, "", "localhost", "127.0.0.1", "::1"}:
        tried.append(f"{event} {host}")
        raise ConnectionRefusedError(f"This program may not leave the machine: {event} {host}")


def _say() -> None:
    if tried:
        sys.stderr.write("Tried to leave the machine: " + "; ".join(sorted(set(tried))) + "\n")
        sys.stderr.flush()
        os._exit(3)


sys.addaudithook(_watch)
atexit.register(_say)
