"""The magics: one dispatcher, and shortcuts where their names are free."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError as ShellUsageError

from jupyter_ml.contract.errors import MLError, UsageError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.verbs import dispatch

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTCUTS = ("train",)
_OURS = "_jupyter_ml_magic"


def register(shell: Any) -> list[str]:
    """Register the magics; return the shortcuts whose names somebody else has.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    shell.register_magic_function(_bound(shell, ""), "line_cell", "ml")
    taken = []
    for verb in SHORTCUTS:
        there = shell.find_cell_magic(verb)
        if there is not None and not hasattr(there, _OURS):
            taken.append(verb)
            continue
        shell.register_magic_function(_bound(shell, verb), "cell", verb)
    return taken


def unregister(shell: Any) -> None:
    """Remove the magics that `register` registered."""
    for kind, names in (("line", ("ml",)), ("cell", ("ml", *SHORTCUTS))):
        known = shell.magics_manager.magics[kind]
        for name in names:
            if hasattr(known.get(name), _OURS):
                del known[name]


def run_line(shell: Any, line: str, cell: str | None = None) -> Any:
    """Run `%ml LINE` or `%%ml LINE` over a cell; return what to show.

    Raises
    ------
    IPython.core.error.UsageError
        It was used wrongly or the workspace refuses; IPython shows the sentence alone.
    """
    try:
        return dispatch(line, session.client, prog="%ml", cell=cell, shell=shell)
    except MLError as error:
        if isinstance(error, UsageError):
            raise ShellUsageError(str(error)) from None
        if hasattr(error, "_render_traceback_"):
            raise  # it says by itself how it is shown
        raise ShellUsageError(_sentence(error)) from error


def _bound(shell: Any, verb: str) -> Callable[..., Any]:
    @functools.wraps(run_line)
    def magic(line: str, cell: str | None = None) -> Any:
        return run_line(shell, f"{verb} {line}".strip(), cell)

    magic.__doc__ = _help(verb)
    setattr(magic, _OURS, True)
    magic._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]  # noqa: SLF001
    return magic


def _help(verb: str) -> str:
    from jupyter_ml.toolkit.verbs import VERBS, parser_of  # noqa: PLC0415

    if verb:
        return parser_of(verb, "%%ml").format_help()
    return (
        "Train, track, deploy and predict: %ml VERB, or %%ml VERB over a cell.\n\n"
        f"Verbs: {', '.join(VERBS)}.\n\n%ml VERB --help says more."
    )


def _sentence(error: MLError) -> str:
    code = getattr(error, "code", None)
    return f"{code}: {error}" if code else str(error)
