"""The key pair that boto3 signs with: pinned by the settings, or made once per workspace."""

from __future__ import annotations

import json
import os
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import MLError

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

FILE = "gateway.json"
_ID_PREFIX = "JUPYTERML"
_ID_LENGTH = 20
_SECRET_BYTES = 30


class KeyFileError(MLError):
    """The key file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class KeyPair:
    """An access key id and its secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def gateway_keys(key_dir: Path, settings: Settings) -> KeyPair:
    """Return the key pair of the workspace, made at the first call.

    Parameters
    ----------
    key_dir
        Folder of the workspace's keys, readable by its owner alone.
    settings
        May pin the pair; then no file is read or written.

    Raises
    ------
    KeyFileError
        The file is damaged, or others may read it.
    """
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        return KeyPair(settings.access_key_id, settings.secret_access_key)
    path = key_dir / FILE
    if not path.exists():
        _create(path)
    return _read(path)


def _create(path: Path) -> None:
    """Write a new pair; whoever links first wins, and nobody ever sees half a file."""
    alphabet = string.ascii_uppercase + string.digits
    random = "".join(secrets.choice(alphabet) for _ in range(_ID_LENGTH - len(_ID_PREFIX)))
    pair = {
        "access_key_id": _ID_PREFIX + random,
        "secret_access_key": secrets.token_urlsafe(_SECRET_BYTES),
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(pair, file)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> KeyPair:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        msg = (
            f"{path} can be read by other users of this machine. "
            "Delete it, and a new key pair is made at the next use."
        )
        raise KeyFileError(msg)
    try:
        pair = json.loads(path.read_text(encoding="utf-8"))
        return KeyPair(pair["access_key_id"], pair["secret_access_key"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path} holds no key pair ({error}). Delete it to have a new one made."
        raise KeyFileError(msg) from error
