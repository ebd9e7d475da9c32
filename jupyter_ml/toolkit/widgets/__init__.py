"""The live panels of cell outputs; loaded only where a frontend shows them."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_ml.toolkit.widgets.panel import Panel


@functools.cache
def panel_class() -> type[Panel] | None:
    """Return the widget class, or None where anywidget or the built bundle is not installed."""
    if find_spec("anywidget") is None:
        return None
    from jupyter_ml.toolkit.widgets.panel import BUNDLE, Panel  # noqa: PLC0415  (slow)

    return Panel if BUNDLE.is_file() else None
