"""Linear models as SageMaker's linear-learner trains them; started as a job's program.

The training is scikit-learn's: a network without a hidden layer is a linear model, trained in
mini-batches with Adam or SGD on the logistic, softmax or squared loss.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from jupyter_ml.algorithms.linear_learner_model import LinearModel
from jupyter_ml.algorithms.linear_learner_parameters import (
    ALGORITHM,
    BINARY,
    MULTICLASS,
    REGRESSOR,
)
from jupyter_ml.algorithms.tables import DataError, Table, channel_folder, read_table
from jupyter_ml.algorithms.thresholds import best_threshold
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.harness.model import save_model
from jupyter_ml.harness.records import write_progress

CHANNELS = ("train", "validation", "test")
DEFAULTS: dict[str, Any] = {
    "epochs": 15,
    "mini_batch_size": 1000,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "wd": 0.0,
    "normalize_data": True,
    "normalize_label": True,
    "early_stopping_patience": 3,
    "early_stopping_tolerance": 0.001,
    "binary_classifier_model_selection_criteria": "accuracy",
    "f_beta": 1.0,
    "target_recall": 0.8,
    "target_precision": 0.8,
    "accuracy_top_k": 3,
}


def main() -> None:
    """Train on the channel `train`, choose and measure on the others, and save the model."""
    config = Path(os.environ["SM_INPUT_CONFIG_DIR"])
    given = ALGORITHM.parse(json.loads((config / "hyperparameters.json").read_text()))
    channels = json.loads((config / "inputdataconfig.json").read_text())
    values = DEFAULTS | {name: value for name, value in given.items() if value != "auto"}
    tables = _tables(channels, values)
    folder = os.environ.get("JUPYTER_ML_RUN_DIR")
    writer = Writer(folder) if folder else None
    try:
        model = fit(values, tables, writer)
    finally:
        if writer:
            writer.close()
    save_model(model, Path(os.environ["SM_MODEL_DIR"]), (), ())


def fit(values: dict[str, Any], tables: dict[str, Table], writer: Writer | None) -> LinearModel:
    """Return the model of the best epoch, and log how each went.

    Parameters
    ----------
    values
        Hyperparameters, all of them.
    tables
        By channel.
    writer
        Of the run's metrics.
    """
    learner = _Learner(values, tables["train"])
    watched = "validation" if "validation" in tables else "train"
    best, least, without = learner.model(), np.inf, 0
    epoch = 0
    for epoch in range(values["epochs"]):
        model = learner.epoch()
        losses = {
            name: objective_loss(model, tables[name]) for name in CHANNELS[:2] if name in tables
        }
        _log(writer, epoch, {f"{name}:objective_loss": loss for name, loss in losses.items()})
        _progress(epoch + 1, values["epochs"])
        loss = (
            losses["validation"] if watched == "validation" else learner.penalized(losses["train"])
        )
        improves = least - loss > values["early_stopping_tolerance"] * abs(loss)
        without = 0 if improves else without + 1
        if loss < least:
            best, least = model, loss
        if without >= values["early_stopping_patience"]:
            _say(f"no improvement on {watched} for {without} epochs")
            break
    if not np.isfinite(least):
        raise DataError("The training diverged: every loss is infinite. Lower learning_rate.")
    best = _with_threshold(best, values, tables[watched])
    for name in CHANNELS[1:]:
        if name in tables:
            measured = measures(best, values, tables[name])
            _log(writer, epoch, {f"{name}:{metric}": value for metric, value in measured.items()})
    return best


class _Learner:
    """scikit-learn's network without a hidden layer, epoch by epoch."""

    def __init__(self, values: dict[str, Any], table: Table) -> None:
        self._kind = values["predictor_type"]
        self._wd = values["wd"]
        dense = isinstance(table.features, np.ndarray)
        normalizes = values["normalize_data"]
        # what is sparse stays so: it is scaled and not moved
        self._scaler = StandardScaler(with_mean=dense and normalizes, with_std=normalizes)
        self._rows = self._scaler.fit_transform(table.features)
        self._labels = table.labels.astype(np.float64)
        self._middle, self._spread = 0.0, 1.0
        if self._kind == REGRESSOR and values["normalize_label"]:
            self._middle = float(self._labels.mean())
            self._spread = float(self._labels.std()) or 1.0
            self._labels = (self._labels - self._middle) / self._spread
        batch = min(values["mini_batch_size"], len(self._labels))
        make = MLPRegressor if self._kind == REGRESSOR else MLPClassifier
        self._network = make(
            hidden_layer_sizes=(),
            solver="sgd" if values.get("optimizer") == "sgd" else "adam",
            # scikit-learn divides it by the number of rows in a batch
            alpha=self._wd * batch,
            batch_size=batch,
            learning_rate_init=values["learning_rate"],
            momentum=values["momentum"],
            beta_1=values["beta_1"],
            beta_2=values["beta_2"],
            random_state=0,
        )
        self._classes = {
            BINARY: {"classes": np.arange(2)},
            MULTICLASS: {"classes": np.arange(values.get("num_classes", 2))},
        }.get(self._kind, {})

    def epoch(self) -> LinearModel:
        """Go through all rows once; return the model after it."""
        try:
            self._network.partial_fit(self._rows, self._labels, **self._classes)
        except ValueError as error:
            raise DataError(str(error).splitlines()[0]) from None
        return self.model()

    def penalized(self, loss: float) -> float:
        """Return what is minimized, of the loss on the rows that are trained on."""
        if self._kind == REGRESSOR:
            loss = loss / (2 * self._spread**2)
        return loss + float(self._wd) / 2 * float((self._network.coefs_[0] ** 2).sum())

    def model(self) -> LinearModel:
        """Return the model of features and labels as they come, not as they are trained on."""
        network = self._network
        if not hasattr(network, "coefs_"):
            outputs = len(self._classes.get("classes", ())) if self._kind == MULTICLASS else 1
            return LinearModel(
                self._kind, np.zeros((self._rows.shape[1], outputs)), np.zeros(outputs)
            )
        scale = 1.0 if self._scaler.scale_ is None else self._scaler.scale_[:, None]
        weights = network.coefs_[0] / scale
        bias = network.intercepts_[0].copy()
        if self._scaler.with_mean:
            bias -= self._scaler.mean_ @ weights
        return LinearModel(self._kind, weights * self._spread, bias * self._spread + self._middle)


def objective_loss(model: LinearModel, table: Table) -> float:
    """Return the mean loss of rows: logistic, softmax or squared, without the penalty."""
    scores = model.scores(table.features)
    if not np.isfinite(scores).all():
        return float("inf")
    if model.predictor_type == REGRESSOR:
        return float(metrics.mean_squared_error(table.labels, scores))
    classes = range(max(2, model.weights.shape[1]))
    return float(metrics.log_loss(table.labels, scores, labels=classes))


def measures(model: LinearModel, values: dict[str, Any], table: Table) -> dict[str, float]:
    """Return what SageMaker's linear-learner tells of a channel, by its names."""
    scores, truth = model.scores(table.features), table.labels
    told = {"objective_loss": objective_loss(model, table)}
    if model.predictor_type == REGRESSOR:
        told["mse"] = metrics.mean_squared_error(truth, scores)
        told["absolute_loss"] = metrics.mean_absolute_error(truth, scores)
        return told
    labels = model.labels(scores)
    if model.predictor_type == MULTICLASS:
        told["multiclass_accuracy"] = metrics.accuracy_score(truth, labels)
        rank = (scores > scores[np.arange(len(truth)), truth.astype(int)][:, None]).sum(axis=1)
        told["multiclass_top_k_accuracy"] = float((rank < values["accuracy_top_k"]).mean())
        return told
    beta = values["f_beta"]
    told["binary_classification_accuracy"] = metrics.accuracy_score(truth, labels)
    told["binary_f_beta"] = metrics.fbeta_score(truth, labels, beta=beta, zero_division=0)
    told["precision"] = metrics.precision_score(truth, labels, zero_division=0)
    told["recall"] = metrics.recall_score(truth, labels, zero_division=0)
    return told


def _with_threshold(model: LinearModel, values: dict[str, Any], table: Table) -> LinearModel:
    criteria = values["binary_classifier_model_selection_criteria"]
    if model.predictor_type != BINARY or criteria == "loss_function":
        return model
    threshold = best_threshold(criteria, model.scores(table.features), table.labels, values)
    _say(f"threshold: {threshold:.6g}, for {criteria}")
    return LinearModel(BINARY, model.weights, model.bias, threshold)


def _tables(channels: dict[str, dict[str, str]], values: dict[str, Any]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for name in CHANNELS:
        folder = channel_folder(name)
        if folder is None:
            continue
        table = read_table(folder, channels[name].get("ContentType"))
        width = values.get("feature_dim") or found.get("train", table).features.shape[1]
        if not isinstance(table.features, np.ndarray) and table.features.shape[1] < width:
            table.features.resize((table.features.shape[0], width))
        if table.features.shape[1] != width:
            msg = (
                f"The channel {name!r} has {table.features.shape[1]} feature columns, not {width}."
            )
            raise DataError(msg)
        _check_labels(name, table.labels, values)
        found[name] = table
        _say(f"{name}: {table.features.shape[0]} rows, {width} columns")
    return found


def _check_labels(name: str, labels: Any, values: dict[str, Any]) -> None:
    if values["predictor_type"] == REGRESSOR:
        return
    count = values.get("num_classes", 2)
    wrong = labels[~np.isin(labels, np.arange(count))]
    if len(wrong):
        msg = (
            f"The channel {name!r} has the label {wrong[0]:g}; those of a "
            f"{values['predictor_type']} are 0 to {count - 1}, in the first column."
        )
        raise DataError(msg)


def _log(writer: Writer | None, epoch: int, values: dict[str, float]) -> None:
    _say(" ".join([f"[{epoch}]", *(f"{name}={value:.6g}" for name, value in values.items())]))
    if writer:
        writer.log_all(values, epoch)


def _progress(done: int, total: int) -> None:
    attempt = os.environ.get("JUPYTER_ML_ATTEMPT_DIR")
    if attempt:
        write_progress(Path(attempt), done, total, "epochs")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
