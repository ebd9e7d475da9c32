"""What is killed when: drawn from the seed alone, so that a seed gives the same schedule again."""

from __future__ import annotations

import random
from typing import NamedTuple

# Each as often as it stands here.
TARGETS = (
    *("job", "job", "shim", "shim", "tick", "tick", "front", "worker"),
    *("endpoint shim", "timekeeper", "zygote", "server", "submitter"),
)
_FIRST_S = 8.0
_LONGEST_PAUSE_S = 2.0


class Kill(NamedTuple):
    """A process to end: `draw`, from 0 to 1, says which of those that are there then."""

    at_s: float
    target: str
    draw: float


def schedule(seed: int, seconds: float) -> list[Kill]:
    """Return the kills of a soak, by their times in seconds from its begin."""
    chance = random.Random(f"{seed}/kills")
    kills: list[Kill] = []
    at_s = _FIRST_S
    while at_s < seconds:
        kills.append(Kill(at_s, chance.choice(TARGETS), chance.random()))
        at_s += chance.uniform(0.1, _LONGEST_PAUSE_S)
    return kills
