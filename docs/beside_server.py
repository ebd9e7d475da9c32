"""Runs a command beside a Jupyter server, which answers what a tutorial asks with boto3.

`python docs/beside_server.py COMMAND...` starts one for the workspace that the environment names,
waits until it answers, and ends it with the command.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress

from jupyter_server.serverapp import list_running_servers

_PATIENCE_S = 90.0
_SERVER = (
    *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
    *("--ServerApp.port=0", "--ServerApp.log_level=ERROR"),
    "--ServerApp.jpserver_extensions=jupyter_ml=True",
)


def wait_for(server: subprocess.Popen[bytes]) -> None:
    """Return when a server answers.

    Raises
    ------
    RuntimeError
        It has ended, or does not answer in time.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while server.poll() is None and time.monotonic() < deadline:
        for found in list_running_servers():
            if found["pid"] == server.pid:
                with suppress(OSError), socket.create_connection(("localhost", found["port"]), 1):
                    return
        time.sleep(0.1)
    msg = "The Jupyter server does not answer."
    raise RuntimeError(msg)


def main(command: list[str]) -> int:
    """Run the command beside a server; return its exit code."""
    server = subprocess.Popen(_SERVER)
    try:
        wait_for(server)
        return subprocess.run(command, check=False).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
