"""The surface in the terminal: ``jupyter ml VERB``, the same verbs as ``%ml VERB``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from jupyter_ml import __version__
from jupyter_ml.client import connect
from jupyter_ml.contract.errors import MLError, UsageError
from jupyter_ml.toolkit.verbs import dispatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.client import Client

PROG = "jupyter ml"
FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and print what it returns.

    Parameters
    ----------
    arguments
        Words after ``jupyter ml``; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 1 if it failed or found something wrong, 2 if it was used wrongly, 130 if it
        was interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        return _print(__version__)
    try:
        result = dispatch(words, _connect, prog=PROG)
        return _print(result)
    except UsageError as error:
        return _complain(error, MISUSED)
    except MLError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _connect() -> Client:
    return connect(source="cli")


def _print(result: object) -> int:
    if result is not None:
        sys.stdout.write(f"{_text(result)}\n")
        sys.stdout.flush()
    return int(getattr(result, "exit_status", 0))


def _text(result: object) -> str:
    """Return what a terminal shows of a result: the plain text that a notebook would fall to."""
    bundle = getattr(result, "_repr_mimebundle_", None)
    if bundle is not None:
        answer = bundle()
        data = answer[0] if isinstance(answer, tuple) else answer
        if isinstance(data, dict) and "text/plain" in data:
            return str(data["text/plain"])
    return str(result)


def _complain(error: MLError, status: int) -> int:
    code = getattr(error, "code", None)
    sys.stderr.write(f"{PROG}: {f'{code}: ' if code else ''}{error}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
