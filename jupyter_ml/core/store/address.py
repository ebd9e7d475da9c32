"""The address of a database, and the password that must not travel with it.

Addresses stand in the arguments of processes, in the environment of jobs and in messages; the
password of one is kept in a file of the workspace that only its owner can read, for the processes
that supervisors start long after the one that was told it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from pathlib import Path

_DRIVER = "postgresql+psycopg"
_SCHEMES = frozenset({"postgres", "postgresql", _DRIVER})
_FILE = "database-password.json"


def split_password(address: str) -> tuple[str, str | None]:
    """Return an address without its password, as SQLAlchemy takes it, and the password.

    Raises
    ------
    ValidationException
        It is not the address of a PostgreSQL database; the message does not repeat it, as it
        may hold a password.
    """
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in _SCHEMES or not parts.path.strip("/"):
        given = f" of the scheme {parts.scheme!r}" if parts.scheme else ""
        msg = (
            f"JUPYTER_ML_DATABASE is an address{given} that cannot be used; use one such as "
            "postgresql://user@host/name, or leave it out for a SQLite file in the workspace."
        )
        raise ValidationException(msg)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name == "sslpassword" for name, _ in query):
        msg = "JUPYTER_ML_DATABASE holds sslpassword; put it into a service file of PostgreSQL."
        raise ValidationException(msg)
    password = next((value for name, value in query if name == "password"), None)
    if parts.password is not None:
        password = unquote(parts.password)
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    host = host.rpartition(":")[0] if port else host
    rest = urlencode([(name, value) for name, value in query if name != "password"], safe="/")
    return urlunsplit((_DRIVER, f"{user}{host}{port}", parts.path, rest, "")), password


def keep_password(folder: Path, address: str, password: str) -> None:
    """Write the password of an address into a folder of keys, for its owner alone."""
    if recall_password(folder, address) == password:
        return
    part = folder / f".{_FILE}.{os.getpid()}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"database": address, "password": password}, file)
    part.replace(folder / _FILE)


def recall_password(folder: Path, address: str) -> str | None:
    """Return the password that was kept for exactly this address, if one was."""
    try:
        kept = json.loads((folder / _FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return str(kept["password"]) if kept.get("database") == address else None
