"""The two models that every server serves; imported by each peer in its own environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = 20


def predictor() -> Callable[[Any], Any]:
    """Return how the model named by the environment answers rows, as its library does it."""
    folder, kind = Path(os.environ["BENCHMARK_MODELS"]), os.environ["BENCHMARK_MODEL"]
    model = joblib.load(folder / kind / "model.joblib")
    if kind == "gbm":
        return lambda rows: model.predict(np.asarray(rows))
    import torch  # noqa: PLC0415  (only for the network)

    torch.set_num_threads(1)

    def predict(rows: Any) -> Any:
        with torch.inference_mode():
            return model(torch.as_tensor(np.asarray(rows), dtype=torch.float32)).numpy()

    return predict


def build(folder: Path) -> None:
    """Train both models into `folder`: gradient boosting of 100 trees, a network of two layers."""
    import torch  # noqa: PLC0415  (only where the models are made)
    from sklearn.datasets import make_classification  # noqa: PLC0415
    from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415

    rows, labels = make_classification(5000, COLUMNS, n_informative=10, random_state=0)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 1),
    ).eval()
    boosting = GradientBoostingClassifier(n_estimators=100, random_state=0).fit(rows, labels)
    for kind, model in (("gbm", boosting), ("mlp", network)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        joblib.dump(model, folder / kind / "model.joblib")
    np.save(folder / "rows.npy", np.round(rows[:64], 3))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
