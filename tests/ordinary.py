"""Runs a program as an ordinary user, for tests that may themselves run as the superuser.

    python ordinary.py PROGRAM ARGUMENT...

The Python of the tests may lie in a folder that is the superuser's alone. It is made visible in
mounts of this process only.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from jupyter_ml.engine import namespaces, view

NUMBER = 65534


def main(command: list[str]) -> None:
    """Become the user, and the program."""
    if os.geteuid() == 0:
        _show_python()
        os.setgroups([])
        os.setresgid(NUMBER, NUMBER, NUMBER)
        os.setresuid(NUMBER, NUMBER, NUMBER)
    os.execv(command[0], command)


def _show_python() -> None:
    namespaces.own_mounts()
    for folder in reversed(Path(os.path.realpath(sys.executable)).parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            view.cover(str(folder), [os.path.realpath(sys.base_prefix)])


if __name__ == "__main__":
    main(sys.argv[1:])
