"""The score from which on a row is of class 1, chosen on rows whose class is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def best_threshold(
    criteria: str, scores: NDArray[Any], labels: NDArray[Any], wanted: Mapping[str, float]
) -> float:
    """Return the threshold that is best by SageMaker's model selection criteria.

    Parameters
    ----------
    criteria
        `accuracy`, `f_beta`, `precision_at_target_recall` or `recall_at_target_precision`; where
        no threshold reaches the target, the one that comes nearest to it.
    scores, labels : ndarray of shape (n_rows,)
        Probabilities of class 1, and classes 0 and 1.
    wanted
        Of `f_beta`, `target_recall` and `target_precision`.

    Returns
    -------
    float
        Halfway between two scores; of thresholds that are as good, the one nearest to 0.5.
    """
    order = np.argsort(-scores, kind="stable")
    descending, truth = scores[order], labels[order] == 1
    # candidate i calls the first i rows positive; only between different scores can it be drawn
    drawn = np.r_[True, descending[1:] != descending[:-1], True]
    counts = np.flatnonzero(drawn)
    hits = np.r_[0, np.cumsum(truth)][counts]
    positives, rows = int(truth.sum()), len(truth)
    recall = hits / max(positives, 1)
    precision = np.divide(hits, counts, out=np.ones(len(counts)), where=counts > 0)
    edges = np.r_[np.nextafter(max(descending[0], 1.0), 2), descending, min(descending[-1], 0.0)]
    above, below = edges[counts], edges[counts + 1]
    halfway = (above + below) / 2
    thresholds = np.where(halfway > below, halfway, above)
    if criteria == "accuracy":
        good = (hits + (rows - positives) - (counts - hits)) / rows
    elif criteria == "f_beta":
        beta = wanted["f_beta"] ** 2
        good = (1 + beta) * hits / np.maximum(beta * positives + counts, 1e-300)
    elif criteria == "precision_at_target_recall":
        good = _with_target(precision, recall, wanted["target_recall"])
    else:
        good = _with_target(recall, precision, wanted["target_precision"])
    best = np.flatnonzero(good == good.max())
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - 0.5))]])


def _with_target(good: Any, bound: Any, target: float) -> Any:
    """Return how good candidates are: those that miss the target by how little they miss it."""
    return np.where(bound >= target, 1 + good, bound - target)
