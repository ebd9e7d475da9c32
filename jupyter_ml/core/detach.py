"""Processes that outlive the one that starts them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from jupyter_ml.core.groups import way_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# In the background of a shell that ends at once: nobody has to wait for the process, and a
# long-lived kernel or server collects no zombies.
_DETACHED = (
    'way_out=$1; shift; [ -z "$way_out" ] || { echo $$ >"$way_out"; } 2>/dev/null; '
    '"$@" </dev/null >/dev/null 2>>"$0" & echo $!'
)


def detach(command: Sequence[str], errors: Path, env: Mapping[str, str]) -> int:
    """Start a process in a session of its own and return its process id.

    Where an attempt starts it, it is outside of that one's control group as far as the system
    allows.

    Parameters
    ----------
    command
        The program, by its absolute path, and its arguments.
    errors
        File that its standard error is appended to.
    env
        Its environment.
    """
    # For this user alone, which the shell would leave to the umask.
    os.close(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
    result = subprocess.run(
        ["/bin/sh", "-c", _DETACHED, str(errors), way_out(), *command],
        stdout=subprocess.PIPE,
        check=True,
        cwd="/",
        env=env,
        start_new_session=True,
    )
    return int(result.stdout)
