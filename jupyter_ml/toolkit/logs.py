"""The log of a job as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_ml.client import Client

_PIECE_BYTES = 1 << 20


class Log:
    """The log of a job, as text.

    Parameters
    ----------
    client, name
        Whose job.
    lines
        Only the last lines.
    """

    def __init__(self, client: Client, name: str, lines: int | None = None) -> None:
        self._client, self._name, self._lines = client, name, lines

    def __str__(self) -> str:
        request: dict[str, Any] = {"ResourceType": "TrainingJob", "ResourceName": self._name}
        parts, cursor = [], None
        while True:
            more: dict[str, Any] = {"Cursor": cursor} if cursor else {}
            update = self._client.call("WatchLog", {**request, "MaxBytes": _PIECE_BYTES, **more})
            parts.append(update["Text"])
            if update["Cursor"] == cursor or not update["Text"]:
                break
            cursor = update["Cursor"]
        text = "".join(parts)
        if self._lines is None:
            return text
        return "\n".join(text.splitlines()[-self._lines :])

    __repr__ = __str__
