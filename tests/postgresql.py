"""A real PostgreSQL server for the tests: one for the session, a database for whoever asks.

It is started when first asked for, listens on a socket in a folder of its own, and ends with the
tests, however they end.
"""

from __future__ import annotations

import atexit
import functools
import getpass
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from jupyter_ml.testing import eventually

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}
_USER = "jupyter_ml"
_DIES_WITH_US = ("setpriv", "--pdeathsig", "QUIT")
_ROOM_BYTES = 2 << 30


class PostgresqlServer:
    """A server of its own, whose databases and life a test may do with as it likes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jupyter_ml-pg-", dir=_memory()))
        self._bin = _programs()
        self._user = _user()
        if self._user is not None:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._data = self.folder / "data"
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        words = ("-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self._run("initdb", "-D", str(self._data), *words)
        self.start()
        atexit.register(self.remove)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_DIES_WITH_US if shutil.which("setpriv") else ()),
                    str(self._bin / "postgres"),
                    *("-D", str(self._data), "-k", str(self.folder), *options),
                ],
                user=self._user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        eventually(self._answers, 60)

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, with all connections."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def new_database(self) -> str:
        """Return the address of a new, empty database."""
        name = f"d{next(self._numbers)}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def drop_database(self, address: str) -> None:
        """Remove a database, with whoever may still be connected to it."""
        name = urlsplit(address).path.strip("/")
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def conninfo(self, name: str) -> str:
        """Return how the driver itself connects to a database."""
        return f"host={self.folder} user={_USER} dbname={name}"

    def remove(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            psycopg.connect(self.conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._bin / program), *words]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@functools.cache
def server() -> PostgresqlServer:
    """Return the server that all tests of this process share."""
    return PostgresqlServer()


def _memory() -> str | None:
    """Return a folder in memory, where databases are made much faster, if there is one."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES
    return str(memory) if has_room and os.access(memory, os.W_OK) else None


def _programs() -> Path:
    """Return the folder of the server's programs."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    if found:
        return found[-1]
    program = shutil.which("postgres")
    assert program is not None, (
        "The tests of the store need a PostgreSQL server, and there is none: run `make postgresql` "
        "or install it with your package manager, so that postgres and initdb are on the PATH."
    )
    return Path(program).parent


def _user() -> str | None:
    """Return whom to run it as: it refuses to be run by root."""
    if getpass.getuser() != "root" and os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
