"""Compiled models answer what the models themselves answer, or do not answer at all."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from jupyter_ml.serving.compiled.check import UnequalError, compare, differences
from jupyter_ml.serving.compiled.compiler import compiled
from jupyter_ml.serving.compiled.rows import drawn, odd
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.serving.loading import load

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.serving.compiled.report import Report

X, CLASSES = make_classification(
    600, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
)
FRAME = pd.DataFrame(X, columns=list("abcdef"))
BINARY = (CLASSES > 0).astype(int)
NAMES = np.array(["ash", "birch", "cedar"])[CLASSES]
AMOUNT = 3 * X[:, 0] + X[:, 1] ** 2 + 10
GAPS = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)


def trained(objective: str, label: Any, **parameters: Any) -> Any:
    """Return a booster of XGBoost's own API."""
    return xgboost.train({"objective": objective, **parameters}, xgboost.DMatrix(GAPS, label), 8)


def layers(*more: torch.nn.Module) -> torch.nn.Module:
    """Return a small network over six columns."""
    torch.manual_seed(0)
    first = [torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout()]
    return torch.nn.Sequential(*first, torch.nn.Linear(16, 3), *more)


FAST = {
    "GBC of two": lambda: GradientBoostingClassifier(n_estimators=20).fit(FRAME, BINARY),
    "GBC of three names": lambda: GradientBoostingClassifier(n_estimators=9).fit(X, NAMES),
    "GBR": lambda: GradientBoostingRegressor(n_estimators=20).fit(X, AMOUNT),
    "forest": lambda: RandomForestClassifier(15).fit(X, CLASSES),
    "shallow forest of truths": lambda: RandomForestClassifier(15, max_depth=3).fit(X, BINARY > 0),
    "forest regression": lambda: RandomForestRegressor(15, max_depth=5).fit(X, AMOUNT),
    "extra trees": lambda: ExtraTreesClassifier(15).fit(X, NAMES),
    "histogram with gaps": lambda: HistGradientBoostingClassifier(max_iter=20).fit(GAPS, CLASSES),
    "histogram poisson": lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=20).fit(
        GAPS, np.abs(AMOUNT)
    ),
    "tree": lambda: DecisionTreeClassifier().fit(X, NAMES),
    "stump": lambda: DecisionTreeRegressor(max_depth=1).fit(X, AMOUNT),
    "logistic": lambda: LogisticRegression().fit(FRAME, NAMES),
    "ridge of two targets": lambda: Ridge().fit(X, X[:, :2] * 3),
    "linear": lambda: LinearRegression().fit(X, AMOUNT),
    "support vectors": lambda: SVC().fit(X, CLASSES),
    "naive bayes": lambda: GaussianNB().fit(X, CLASSES),
    "scaled": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, NAMES),
    "imputed forest": lambda: make_pipeline(
        SimpleImputer(), StandardScaler(), RandomForestClassifier(9)
    ).fit(FRAME, NAMES),
    "columns by name": lambda: make_pipeline(
        make_column_transformer((StandardScaler(), ["c", "a"]), remainder="passthrough"),
        GradientBoostingClassifier(n_estimators=9),
    ).fit(FRAME, NAMES),
    "searched": lambda: GridSearchCV(DecisionTreeClassifier(), {"max_depth": [2, 3]}).fit(
        FRAME, NAMES
    ),
    "xgboost classes with gaps": lambda: xgboost.XGBClassifier(n_estimators=9).fit(GAPS, CLASSES),
    "xgboost binary by name": lambda: xgboost.XGBClassifier(n_estimators=9).fit(FRAME, BINARY),
    "xgboost stopped early": lambda: xgboost.XGBRegressor(
        n_estimators=60, early_stopping_rounds=2
    ).fit(X[:300], AMOUNT[:300], eval_set=[(X[300:], AMOUNT[300:])], verbose=False),
    "xgboost counts": lambda: xgboost.XGBRegressor(n_estimators=9, objective="count:poisson").fit(
        X, np.abs(AMOUNT)
    ),
    "booster": lambda: trained("binary:logistic", BINARY),
    "booster of probabilities": lambda: trained("multi:softprob", CLASSES, num_class=3),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=9, verbose=-1).fit(FRAME, NAMES),
    "lightgbm with gaps": lambda: lightgbm.LGBMRegressor(n_estimators=9, verbose=-1).fit(
        pd.DataFrame(GAPS, columns=list("abcdef")), AMOUNT
    ),
    "network": layers,
    "network of probabilities": lambda: layers(torch.nn.Softmax(dim=1)),
}
NATIVE = {
    "boosted stumps": (
        lambda: AdaBoostClassifier(n_estimators=3).fit(X, CLASSES),
        "ONNX Runtime cannot run it",
    ),
    "forest of two targets": (
        lambda: RandomForestRegressor(5).fit(X, X[:, :2]),
        "it predicts 2 targets",
    ),
    "labels of a booster": (
        lambda: trained("multi:softmax", CLASSES, num_class=3),
        "answers in the shape",
    ),
    "linear booster": (
        lambda: xgboost.XGBRegressor(booster="gblinear", n_estimators=5).fit(X, AMOUNT),
        "treelite cannot read it",
    ),
}


def store(model: Any, folder: Path, **manifest: Any) -> ServeConfig:
    """Write a model into `folder`; return how to serve it."""
    folder.mkdir(exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    known = {"format": "joblib", "file": "model.joblib", **manifest}
    (folder / "jupyter_ml.json").write_text(json.dumps(known))
    return ServeConfig(folder, "e", "v", folder, "token", timeout_s=30)


def compile_into(config: ServeConfig) -> Report:
    """Compile the model, as the compiler's process does."""
    config.compiled_dir.mkdir()
    return compiled(config, config.compiled_dir)


def answers(config: ServeConfig, bodies: list[Any]) -> list[tuple[int, Any]]:
    """Return status and predictions, or the error, for requests made one after another."""

    async def run() -> list[tuple[int, Any]]:
        inference, _ = await load(config)
        found = []
        for body in bodies:
            reply = await inference.infer(json.dumps(body).encode(), "application/json", "")
            answer = json.loads(reply.body)
            found.append((reply.status, answer.get("predictions", answer.get("type"))))
        return found

    return asyncio.run(run())


def requests() -> list[Any]:
    """Return bodies of one and of many rows, at their ends of range, with gaps, too many."""
    rows = X[:8].tolist()
    special = [[None, *rows[0][1:]], [1e39, *rows[0][1:]], [-0.0] * 6, [1e30] * 6, [5e-324] * 6]
    return [[row] for row in (*rows, *special)] + [
        rows,
        X[:500].tolist(),
        np.tile(X, (3, 1)).tolist(),
    ]


@pytest.mark.parametrize("name", FAST)
def test_a_compiled_model_answers_as_the_model_itself(name: str, tmp_path: Path) -> None:
    dtypes = dict.fromkeys("abcdef", "float64")
    config = store(FAST[name](), tmp_path / "attempt", n_features=6, dtypes=dtypes)
    wanted = answers(config, requests())
    report = compile_into(config)
    assert report.status == "Compiled", report.message
    assert report.rows == 256
    assert "times faster for one row" in report.message
    for found, expected in zip(answers(config, requests()), wanted, strict=True):
        assert found[0] == expected[0]
        if isinstance(np.ravel(expected[1])[0], np.floating):
            tolerance = 1e-5 if "network" in name or "boost" in name else 1e-9
            np.testing.assert_allclose(found[1], expected[1], rtol=tolerance, atol=tolerance)
        else:
            assert found[1] == expected[1]


@pytest.mark.parametrize("name", NATIVE)
def test_what_cannot_be_compiled_serves_itself_and_says_why(name: str, tmp_path: Path) -> None:
    model, reason = NATIVE[name]
    config = store(model(), tmp_path / "attempt", n_features=6)
    wanted = answers(config, requests())
    report = compile_into(config)
    assert report.status == "Native"
    assert report.message.startswith("Served natively: ")
    assert reason in report.message
    assert answers(config, requests()) == wanted


def test_a_pipeline_over_texts_is_served_by_itself(tmp_path: Path) -> None:
    people = pd.DataFrame(
        {"age": [20, 30, 40, 50] * 9, "city": ["Bern", "Oslo", "Rome", "Oslo"] * 9}
    )
    encoded = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(encoded, LogisticRegression()).fit(people, [0, 1, 1, 0] * 9)
    dtypes = {"age": "int64", "city": "str"}
    config = store(model, tmp_path / "a", features=["age", "city"], n_features=2, dtypes=dtypes)
    body = people.to_dict("records")
    wanted = answers(config, [body])
    report = compile_into(config)
    assert "columns of text, dates or categories" in report.message
    assert answers(config, [body]) == wanted == [(200, model.predict(people).tolist())]


def test_xgboost_with_categories_is_served_by_itself(tmp_path: Path) -> None:
    frame = FRAME.assign(a=pd.Categorical(["x", "y", "z"] * 200))
    model = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(frame, BINARY)
    categories = {"a": {"values": ["x", "y", "z"], "ordered": False}}
    dtypes = {name: str(kind) for name, kind in frame.dtypes.items()}
    manifest = {"features": list("abcdef"), "dtypes": dtypes, "categories": categories}
    config = store(model, tmp_path / "attempt", **manifest)
    report = compile_into(config)
    assert report.status == "Native"
    body = frame[:9].to_dict("records")
    assert answers(config, [body]) == [(200, model.predict(frame[:9]).tolist())]


def test_columns_by_name_in_any_order_and_whole_numbers_are_answered_alike(tmp_path: Path) -> None:
    frame = FRAME.assign(a=(FRAME.a * 10).astype(int))
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=9))
    model.fit(frame, AMOUNT)
    dtypes = {name: str(kind) for name, kind in frame.dtypes.items()}
    sample = {"columns": list("abcdef"), "data": frame[:1].to_numpy().tolist()}
    known = {"features": list("abcdef"), "dtypes": dtypes, "sample": sample}
    config = store(model, tmp_path / "attempt", **known)
    bodies = [frame[:5][list("fcabde")].to_dict("records"), frame[5:6].to_dict("split")]
    bodies.append([{**bodies[0][0], "z": 1}])
    wanted = answers(config, bodies)
    assert compile_into(config).status == "Compiled"
    found = answers(config, bodies)
    assert [status for status, _ in found] == [status for status, _ in wanted] == [200, 200, 400]
    np.testing.assert_allclose(found[0][1], model.predict(frame[:5]), rtol=1e-9)


def test_a_class_of_the_user_is_not_taken_for_its_parent(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from sklearn.linear_model import LinearRegression\n"
        "class Doubled(LinearRegression):\n"
        "    def predict(self, X):\n        return 2 * super().predict(X)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        from own import Doubled  # noqa: PLC0415  (written above)

        config = store(Doubled().fit(X, AMOUNT), tmp_path / "attempt", n_features=6)
        report = compile_into(config)
    finally:
        sys.path.remove(str(tmp_path))
    assert "a Doubled of own is not among the models that are compiled" in report.message


def test_a_difference_is_found_and_the_row_named() -> None:
    rows = np.arange(6.0).reshape(3, 2)
    with pytest.raises(UnequalError, match=r"answers b for the row \[2, 3\], itself c"):
        compare(np.array(["a", "b"]), np.array(["a", "c"]), rows, 0.0)
    with pytest.raises(UnequalError, match="in the shape"):
        compare(np.zeros((3, 1)), np.zeros(3), rows, 1e-9)
    wanted = np.array([1.0, np.nan, 1000.0])
    assert not differences(wanted * (1 + 1e-10), wanted, 1e-9).any()
    assert differences(np.array([1.0, 2.0, 1000.1]), wanted, 1e-9).tolist() == [False, True, True]


def test_the_rows_to_check_with_meet_thresholds_and_keep_whole_numbers() -> None:
    edges = [np.array([0.25, 7.5]), np.array([])]
    rows = drawn(3, [1.0, 2.0, 3.0], [*edges, np.array([])], [False, False, True])
    assert rows.shape == (256, 3)
    assert rows[0].tolist() == [1.0, 2.0, 3.0]
    assert np.isfinite(rows).all()
    assert {0.25, 7.5} <= set(rows[:, 0])
    assert np.nextafter(0.25, 1) in rows[:, 0]
    assert (rows[:, 2] == np.round(rows[:, 2])).all()
    strange = odd(rows)
    assert (~np.isfinite(strange) | (np.abs(strange) > 1e38)).any(axis=1).all()
