"""Models that a cell made, from the job to a model server: with what the notebook defined."""

from __future__ import annotations

import asyncio
import json
import linecache
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from jupyter_ml.core.values import values
from jupyter_ml.harness.archive import unpack
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.serving.loading import load
from jupyter_ml.toolkit.tables import request_body

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_ml.serving.inference import Reply
    from tests.services.training.conftest import HarnessRun

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 1.0, 0.0, 5.0], "y": [0, 1, 0, 1]})
OWN_CLASS = """
from dataclasses import dataclass

OFFSET = 10

def scaled(x):
    return x * OFFSET

@dataclass
class Settings:
    factor: int = 2

class Mine:
    def fit(self, frame):
        self.feature_names_in_ = list(frame.columns)
        self.settings = Settings()
        return self

    def predict(self, frame):
        return [scaled(value) * self.settings.factor for value in frame["a"]]

model = Mine().fit(train[["a", "b"]])
"""
HELPERS = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

def doubled(x):
    return x * 2

named = lambda x: x + 1
model = make_pipeline(
    FunctionTransformer(doubled),
    FunctionTransformer(named),
    FunctionTransformer(lambda x: np.log1p(x)), FunctionTransformer(lambda x: x - shift),
    LogisticRegression(),
).fit(train[["a", "b"]], train["y"])
print("EXPECTED", list(map(int, model.predict(train[["a", "b"]]))))
"""
NETWORK = """
import torch

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU())

    def forward(self, rows):
        return self.layers(rows).sum(dim=1)

torch.manual_seed(0)
model = KIND
rows = torch.as_tensor(train[["a", "b"]].to_numpy(), dtype=torch.float32)
print("EXPECTED", model(rows).tolist())
"""


def trained(harness: HarnessRun, text: str, **sent: object) -> str:
    """Run a cell that makes `model`; return what it printed."""
    cell = {"inputs": sorted(sent), "outputs": ["model"], "name": "cell"}
    harness.job["program"] = "cell.py"
    harness.write_source({"cell.py": text, ".jupyter_ml/cell.json": json.dumps(cell)})
    folder = harness.folder / "notebook"
    assert values.save(sent, folder) == []
    harness.job["channels"] = [{"name": "notebook", "uri": f"file://{folder}", "path": str(folder)}]
    code, output = harness.run()
    assert code == 0, output
    return output


def told(output: str) -> Any:
    """Return what a cell printed as the predictions that are expected."""
    return json.loads(output.split("EXPECTED ")[1].splitlines()[0])


def served(
    harness: HarnessRun, *bodies: Any, content_type: str = "application/json"
) -> list[Reply]:
    """Return a model server's replies to these requests."""
    folder = harness.folder / "served"
    unpack(harness.attempt / "out" / "model.tar.gz", folder)

    async def run() -> list[Reply]:
        config = ServeConfig(folder, "e", "v", folder, "token", timeout_s=30)
        inference, ready = await load(config)
        assert ready.test.passed, ready
        texts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in bodies]
        return [await inference.infer(text, content_type, "") for text in texts]

    return asyncio.run(run())


def test_a_model_whose_class_the_cell_defined_is_served(harness: HarnessRun) -> None:
    trained(harness, OWN_CLASS, train=FRAME)
    (reply,) = served(harness, [{"a": 3.0, "b": 0.0}])
    assert json.loads(reply.body) == {"predictions": [60.0]}


def test_a_pipeline_with_functions_of_the_cell_is_served(harness: HarnessRun) -> None:
    expected = told(trained(harness, HELPERS, train=FRAME, shift=0.5))
    (reply,) = served(harness, FRAME[["a", "b"]].to_dict("records"))
    assert json.loads(reply.body) == {"predictions": expected}


@pytest.mark.parametrize("kind", ["Network()", "torch.nn.Sequential(torch.nn.Linear(2, 3))"])
def test_a_network_of_torch_is_served(harness: HarnessRun, kind: str) -> None:
    expected = told(trained(harness, NETWORK.replace("KIND", kind), train=FRAME))
    (reply,) = served(harness, FRAME[["a", "b"]].to_numpy().tolist())
    assert np.allclose(json.loads(reply.body)["predictions"], expected)


def test_a_model_whose_class_the_notebook_sent_is_served(
    harness: HarnessRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = OWN_CLASS.rpartition("model = ")[0]
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    linecache.cache["<cell>"] = (len(text), None, text.splitlines(keepends=True), "<cell>")
    exec(compile(text, "<cell>", "exec"), vars(main))
    mine = vars(main)["Mine"]
    trained(harness, "model = Mine().fit(train[['a', 'b']])", train=FRAME, Mine=mine)
    (reply,) = served(harness, [{"a": 3.0, "b": 0.0}])
    assert json.loads(reply.body) == {"predictions": [60.0]}


def test_a_model_whose_class_is_in_a_module_beside_the_notebook_is_served(
    harness: HarnessRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "beside_the_notebook.py").write_text(OWN_CLASS.rpartition("model = ")[0])
    with monkeypatch.context() as notebook:
        notebook.syspath_prepend(folder)
        text = "import beside_the_notebook as own\nmodel = own.Mine().fit(train[['a', 'b']])"
        trained(harness, text, train=FRAME)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (reply,) = served(harness, [{"a": 3.0, "b": 0.0}])
    assert json.loads(reply.body) == {"predictions": [60.0]}


TYPED = """
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

X = train.drop(columns="y").assign(size=train["size"].astype("category"))

def since(frame):
    assert frame["size"].cat.categories.tolist() == ["L", "S"], frame.dtypes
    assert str(frame["sold"].dtype).startswith("datetime64[")
    assert str(frame["zoned"].dtype).endswith("Europe/Berlin]")
    assert frame["code"].tolist() != [7] and frame["count"].dtype == "int64", frame
    return (frame[["sold"]] - pd.Timestamp("2024-01-01")) / pd.Timedelta("1D")

steps = [("since", FunctionTransformer(since), list(X)), ("one", OneHotEncoder(), ["size", "code"])]
model = make_pipeline(ColumnTransformer(steps), LinearRegression()).fit(X, train["y"])
print("EXPECTED", model.predict(X).tolist())
"""
SALES = pd.DataFrame(
    {
        "size": ["S", "L", "S", "L"],
        "sold": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-02-01", "2024-03-01"]),
        "zoned": pd.to_datetime(["2024-01-01"] * 4, utc=True).tz_convert("Europe/Berlin"),
        "code": ["007", "008", "007", "008"],
        "count": [1, 2, 3, 4],
        "y": [1.0, 2.0, 3.0, 4.0],
    }
)


def test_categories_and_dates_of_a_frame_are_restored(harness: HarnessRun) -> None:
    expected = told(trained(harness, TYPED, train=SALES))
    rows = SALES.drop(columns="y")
    good = request_body(rows).encode()
    unknown = request_body(rows.assign(size="XL")).encode()
    date = request_body(rows.assign(sold="soon")).encode()
    reply, refused, no_date = served(harness, good, unknown, date)
    assert np.allclose(json.loads(reply.body)["predictions"], expected)
    assert (refused.status, no_date.status) == (400, 400)
    assert "Row 1, column 'size': 'XL' is not one of the categories" in refused.body.decode()
    assert "('L', 'S')" in refused.body.decode()
    assert "Row 1, column 'sold': 'soon' is not a date" in no_date.body.decode()
    text = rows.to_csv(index=False).encode()
    (reply,) = served(harness, text, content_type="text/csv")
    assert np.allclose(json.loads(reply.body)["predictions"], expected)


def test_xgboost_gets_the_categories_that_it_was_trained_with(harness: HarnessRun) -> None:
    text = """
import xgboost
X = train[["size", "count"]].astype({"size": "category"})
model = xgboost.XGBRegressor(n_estimators=5, enable_categorical=True).fit(X, train["y"])
print("EXPECTED", model.predict(X).tolist())
"""
    expected = told(trained(harness, text, train=SALES))
    reply, one = served(
        harness, SALES[["count", "size"]].to_dict("records"), [{"size": "S", "count": 1}]
    )
    assert np.allclose(json.loads(reply.body)["predictions"], expected)
    assert np.allclose(json.loads(one.body)["predictions"], expected[:1])
