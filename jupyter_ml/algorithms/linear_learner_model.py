"""A trained linear-learner: what is stored, and answers as SageMaker's does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_ml.algorithms.linear_learner_parameters import BINARY, MULTICLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LinearModel:
    """A linear model of features as they come.

    Parameters
    ----------
    predictor_type
        `binary_classifier`, `multiclass_classifier` or `regressor`.
    weights : ndarray of shape (n_features, n_outputs)
        One output, or one for each class of several.
    bias : ndarray of shape (n_outputs,)
    threshold
        Score from which on a row is of class 1, of a binary classifier.
    """

    predictor_type: str
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    threshold: float = 0.5

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return int(self.weights.shape[0])

    def scores(self, rows: Any) -> NDArray[np.float64]:
        """Return probabilities, or the values that are predicted.

        Returns
        -------
        ndarray of shape (n_rows,), or (n_rows, n_classes) for more than two classes
        """
        outputs = np.asarray(rows @ self.weights) + self.bias
        if self.predictor_type == MULTICLASS:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        values = outputs[:, 0]
        if self.predictor_type == BINARY:
            # of minus the distance, which never overflows
            small = np.exp(-np.abs(values))
            return np.asarray(np.where(values >= 0, 1, small) / (1 + small))
        return np.asarray(values)

    def labels(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the classes that scores stand for, of shape (n_rows,)."""
        if self.predictor_type == MULTICLASS:
            return np.asarray(scores.argmax(axis=1))
        return np.asarray(scores >= self.threshold, dtype=np.int64)

    def predict(self, rows: Any) -> list[dict[str, Any]]:
        """Return one answer for each row: `score`, and of a classifier `predicted_label`."""
        scores = self.scores(rows)
        if self.predictor_type not in {BINARY, MULTICLASS}:
            return [{"score": score} for score in scores.tolist()]
        labels = self.labels(scores).tolist()
        return [
            {"score": score, "predicted_label": label}
            for score, label in zip(scores.tolist(), labels, strict=True)
        ]
