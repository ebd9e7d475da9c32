"""Runs a Python file or module as `__main__`, in the job's own process.

    python script.py FOLDER PROGRAM ARGUMENT...

PROGRAM is a file below FOLDER, or `-m` and the name of a module.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from jupyter_ml.harness.bootstrap import run_as_main


def main(arguments: list[str]) -> None:
    """Run what the arguments name; never returns normally after an error."""
    root = Path(arguments[0])
    if arguments[1] == "-m":
        name = arguments[2]
        sys.argv = [name, *arguments[3:]]
        run_as_main(lambda _: _run_module(name), root / name, root)
    else:
        program = root / arguments[1]
        sys.argv = [str(program), *arguments[2:]]
        run_as_main(lambda namespace: _run_file(program, namespace), program, root)


def _run_module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=False)


def _run_file(program: Path, namespace: dict[str, Any]) -> None:
    code = compile(program.read_bytes(), str(program), "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102  (running the user's program is the job)


if __name__ == "__main__":
    main(sys.argv[1:])
