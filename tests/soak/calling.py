"""The actor that invokes all endpoints without a pause, on this machine and through the server."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from house import pause
from ledger import Ledger

from jupyter_ml.contract.errors import ServiceError

if TYPE_CHECKING:
    from house import House
    from ledger import Fact

_PAUSE_S = 0.02
_PAUSE_AFTER_FAILURE_S = 0.3


def invoke(house: House, who: str) -> None:
    """Ask until it is over, by each surface in a thread of its own."""
    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(_ask, house, f"{who}-{surface}", surface) for surface in ("local", "server")
        ]
        for each in both:
            each.result()


def _ask(house: House, who: str, surface: str) -> None:
    ledger = Ledger(house.ledger.path)  # each thread reads on from where it is
    answers = 0
    while not house.is_over:
        for name in _serving(ledger):
            began = time.monotonic()
            try:
                answer = house.client(surface).call(
                    "InvokeEndpoint", {"EndpointName": name, "Body": b"[1, 2]"}
                )
            except ServiceError as error:
                ledger.note(
                    "failed request",
                    name,
                    began=began,
                    surface=surface,
                    message=f"{error.code}: {error}",
                )
                pause(_PAUSE_AFTER_FAILURE_S)
            else:
                answers += 1
                factor = json.loads(answer["Body"])[0]
                ledger.note("answer", name, began=began, factor=factor)
            pause(_PAUSE_S)
        pause(_PAUSE_S)
    ledger.note("answers", who, count=answers)


def _serving(ledger: Ledger) -> list[str]:
    live: dict[str, Fact] = {}
    for fact in ledger.facts("serving", "deleting"):
        if fact["what"] == "serving":
            live[fact["name"]] = fact
        else:
            live.pop(fact["name"], None)
    return list(live)
