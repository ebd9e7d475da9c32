"""Files that a user names for what is written once: nothing is ever overwritten."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import MLError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def new_file(path: Path, mode: int = 0o666) -> int:
    """Make a file; return a descriptor to write it with.

    Parameters
    ----------
    path
        A file that does not exist.
    mode
        Who may read and write it, as far as the umask lets them.

    Raises
    ------
    UsageError
        There is such a file.
    MLError
        It cannot be written.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        msg = f"{path} exists already; nothing is overwritten. Name another file."
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}."
        raise MLError(msg) from error
