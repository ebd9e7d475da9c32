"""Clients that ask without a pause, while a test does something to who answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


class Load:
    """Clients that invoke without a pause until they are stopped."""

    def __init__(self, ask: Callable[[], Any], clients: int = 4) -> None:
        self.answers: list[Any] = []
        self.by_client: list[list[Any]] = [[] for _ in range(clients)]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(ask, own)) for own in self.by_client
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests have been answered."""
        wanted = len(self.answers) + more
        eventually(lambda: len(self.answers) >= wanted, timeout_s=60)

    def _run(self, ask: Callable[[], Any], own: list[Any]) -> None:
        while not self._stopped.is_set():
            try:
                own.append(ask())
            except Exception as error:  # noqa: BLE001
                own.append(error)
            self.answers.append(own[-1])
