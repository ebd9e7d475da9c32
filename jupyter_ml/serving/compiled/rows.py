"""Rows to compare a compiled model with its original on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT = 256
_ODD = 24


def drawn(width: int, sample: Any, edges: Sequence[Any], whole: Sequence[bool]) -> Any:
    """Return rows of finite values, the sample first.

    Half of the values lie around the sample's, the other half where a tree's way changes: at its
    thresholds and next to them, in 64 and in 32 bits. Where no thresholds are known, they are
    spread over several magnitudes.

    Parameters
    ----------
    width
        Number of columns.
    sample
        A row that the model was trained on, or `None`.
    edges
        Thresholds of each column; empty where none are known.
    whole
        Of each column, whether its values are whole numbers.

    Returns
    -------
    ndarray of shape (256, width), float64
    """
    random = np.random.default_rng(0)
    centre = np.zeros(width) if sample is None else np.asarray(sample, dtype=np.float64)
    centre = np.where(np.isfinite(centre), centre, 0.0)
    scale = np.where(np.abs(centre) > 0, np.abs(centre), 1.0)
    near = centre + scale * random.normal(size=(COUNT, width))
    near[1::4] = centre + 0.05 * scale * random.normal(size=near[1::4].shape)
    rows = np.where(random.random((COUNT, width)) < 0.5, near, _far(width, edges, scale, random))
    rows[0] = centre
    rows[1] = 0.0
    rows[:, np.asarray(whole, dtype=bool)] = np.round(rows[:, np.asarray(whole, dtype=bool)])
    return rows


def odd(rows: Any) -> Any:
    """Return rows with missing, infinite and huge values in one column, in several and in all."""
    random = np.random.default_rng(1)
    made = rows[np.arange(_ODD) % len(rows)].copy()
    values = (np.nan, np.inf, -np.inf, 1e39)
    for number, row in enumerate(made):
        share = (0.0, 0.3, 1.0)[number % 3]
        places = random.random(len(row)) < share
        places[number % len(row)] = True
        row[places] = values[number % len(values)]
    return made


def _far(width: int, edges: Sequence[Any], scale: Any, random: Any) -> Any:
    spread = (
        scale
        * random.normal(size=(COUNT, width))
        * 10.0 ** random.integers(-2, 3, size=(COUNT, width))
    )
    for column, known in enumerate(edges):
        if len(known):
            at = random.choice(np.asarray(known, dtype=np.float64), COUNT)
            single = at.astype(np.float32)
            beside = [
                at,
                np.nextafter(at, np.inf),
                np.nextafter(at, -np.inf),
                np.nextafter(single, np.float32(np.inf)).astype(np.float64),
                np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
            ]
            spread[:, column] = np.choose(random.integers(0, len(beside), COUNT), beside)
    return spread
