"""`%load_ext jupyter_ml`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyter_ml import __version__
from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import MLError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.display.workspace import ready_line

if TYPE_CHECKING:
    from jupyter_ml.core.settings import Settings


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and say in one line what there is to work with."""
    from jupyter_ml.core.configuration import JupyterML  # noqa: PLC0415  (needs traitlets)
    from jupyter_ml.toolkit.magics import completion, ml  # noqa: PLC0415  (need IPython)

    os.environ.update(JupyterML(parent=shell).environment())
    taken = ml.register(shell)
    completion.register(shell)
    try:
        line = _greeting()
    except (MLError, OSError) as error:
        line = f"jupyter_ml {__version__} cannot be used yet: {error}"
    for name in taken:
        line += f"\n%%{name} belongs to another extension; write %%ml {name}."
    print(line)  # noqa: T201  (this is what the user asked for)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the magics."""
    from jupyter_ml.toolkit.magics import ml  # noqa: PLC0415  (needs IPython)

    ml.unregister(shell)


def _greeting() -> str:
    client = session.client()
    if isinstance(client, LocalClient):
        return ready_line(_own_machine(client.settings))
    return ready_line(client.call("GetWorkspace", {}))


def _own_machine(settings: Settings) -> dict[str, Any]:
    """Return what the line needs of `GetWorkspace`, without opening the store for it.

    Raises
    ------
    OSError
        The workspace's folder cannot be made or written.
    """
    from jupyter_ml.engine.machine import detect  # noqa: PLC0415  (asks for GPUs)

    settings.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(settings.workspace, os.W_OK):
        msg = f"{settings.workspace} cannot be written; set JUPYTER_ML_WORKSPACE to another folder."
        raise PermissionError(msg)
    machine = detect()
    return {
        "Version": __version__,
        "Workspace": str(settings.workspace),
        "Cpus": machine.cpus,
        "MemoryMb": machine.memory_mb,
        "Gpus": [{"Name": gpu.name} for gpu in machine.gpus],
    }
