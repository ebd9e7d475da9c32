"""Models by their files: scikit-learn, pipelines, XGBoost; what may share a call."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import TYPE_CHECKING, Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from jupyter_ml.serving.columns import PayloadError, Schema
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.serving.dtypes import Dtype
from jupyter_ml.serving.loading import load
from jupyter_ml.serving.models import ModelFilesError, describe_model, load_estimator
from jupyter_ml.serving.payloads import JSON, decode
from jupyter_ml.serving.versions import check_versions, mismatches

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.serving.inference import Reply

PEOPLE = pd.DataFrame({"age": [20, 30, 40, 50] * 5, "city": ["Bern", "Oslo", "Rome", "Oslo"] * 5})
BOUGHT = np.array([0, 1, 1, 0] * 5)
NUMBERS = np.random.default_rng(0).normal(size=(50, 3))


def ask(folder: Path, body: Any, *more: Any) -> list[Reply]:
    """Return the replies to requests made at once to the model in `folder`."""

    async def run() -> list[Reply]:
        config = ServeConfig(folder, "e", "v", folder, "token", timeout_s=30)
        inference, _ = await load(config)
        bodies = [json.dumps(item).encode() for item in (body, *more)]
        requests = [inference.infer(item, "application/json", "") for item in bodies]
        return list(await asyncio.gather(*requests))

    return asyncio.run(run())


def predictions(reply: Reply) -> Any:
    """Return the predictions of a reply that succeeded."""
    assert reply.status == 200, reply.body
    return json.loads(reply.body)["predictions"]


def pipeline() -> Any:
    """Return a fitted pipeline over named columns of two types."""
    columns = ColumnTransformer(
        [("city", OneHotEncoder(), ["city"]), ("age", StandardScaler(), ["age"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(PEOPLE, BOUGHT)


def test_a_pipeline_gets_a_frame_with_the_columns_by_name(tmp_path: Path) -> None:
    model = pipeline()
    joblib.dump(model, tmp_path / "model.joblib")
    rows = PEOPLE.iloc[:4]
    records = rows[["city", "age"]].to_dict(orient="records")
    reply, *singles = ask(tmp_path, records, *[[record] for record in records])
    expected = model.predict(rows).tolist()
    assert predictions(reply) == expected
    assert [predictions(single)[0] for single in singles] == expected


def test_a_category_that_the_model_does_not_know_fails_its_request_alone(tmp_path: Path) -> None:
    joblib.dump(pipeline(), tmp_path / "model.joblib")
    good = [{"age": 30, "city": "Oslo"}]
    bad = [{"age": 30, "city": "Utopia"}]
    replies = ask(tmp_path, good, bad, good)
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert b"Found unknown categories" in replies[1].body


def test_an_xgboost_booster_is_served_from_each_of_its_formats(tmp_path: Path) -> None:
    booster = xgboost.train({}, xgboost.DMatrix(NUMBERS, NUMBERS[:, 0] * 2), 5)
    expected = booster.predict(xgboost.DMatrix(NUMBERS[:4]))
    for name in ("xgboost-model", "model.ubj", "model.json", "model.pkl"):
        folder = tmp_path / name
        folder.mkdir()
        if name.endswith("pkl"):
            (folder / name).write_bytes(pickle.dumps(booster))
        elif name == "xgboost-model":
            booster.save_model(folder / "m.ubj")
            (folder / "m.ubj").rename(folder / name)
        else:
            booster.save_model(folder / name)
        (reply,) = ask(folder, NUMBERS[:4].tolist())
        assert np.allclose(predictions(reply), expected)


def test_an_xgboost_classifier_answers_with_classes_and_checks_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(NUMBERS, columns=["a", "b", "c"])
    model = xgboost.XGBClassifier(n_estimators=5).fit(frame, NUMBERS[:, 0] > 0)
    model.save_model(tmp_path / "model.ubj")
    manifest = {"format": "xgboost", "file": "model.ubj", "class": "XGBClassifier"}
    (tmp_path / "jupyter_ml.json").write_text(json.dumps(manifest))
    good, bad = ask(
        tmp_path,
        frame[["c", "b", "a"]].to_dict("split"),
        {"columns": ["a", "b", "d"], "data": [[1, 2, 3]]},
    )
    assert predictions(good) == model.predict(frame).tolist()
    assert bad.status == 400


def test_text_labels_and_several_outputs_are_answered(tmp_path: Path) -> None:
    labels = np.where(NUMBERS[:, 0] > 0, "yes", "no")
    joblib.dump(RandomForestClassifier(5).fit(NUMBERS, labels), tmp_path / "model.joblib")
    (reply,) = ask(tmp_path, NUMBERS[:3].tolist())
    assert set(predictions(reply)) <= {"yes", "no"}
    model = RandomForestClassifier(5).fit(NUMBERS, NUMBERS > 0)
    joblib.dump(model, tmp_path / "model.joblib")
    (reply,) = ask(tmp_path, NUMBERS[:3].tolist())
    assert predictions(reply) == model.predict(NUMBERS[:3]).tolist()


def test_missing_values_reach_a_model_that_takes_them(tmp_path: Path) -> None:
    model = HistGradientBoostingRegressor(max_iter=5).fit(NUMBERS, NUMBERS[:, 1])
    joblib.dump(model, tmp_path / "model.joblib")
    (reply,) = ask(tmp_path, [[None, 1.0, 2.0]])
    assert np.allclose(predictions(reply), model.predict([[np.nan, 1.0, 2.0]]))


MIXED = pd.DataFrame(
    {"size": NUMBERS[:, 0], "rooms": np.arange(50) % 7, "garden": NUMBERS[:, 1] > 0}
)
GAPS = [[None, 3, True], [0.5, None, True], [0.5, 3, None], [None, None, None]]


@pytest.mark.parametrize("dtypes", [{}, {name: str(t) for name, t in MIXED.dtypes.items()}])
@pytest.mark.parametrize("booster", [False, True])
def test_a_row_with_a_gap_is_answered_as_the_library_itself_does(
    tmp_path: Path, dtypes: dict[str, str], *, booster: bool
) -> None:
    model = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=2, verbose=-1)
    model.fit(MIXED, NUMBERS[:, 0] + MIXED["rooms"])
    joblib.dump(model.booster_ if booster else model, tmp_path / "model.joblib")
    manifest = {"features": list(MIXED), "dtypes": dtypes} if dtypes else {}
    loaded = describe_model(load_estimator(tmp_path, {}), manifest)
    expected = model.predict(pd.DataFrame(GAPS, columns=list(MIXED)).astype("float64"))
    alone = [
        loaded.predict(decode(json.dumps([row]).encode(), JSON, loaded.schema))[0] for row in GAPS
    ]
    together = loaded.predict(decode(json.dumps(GAPS).encode(), JSON, loaded.schema))
    assert np.allclose(alone, expected)
    assert np.allclose(together, expected)


def test_a_truth_that_is_none_is_named_beside_a_gap(tmp_path: Path) -> None:
    schema = Schema(("garden",), 1, as_frame=True, dtypes={"garden": Dtype("bool")})
    assert decode(b"[[true], [null]]", JSON, schema)["garden"].tolist()[0] == 1.0
    with pytest.raises(PayloadError, match="Row 2, column 'garden': 'maybe' is not true or false"):
        decode(b'[[true], ["maybe"], [null]]', JSON, schema)


class Centring:
    """A model whose answer to a row depends on the other rows."""

    def predict(self, rows: Any) -> Any:
        return rows - rows.mean(axis=0)


def test_only_models_that_answer_row_by_row_share_a_call(tmp_path: Path) -> None:
    joblib.dump(Centring(), tmp_path / "model.joblib")
    replies = ask(tmp_path, [[1.0], [3.0]], [[10.0], [20.0]])
    assert [predictions(reply) for reply in replies] == [[[-1.0], [1.0]], [[-5.0], [5.0]]]
    assert describe_model(pipeline(), {}).rowwise
    own = make_pipeline(FunctionTransformer(np.abs), LogisticRegression())
    assert not describe_model(own, {}).rowwise


def test_two_candidates_are_not_guessed_between(tmp_path: Path) -> None:
    for name in ("a.joblib", "b.pkl"):
        (tmp_path / name).touch()
    with pytest.raises(ModelFilesError, match=r"Cannot tell .* a\.joblib, b\.pkl"):
        load_estimator(tmp_path, {})


def test_a_model_that_needs_a_definition_of_a_notebook_is_explained(tmp_path: Path) -> None:
    # As pickle writes an instance of a class that a cell defined.
    (tmp_path / "model.pkl").write_bytes(b"c__main__\nOfACell\n.")
    with pytest.raises(ModelFilesError, match="defined in the notebook"):
        load_estimator(tmp_path, {})


def test_a_manifest_that_names_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"names 'm\.joblib'"):
        load_estimator(tmp_path, {"file": "m.joblib", "format": "joblib"})


def test_versions_differ_from_the_minor_number_on() -> None:
    major, minor = np.__version__.split(".")[:2]
    checks = check_versions(
        {"libraries": {"numpy": f"{major}.{minor}.99", "pandas": "0.1", "nil": "1"}}
    )
    assert [check["Ok"] for check in checks] == [True, False, False]
    assert mismatches(checks) == (
        f"Trained and served by different versions: pandas 0.1 -> {pd.__version__}, "
        "nil 1 -> not installed."
    )
    assert mismatches(checks[:1]) == ""
