"""Running a user's code as `__main__`, and telling the harness what went wrong with it."""

from __future__ import annotations

import builtins
import faulthandler
import os
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.warm import forked, imports, pools
from jupyter_ml.harness.records import FAILURE, write_at_end
from jupyter_ml.harness.report import failure_of, formatted, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER_VARIABLE = "JUPYTER_ML_MEMBER_DIR"


def run_as_main(
    execute: Callable[[dict[str, Any]], None], program: Path, root: Path, cell: Path | None = None
) -> None:
    """Run code in a fresh `__main__`; on an exception write `failure.json` and exit.

    Parameters
    ----------
    execute
        Runs the code in the namespace it is given.
    program
        What `__file__` says.
    root
        The source folder; first on `sys.path`, and the base of the paths in tracebacks.
    cell
        The file that holds a cell's text, where a cell is run.
    """
    faulthandler.enable()  # what crashes in C still says in the log where it was
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=str(program), __builtins__=builtins)
    sys.modules["__main__"] = main
    sys.path[0] = str(root)
    before = forked.known_modules()
    if forked.origin() is not None:
        pools.widen()
    try:
        execute(main.__dict__)
    except SystemExit as error:
        if error.code not in {None, 0}:
            _write(_failure_of_exit(trimmed(error), root, cell))
        raise
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is told and ends the job)
        _show(trimmed(error), root)
        _write(failure_of(error, root, cell))
        sys.exit(1)
    finally:
        imports.record(os.environ[FOLDER_VARIABLE], before)


def _failure_of_exit(error: BaseException, root: Path, cell: Path | None) -> dict[str, Any]:
    code = getattr(error, "code", 1)
    said = f": {code}" if isinstance(code, str) else ""
    number = code if isinstance(code, int) else 1
    failure = failure_of(error, root, cell)
    return {**failure, "Message": f"The program ended itself with exit code {number}{said}."}


def _show(error: BaseException, root: Path) -> None:
    sys.stdout.flush()
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        sys.stderr.write(formatted(error, root))
    sys.stderr.flush()


def _write(failure: dict[str, Any]) -> None:
    write_at_end(Path(os.environ[FOLDER_VARIABLE]) / FAILURE, failure)
