from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.algorithms import HyperparameterError, by_image, by_name, repository

if TYPE_CHECKING:
    from tests.services.training.conftest import HarnessRun

np = pytest.importorskip("numpy")
pytest.importorskip("xgboost")


@pytest.mark.parametrize(
    "image",
    [
        "xgboost",
        "sagemaker-xgboost:1.7-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5-cpu-py3",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest",
        "host:5000/sagemaker-xgboost@sha256:0123",
    ],
)
def test_every_image_of_the_repository_is_the_algorithm(image: str) -> None:
    algorithm = by_image(image)
    assert algorithm is not None
    assert algorithm.name == "xgboost"


def test_other_images_are_not() -> None:
    assert by_image("jupyter-ml/python") is None
    assert repository("jupyter-ml/python:1") == "python"


def test_an_unknown_algorithm_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(HyperparameterError, match="Did you mean 'xgboost'"):
        by_name("xgbost")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"eta": "2"}, r"eta='2' is not a number in \[0, 1\]"),
        ({"subsample": "0"}, r"subsample='0' is not a number in \(0, 1\]"),
        ({"max_depth": "deep"}, "max_depth='deep' is not a whole number of at least 0"),
        ({"max_dept": "3"}, "no hyperparameter 'max_dept'; did you mean 'max_depth'"),
        ({"booster": "gb"}, "booster='gb' is not one of gbtree, gblinear, dart"),
        ({"objective": "binary:logit"}, "objective='binary:logit' is not a valid name"),
        ({"eval_metric": "auc,acuracy"}, "eval_metric='auc,acuracy' is not"),
        ({"eta": "nan"}, "eta='nan' is not"),
    ],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(HyperparameterError, match=message):
        by_name("xgboost").parse({"num_round": "5", **wrong})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(HyperparameterError) as caught:
        by_name("xgboost").parse({"eta": "2", "dept": "1"})
    message = str(caught.value)
    assert all(
        word in message for word in ("eta='2'", "'dept'", "needs the hyperparameter 'num_round'")
    )


def test_hyperparameters_may_be_json_strings() -> None:
    values = by_name("xgboost").parse(
        {"num_round": '"5"', "eval_metric": '["auc", "logloss"]', "eta": "0.1"}
    )
    assert (values["num_round"], values["eta"]) == (5, 0.1)


def _rows(count: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 3))
    labels = (features[:, 0] + features[:, 1] > 0).astype(int)
    return "\n".join(
        ",".join([str(label), *map(str, row)]) for label, row in zip(labels, features, strict=True)
    )


def test_it_learns_from_csv_and_tells_its_metrics(harness: HarnessRun) -> None:
    files = {"train.csv": _rows(400, 0), "validation.csv": _rows(200, 1)}
    harness.use_algorithm(
        "xgboost", files, objective="binary:logistic", eval_metric="auc,logloss", num_round="20"
    )
    code, output = harness.run()
    assert code == 0, output
    assert "[19]#011train-auc:" in output
    series = harness.metrics
    assert sorted(series) == ["train:auc", "train:logloss", "validation:auc", "validation:logloss"]
    assert series["validation:auc"].steps.tolist() == list(range(20))
    assert series["validation:auc"].values[-1] > 0.9
    packed = harness.packed("model.tar.gz")
    assert json.loads(packed["jupyter_ml.json"])["n_features"] == 3
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.Booster(model_file=bytearray(packed["xgboost-model"]))
    assert booster.predict(xgboost.DMatrix(np.array([[3.0, 3.0, 0.0]])))[0] > 0.8
    assert json.loads((harness.attempt / "progress.json").read_text())["fraction"] == 1.0


def test_it_learns_from_libsvm(harness: HarnessRun) -> None:
    lines = []
    for line in _rows(200, 0).splitlines():
        label, *features = line.split(",")
        lines.append(" ".join([label, *(f"{i}:{v}" for i, v in enumerate(features))]))
    harness.use_algorithm(
        "xgboost", {"train.libsvm": "\n".join(lines)}, objective="binary:logistic", num_round="20"
    )
    code, output = harness.run()
    assert code == 0, output
    assert harness.metrics["train:logloss"].values[-1] < 0.2


def test_a_header_is_refused_in_words(harness: HarnessRun) -> None:
    harness.use_algorithm("xgboost", {"train.csv": "target,a\n0,1\n"}, num_round="20")
    code, _ = harness.run()
    assert code == 1
    assert harness.failure["Reason"] == "ClientError"
    assert "begins with 'target'" in harness.failure["Message"]


def test_what_xgboost_refuses_is_told_without_its_stack(harness: HarnessRun) -> None:
    harness.use_algorithm(
        "xgboost", {"train.csv": "-0.5,1\n1.2,2\n"}, objective="binary:logistic", num_round="20"
    )
    code, _ = harness.run()
    assert code == 1
    assert "label must be in" in harness.failure["Message"]
    assert "Stack trace" not in harness.failure["Message"]
