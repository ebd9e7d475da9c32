"""`%load_ext jupyter_ml`."""

from __future__ import annotations

from typing import Any

from jupyter_ml.contract.errors import MLError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.display.workspace import ready_line


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and say in one line what there is to work with."""
    from jupyter_ml.toolkit.magics import completion, ml  # noqa: PLC0415  (need IPython)

    taken = ml.register(shell)
    completion.register(shell)
    try:
        line = ready_line(session.client().call("GetWorkspace", {}))
    except MLError as error:
        line = f"jupyter_ml: {error}"
    for name in taken:
        line += f"\n%%{name} belongs to another extension; write %%ml {name}."
    print(line)  # noqa: T201  (this is what the user asked for)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the magics."""
    from jupyter_ml.toolkit.magics import ml  # noqa: PLC0415  (needs IPython)

    ml.unregister(shell)
