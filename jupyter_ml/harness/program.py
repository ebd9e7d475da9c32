"""What a training job runs: its command, where that finds Python, and what it sees as /opt/ml."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.harness import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.harness.layout import Layout

CONTAINER = Path("/opt/ml")
"""Where SageMaker's containers find everything, and programs that know nothing else look."""

_CELL = ".jupyter_ml/cell.json"
_WRAPPERS = {"python": (), "python3": (), "pip": ("-m", "pip"), "pip3": ("-m", "pip")}


class Refused(Exception):
    """The request cannot be carried out; the message says why and what to do."""


def command_of(
    job: dict[str, Any], layout: Layout, seen: Layout, path: str, runners: Path
) -> list[str]:
    """Return the command of a job's program.

    Parameters
    ----------
    job
        What `training.json` holds.
    layout, seen
        Where the job's files are, and where the program finds them.
    path
        What `search_path` says.
    runners
        Folder of `script.py` and `cell.py`, which run what is written in Python.

    Raises
    ------
    Refused
        There is no such program.
    """
    if job["command"]:
        return _given(job["command"], layout, path)
    flags = environment.arguments(environment.user_hyperparameters(job["hyperparameters"]))
    root, program = str(seen.code), job["program"]
    if program is None:
        return [sys.executable, str(runners / "script.py"), root, "-m", job["module"], *flags]
    file = layout.code / program
    if not file.is_file():
        msg = (
            f"The source folder has no {program!r} (hyperparameter sagemaker_program). It has: "
            f"{', '.join(sorted(item.name for item in layout.code.iterdir())) or 'nothing'}."
        )
        raise Refused(msg)
    if (layout.code / _CELL).is_file():
        return [sys.executable, str(runners / "cell.py"), root, program]
    if file.suffix == ".py":
        return [sys.executable, str(runners / "script.py"), root, program, *flags]
    if file.suffix == ".sh":
        return ["/bin/sh", str(seen.code / program), *flags]
    _make_executable(file)
    return [str(seen.code / program), *flags]


def search_path(job: dict[str, Any], seen: Layout, folder: Path) -> str:
    """Return the PATH of a job's program, on which `python` is the job's own.

    A command of the user's finds the programs that were sent along, too, and `python3` and `pip3`
    in any case, by wrappers in `folder`.
    """
    own = str(Path(sys.executable).parent)
    given = os.environ.get("PATH", os.defpath)
    if not job["command"]:
        return os.pathsep.join((own, given))
    _wrap_python(folder)
    return os.pathsep.join((str(seen.code), str(folder), own, given))


def mounts_of(layout: Layout) -> list[tuple[str, str]]:
    """Return which folders are found where for a program that looks for /opt/ml itself."""
    shared = (layout.model, layout.output)
    return [
        (str(layout.base), str(CONTAINER)),
        *((str(folder), str(CONTAINER / folder.name)) for folder in shared),
    ]


def _given(command: Sequence[str], layout: Layout, path: str) -> list[str]:
    """Return a command of the user's with the absolute path of its program."""
    name, *arguments = command
    sent = layout.code / name if "/" not in name else _behind(name, layout)
    if sent is not None and sent.is_file():
        _make_executable(sent)
        return [name if "/" in name else f"{path.partition(os.pathsep)[0]}/{name}", *arguments]
    found = shutil.which(name, path=path)
    if found is None:
        sent_along = ", ".join(sorted(item.name for item in layout.code.iterdir())) or "nothing"
        msg = (
            f"{name!r} (AlgorithmSpecification.ContainerEntrypoint or ContainerArguments) is no "
            f"program that can be run here. The source folder has: {sent_along}. Send it along, "
            "or name one that this machine has."
        )
        raise Refused(msg)
    return [found, *arguments]


def _behind(name: str, layout: Layout) -> Path | None:
    """Return the file that a program will find by this path below /opt/ml."""
    path = Path(name)
    if not path.is_absolute():
        return layout.code / path
    if not path.is_relative_to(CONTAINER):
        return None
    return layout.base / path.relative_to(CONTAINER)


def _make_executable(file: Path) -> None:
    """Let a file be run: object storage keeps no permissions."""
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def _wrap_python(folder: Path) -> None:
    """Put programs of the usual names into a folder that are the job's Python.

    No links: an environment is found by the place of the program that was started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, arguments in _WRAPPERS.items():
        words = shlex.join([sys.executable, *arguments])
        (folder / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        (folder / name).chmod(0o700)
