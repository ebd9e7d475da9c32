"""What the kernel knows about the notebook that it runs for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH_VARIABLES = ("__vsc_ipynb_file__", "PAPERMILL_INPUT_PATH")


def shell() -> Any | None:
    """Return the running IPython shell, or None outside of IPython."""
    try:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415  (absent in jobs)
    except ImportError:
        return None
    return get_ipython()


def in_kernel() -> bool:
    """Return whether a Jupyter kernel runs this, so that outputs can be rich and updated."""
    ip = shell()
    return ip is not None and hasattr(ip, "kernel")


@dataclass(frozen=True)
class Cell:
    """Where a call comes from.

    Attributes
    ----------
    notebook
        Path of the notebook, as its server or editor names it; None when nobody said.
    cell_id
        Id of the cell that is running; None when the frontend did not say.
    live
        Whether a frontend shows the output now, one that can show widgets.
    """

    notebook: str | None = None
    cell_id: str | None = None
    live: bool = False


def current_cell(ip: Any | None = None) -> Cell:
    """Return the cell that is running, as far as its frontend said.

    JupyterLab and Notebook send the cell's id with every execution, VS Code sets a variable;
    nbclient and papermill do neither, so no widget is made where nobody would see it.
    """
    ip = ip or shell()
    if ip is None:
        return Cell()
    path = next(
        (str(ip.user_ns[name]) for name in _PATH_VARIABLES if ip.user_ns.get(name)),
        os.environ.get("JPY_SESSION_NAME"),
    )
    metadata = _metadata(ip)
    cell_id = metadata.get("cellId") or metadata.get("cell_id")
    live = hasattr(ip, "kernel") and (cell_id is not None or "__vsc_ipynb_file__" in ip.user_ns)
    return Cell(path, cell_id, live)


def _metadata(ip: Any) -> Mapping[str, Any]:
    """Return the metadata of the request that runs now; empty in a terminal."""
    get_parent = getattr(ip, "get_parent", None)
    if get_parent is None:
        return {}
    parent: Mapping[str, Any] = get_parent() or {}
    metadata: Mapping[str, Any] = parent.get("metadata") or {}
    return metadata
