"""linear-learner against scikit-learn itself, cases by hand, and its answers when it is served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.preprocessing import StandardScaler

from jupyter_ml.algorithms import HyperparameterError, by_image, by_name
from jupyter_ml.algorithms.linear_learner import DEFAULTS, fit, measures, objective_loss
from jupyter_ml.algorithms.linear_learner_model import LinearModel
from jupyter_ml.algorithms.tables import Table
from jupyter_ml.algorithms.thresholds import best_threshold
from jupyter_ml.serving.handlers import DefaultHandler
from jupyter_ml.serving.models import describe_model, load_estimator, read_manifest
from jupyter_ml.serving.payloads import encode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.training.conftest import HarnessRun

LONG = {"epochs": 2000, "learning_rate": 0.02, "early_stopping_patience": 2000}


def _fitted(rows, labels, kind, **values):
    return fit(
        {**DEFAULTS, "predictor_type": kind, **values}, {"train": Table(rows, labels, None)}, None
    )


@pytest.mark.parametrize(
    "image", ["linear-learner", "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"]
)
def test_its_images_are_the_algorithm(image: str) -> None:
    algorithm = by_image(image)
    assert algorithm is not None
    assert algorithm.name == "linear-learner"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"predictor_type": "binary"}, "predictor_type='binary' is not one of binary_classifier"),
        ({"mini_batch": "3"}, "no hyperparameter 'mini_batch'; did you mean 'mini_batch_size'"),
        ({"wd": "-1"}, "wd='-1' is not auto or a number of at least 0"),
        ({"l1": "0.1"}, "does not support 'l1' here"),
        ({"optimizer": "rmsprop"}, "optimizer='rmsprop' is not one of auto, adam, sgd"),
        ({"momentum": "0.9"}, "momentum is only for optimizer=sgd; optimizer is 'adam'"),
        ({"num_classes": "3"}, "num_classes is only for predictor_type=multiclass_classifier"),
        ({"predictor_type": "multiclass_classifier"}, "needs the hyperparameter 'num_classes'"),
        ({"loss": "squared_loss"}, "loss='squared_loss' is not logistic"),
        ({"optimizer": "sgd", "momentum": "1"}, "momentum='1' is not below 1"),
    ],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(HyperparameterError, match=message):
        by_name("linear-learner").parse({"predictor_type": "binary_classifier", **wrong})


def test_a_binary_classifier_comes_near_the_exact_solution():
    rows, labels = datasets.load_breast_cancer(return_X_y=True)
    scaled = StandardScaler().fit_transform(rows)
    # the same penalty: wd / 2 on the mean loss is 1 / (C * n) / 2 there
    exact = LogisticRegression(C=1 / (0.01 * len(labels)), max_iter=5000).fit(scaled, labels)
    model = _fitted(rows, labels, "binary_classifier", wd=0.01, **LONG)
    wanted = exact.predict_proba(scaled)[:, 1]
    assert np.abs(model.scores(rows) - wanted).max() < 0.02
    assert objective_loss(model, Table(rows, labels, None)) == pytest.approx(
        log_loss(labels, wanted), rel=0.02
    )


def test_defaults_beat_what_knows_no_features():
    rows, labels = datasets.load_breast_cancer(return_X_y=True)
    train, held = Table(rows[::2], labels[::2], None), Table(rows[1::2], labels[1::2], None)
    values = {**DEFAULTS, "predictor_type": "binary_classifier"}
    model = fit(values, {"train": train, "validation": held}, None)
    told = measures(model, values, held)
    assert told["binary_classification_accuracy"] > 0.95 > held.labels.mean() + 0.3
    assert told["objective_loss"] < 0.3 * log_loss(held.labels, np.full(len(held.labels), 0.627))


def test_a_multiclass_classifier_comes_near_the_exact_solution():
    rows, labels = datasets.load_iris(return_X_y=True)
    scaled = StandardScaler().fit_transform(rows)
    exact = LogisticRegression(C=1 / (0.01 * len(labels)), max_iter=5000).fit(scaled, labels)
    model = _fitted(rows, labels, "multiclass_classifier", num_classes=3, wd=0.01, **LONG)
    assert np.abs(model.scores(rows) - exact.predict_proba(scaled)).max() < 0.02
    assert (model.labels(model.scores(rows)) == exact.predict(scaled)).all()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_regressor_comes_near_least_squares(optimizer):
    rows, labels = datasets.load_diabetes(return_X_y=True)
    model = _fitted(rows, labels, "regressor", optimizer=optimizer, **LONG)
    exact = LinearRegression().fit(rows, labels)
    least = mean_squared_error(labels, exact.predict(rows))
    assert least <= objective_loss(model, Table(rows, labels, None)) < 1.01 * least


def test_weight_decay_is_that_of_ridge_regression():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3))
    labels = rows @ [1.0, -2.0, 0.5] + 4
    plain = {"normalize_data": False, "normalize_label": False, "wd": 0.5}
    model = _fitted(rows, labels, "regressor", **plain, **LONG)
    # half the mean squared error plus wd / 2 of the squares is ridge's with alpha = wd * n
    exact = Ridge(alpha=0.5 * len(labels)).fit(rows, labels)
    assert model.weights[:, 0] == pytest.approx(exact.coef_, abs=0.02)
    assert model.bias[0] == pytest.approx(exact.intercept_, abs=0.02)


def test_training_ends_when_the_loss_improves_no_more(capsys):
    rows, labels = datasets.load_diabetes(return_X_y=True)
    _fitted(rows, labels, "regressor", epochs=1000)
    assert "no improvement on train for 3 epochs" in capsys.readouterr().out


def test_answers_are_sagemakers_by_hand():
    binary = LinearModel("binary_classifier", np.array([[1.0], [-1.0]]), np.array([0.0]), 0.6)
    assert binary.predict(np.array([[0.0, 0.0], [2.0, 0.0]])) == [
        {"score": 0.5, "predicted_label": 0},
        {"score": pytest.approx(1 / (1 + np.exp(-2))), "predicted_label": 1},
    ]
    several = LinearModel("multiclass_classifier", np.array([[0.0, np.log(2), 0.0]]), np.zeros(3))
    assert several.predict(np.array([[1.0]])) == [
        {"score": pytest.approx([0.25, 0.5, 0.25]), "predicted_label": 1}
    ]
    line = LinearModel("regressor", np.array([[2.0]]), np.array([1.0]))
    assert line.predict(np.array([[3.0], [0.0]])) == [{"score": 7.0}, {"score": 1.0}]


def test_scores_of_far_rows_do_not_overflow():
    model = LinearModel("binary_classifier", np.array([[1000.0]]), np.array([0.0]))
    assert model.scores(np.array([[9.0], [-9.0]])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("criteria", "threshold"),
    [
        # by hand, of scores .9 .8 .65 .4 .2 with classes 1 1 0 1 0
        ("accuracy", 0.3),  # .3 and .725 are right four times, .3 is nearer to .5
        ("f_beta", 0.3),  # 6/7 there, 4/5 at .725
        ("precision_at_target_recall", 0.3),  # recall 1 only there and below
        ("recall_at_target_precision", 0.725),  # precision 1 only there and above
    ],
)
def test_thresholds_by_hand(criteria, threshold):
    scores, labels = np.array([0.4, 0.9, 0.2, 0.8, 0.65]), np.array([1, 1, 0, 1, 0])
    wanted = {"f_beta": 1.0, "target_recall": 0.8, "target_precision": 0.8}
    assert best_threshold(criteria, scores, labels, wanted) == pytest.approx(threshold)


def test_several_classes_stand_side_by_side_in_csv():
    answers = [{"score": [0.25, 0.75], "predicted_label": 1}]
    assert encode(answers, "text/csv") == (b"0.25,0.75,1\n", "text/csv")


def _csv(start: int) -> str:
    rows, labels = datasets.load_breast_cancer(return_X_y=True)
    table = np.column_stack([labels, rows[:, :5]])[start::3]
    return "\n".join(",".join(f"{cell:g}" for cell in row) for row in table)


def test_a_job_tells_sagemakers_metrics_and_its_model_is_served(
    harness: HarnessRun, tmp_path: Path
) -> None:
    files = {f"{name}.csv": _csv(i) for i, name in enumerate(("train", "validation", "test"))}
    given = {"predictor_type": "binary_classifier", "feature_dim": "5", "mini_batch_size": "50"}
    harness.use_algorithm("linear_learner", files, **given)
    code, output = harness.run()
    assert code == 0, output
    series = harness.metrics
    assert series["test:binary_classification_accuracy"].values[-1] > 0.85
    assert len(series["train:objective_loss"]) == len(series["validation:objective_loss"]) - 1
    assert {"test:objective_loss", "validation:precision", "validation:recall"} <= set(series)
    for name, content in harness.packed("model.tar.gz").items():
        (tmp_path / name).write_bytes(content)
    manifest = read_manifest(tmp_path)
    handler = DefaultHandler(describe_model(load_estimator(tmp_path, manifest), manifest))
    assert handler.model.rowwise
    body = {
        "instances": [{"features": [14, 20, 90, 600, 0.1]}, {"features": [25, 30, 170, 2000, 0.2]}]
    }
    rows = handler.decode(json.dumps(body).encode(), "application/json")
    predictions = handler.model.predict(rows)
    answer = json.loads(encode(predictions, "application/json")[0])
    assert [set(one) for one in answer["predictions"]] == [{"score", "predicted_label"}] * 2
    assert answer["predictions"][1]["predicted_label"] == 0
    first = encode(predictions, "text/csv")[0].decode().splitlines()[0].split(",")
    assert (float(first[0]), int(first[1])) == (
        answer["predictions"][0]["score"],
        answer["predictions"][0]["predicted_label"],
    )


def test_it_learns_from_sparse_rows(harness: HarnessRun) -> None:
    lines = [f"{i % 2} {i % 2}:1 {i % 5 + 2}:1" for i in range(200)]
    harness.use_algorithm(
        "linear_learner", {"train.libsvm": "\n".join(lines)}, predictor_type="binary_classifier"
    )
    code, output = harness.run()
    assert code == 0, output
    assert harness.metrics["train:objective_loss"].values[-1] < 0.2


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("2,1\n0,2", {}, "has the label 2; those of a binary_classifier are 0 to 1"),
        ("1,1\n0,2", {"feature_dim": "4"}, "has 1 feature columns, not 4"),
        ("1,nan\n0,2", {}, "contains NaN"),
    ],
)
def test_data_that_does_not_fit_is_told(
    harness: HarnessRun, text: str, given: dict[str, str], message: str
) -> None:
    harness.use_algorithm(
        "linear_learner", {"train.csv": text}, predictor_type="binary_classifier", **given
    )
    code, _ = harness.run()
    assert code == 1
    assert harness.failure["Reason"] == "ClientError"
    assert message in harness.failure["Message"]
