"""One mime bundle per object, for whoever reads it: a live frontend, a saved file, a terminal.

The panel's own mime type names the resource, so that JupyterLab attaches to it again after the
kernel is gone; the widget serves other live frontends, and HTML and text last for ever.
"""

from __future__ import annotations

import contextlib
import math
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.metrics.series import Series
from jupyter_ml.toolkit.notebook import current_cell, in_kernel

if TYPE_CHECKING:
    from jupyter_ml.client import Client

PANEL = "application/vnd.jupyter-ml.panel+json"
_MAX_POINTS = 500


@dataclass(frozen=True)
class Shown:
    """What is shown of an object at one moment.

    Attributes
    ----------
    text
        For terminals, papermill's log and diffs.
    html
        A fragment without scripts, for saved notebooks.
    panel
        Name of the panel that shows it live, or None where there is none.
    input
        What the panel is about, such as `{"TrainingJobName": "cancer-1"}`.
    snapshot
        What the panel paints first.
    """

    text: str
    html: str
    panel: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    snapshot: dict[str, Any] = field(default_factory=dict)


class Displayed:
    """Base of the objects that notebooks show; subclasses say how they look now.

    Parameters
    ----------
    client
        Of the workspace that the object belongs to.
    """

    _widget: Any = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def shown(self) -> Shown:
        """Return how the object looks now."""
        raise NotImplementedError

    def __repr__(self) -> str:
        try:
            return self.shown().text
        except MLError as error:
            return f"{type(self).__name__}: {error}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude  # IPython filters by itself
        return self.bundle(self.shown())

    def bundle(self, shown: Shown) -> dict[str, Any]:
        """Return the mime bundle of what is shown, with a widget where a frontend shows it."""
        data: dict[str, Any] = {"text/plain": shown.text, "text/html": shown.html}
        if shown.panel is None:
            return data
        snapshot = finite(shown.snapshot)
        data[PANEL] = {"panel": shown.panel, "input": shown.input, "snapshot": snapshot}
        if current_cell().live:
            data.update(self._widget_view(shown, snapshot))
        return data

    def _widget_view(self, shown: Shown, snapshot: dict[str, Any]) -> dict[str, Any]:
        from jupyter_ml.toolkit.widgets import panel_class  # noqa: PLC0415  (slow, and optional)

        panel = panel_class()
        if panel is None:
            return {}
        if self._widget is None:
            self._widget = panel(
                self._client, panel=shown.panel, input=shown.input, snapshot=snapshot
            )
        else:
            self._widget.snapshot = snapshot
        view: dict[str, Any] = self._widget.view()
        return view


class Slot:
    """A place in the output of a cell, which can be written anew later."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._line = ""

    def show(self, data: dict[str, Any]) -> None:
        """Show a mime bundle here, in the place of the one before; needs a kernel."""
        from IPython.display import display  # noqa: PLC0415

        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)

    def progress(self, line: str, *, last: bool = False) -> None:
        """Show one line of text in the place of the line before; the last one stays for good.

        In a terminal it writes over its line; a file or a pipe keeps the last one alone.
        """
        if line == self._line and not last:
            return
        padded, self._line = line.ljust(len(self._line)), line
        if in_kernel():
            self.show({"text/plain": line})
        elif last or sys.stdout.isatty():
            with contextlib.suppress(ValueError):  # a closed stdout
                print(f"\r{padded}", end="\n" if last else "", flush=True)  # noqa: T201


def bounded(update: dict[str, Any]) -> dict[str, Any]:
    """Return a `Watch...` answer with so few points per curve that a notebook can keep it."""
    if not update.get("Series"):
        return update
    return {**update, "Series": [_thinned(series) for series in update["Series"]]}


def finite(value: Any) -> Any:
    """Return a wire document without the numbers that JSON lacks; they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _thinned(wire: dict[str, Any]) -> dict[str, Any]:
    if len(wire["Values"]) <= _MAX_POINTS:
        return wire
    from array import array  # noqa: PLC0415  (rarely needed)

    series = Series(
        wire["Name"],
        array("q", wire["Steps"]),
        array("d", wire["Times"]),
        array("d", wire["Values"]),
    )
    return series.downsampled(_MAX_POINTS).to_wire()
