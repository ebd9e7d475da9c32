"""Save the model in the form of MLflow, into the folder that it is given."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import joblib
import mlflow

target = Path(sys.argv[1])
shutil.rmtree(target, ignore_errors=True)
models, kind = Path(os.environ["BENCHMARK_MODELS"]), os.environ["BENCHMARK_MODEL"]


class Network(mlflow.pyfunc.PythonModel):
    """The network, which MLflow gives arrays of 64 bits."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002  (MLflow's signature)
        """Load the model."""
        from model import predictor  # noqa: PLC0415  (found where it is served)

        self._predict = predictor()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """Answer rows."""
        return self._predict(model_input)


if kind == "gbm":
    model = joblib.load(models / kind / "model.joblib")
    mlflow.sklearn.save_model(model, target, serialization_format="cloudpickle")
else:
    code = [str(Path(__file__).with_name("model.py"))]
    mlflow.pyfunc.save_model(target, python_model=Network(), code_paths=code)
