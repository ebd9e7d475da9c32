"""Servers that take part in the benchmark of serving: what asks one, and whether it answers."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import BUILD

if TYPE_CHECKING:
    import psutil
    from load import Request

PEERS = Path(__file__).parent / "serving_peers"
MODELS = BUILD / "serving"
START_S = 120.0


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Parameters
    ----------
    process
        Whose processor time and memory count, with all its descendants.
    request
        What asks it for the predictions of one row.
    cold_s
        From its start to its first answer, in seconds.
    note
        What it says of itself.
    """

    process: psutil.Process
    request: Request
    cold_s: float
    note: str = ""


def ask(request: Request, body: str) -> Any:
    """Return what a server answers to a body."""
    sent = urllib.request.Request(request.url, body.encode(), request.all_headers)  # noqa: S310
    with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310  (our own address)
        return json.loads(answer.read())
