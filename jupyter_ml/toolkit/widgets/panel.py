"""One widget for all panels: it passes their calls and subscriptions on to the client.

Messages arrive on whatever thread the kernel runs comms on, subshells included, so all state is
under a lock, and calls run on a small pool: a slow answer holds up neither the kernel nor the
next message.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from jupyter_ml.contract.errors import MLError, ServiceError
from jupyter_ml.toolkit.display.bundle import finite

if TYPE_CHECKING:
    from jupyter_ml.client import Client, Subscription

STATIC = Path(__file__).parents[2] / "static"
BUNDLE, STYLE = STATIC / "widget.js", STATIC / "widget.css"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="jupyter_ml panel")


class Panel(anywidget.AnyWidget):
    """A panel in the output of a cell.

    Attributes
    ----------
    panel
        Which one: `TrainingJobs`, `TrainingJob`, `Endpoints`, `Endpoint` or `Compare`.
    input
        What it is about, such as `{"TrainingJobName": "cancer-1"}`.
    snapshot
        What it paints before the first answer, and after the kernel is gone.
    """

    _esm = BUNDLE if BUNDLE.is_file() else ""
    _css = STYLE if STYLE.is_file() else ""
    panel = traitlets.Unicode().tag(sync=True)
    input = traitlets.Dict().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, client: Client, **traits: Any) -> None:
        super().__init__(**traits)
        self._client = client
        self._changing = threading.Lock()
        self._followed: dict[str, Subscription] = {}
        self.on_msg(self._receive)

    def view(self) -> dict[str, Any]:
        """Return the part of a mime bundle that shows this widget."""
        return {
            _WIDGET_VIEW: {
                "version_major": 2,
                "version_minor": 1,
                "model_id": self.model_id,
            }
        }

    def close(self) -> None:
        """Stop following and remove the widget."""
        for identity in list(self._followed):
            self._unsubscribe(identity)
        super().close()

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: list[Any]) -> None:
        """Answer `{kind, id, operation, input}` with replies and updates of the same id."""
        identity, kind = content.get("id", ""), content.get("kind")
        if kind == "call":
            _pool.submit(self._reply, identity, content)
        elif kind == "subscribe":
            _pool.submit(self._subscribe, identity, content)
        elif kind == "unsubscribe":
            _pool.submit(self._unsubscribe, identity)

    def _reply(self, identity: str, content: dict[str, Any]) -> None:
        message: dict[str, Any] = {"kind": "reply", "id": identity}
        try:
            output = self._client.call(content["operation"], content.get("input") or {})
        except Exception as error:  # noqa: BLE001  (whatever it is, the panel must hear of it)
            self.send({**message, "error": _wire(error)})
        else:
            self.send({**message, "output": finite(_readable(output))})

    def _subscribe(self, identity: str, content: dict[str, Any]) -> None:
        message: dict[str, Any] = {"kind": "update", "id": identity}
        try:
            following = self._client.subscribe(
                content["operation"],
                content.get("input") or {},
                lambda output: self.send({**message, "output": finite(output)}),
                lambda error: self.send({**message, "error": _wire(error)}),
            )
        except Exception as error:  # noqa: BLE001  (whatever it is, the panel must hear of it)
            self.send({**message, "error": _wire(error)})
            return
        with self._changing:
            before = self._followed.get(identity)
            self._followed[identity] = following
        if before is not None:
            before.close()

    def _unsubscribe(self, identity: str) -> None:
        with self._changing:
            following = self._followed.pop(identity, None)
        if following is not None:
            following.close()


def _readable(output: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose bytes, those of `InvokeEndpoint`, are text."""
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in output.items()
    }


def _wire(error: Exception) -> dict[str, str]:
    if isinstance(error, ServiceError):
        return {"__type": error.code, "message": error.message}
    if isinstance(error, MLError):
        return {"__type": "MLError", "message": str(error)}
    return {"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"}
