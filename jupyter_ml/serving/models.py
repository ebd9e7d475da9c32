"""A model's files into something that predicts: by its manifest, else by the files found."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.values import values
from jupyter_ml.serving.columns import Schema
from jupyter_ml.serving.dtypes import Dtype, dtypes_of
from jupyter_ml.serving.torch_module import TorchModel, is_module, load_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MANIFEST = "jupyter_ml.json"
_BY_SUFFIX = {
    ".joblib": "joblib",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".ubj": "xgboost",
    ".bst": "xgboost",
    ".pt": "torch",
    ".pth": "torch",
}
# Estimators that turn a frame into an array first thing: they may be given the array itself.
_ARRAY_MODULES = (
    "jupyter_ml.algorithms",
    "sklearn.cluster",
    "sklearn.discriminant_analysis",
    "sklearn.dummy",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._iforest",
    "sklearn.ensemble._weight_boosting",
    "sklearn.gaussian_process",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.neural_network",
    "sklearn.svm",
    "sklearn.tree",
    "xgboost",
)
_ROWWISE = ("jupyter_ml.algorithms.", "sklearn.", "xgboost.", "lightgbm.")
_BOOSTERS = ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")


class ModelFilesError(Exception):
    """The model's folder does not hold what its manifest says, or nothing that can be loaded."""


@dataclass(frozen=True)
class Model:
    """A loaded model.

    Parameters
    ----------
    predict
        Rows (as `schema` says) to one prediction for each row.
    schema
        What it takes.
    rowwise
        Whether a row's prediction cannot depend on the other rows, so that requests may share a
        call: known only of the estimators of known libraries.
    name
        Its class.
    estimator
        The object that was loaded.
    """

    predict: Callable[[Any], Any]
    schema: Schema
    rowwise: bool
    name: str
    estimator: Any = None


def read_manifest(model_dir: Path) -> dict[str, Any]:
    """Return the manifest of the model in `model_dir`, or {} where it has none."""
    path = model_dir / MANIFEST
    if not path.exists():
        return {}
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def load_estimator(model_dir: Path, manifest: Mapping[str, Any]) -> Any:
    """Return the object stored in `model_dir`.

    Raises
    ------
    ModelFilesError
        No file, or more than one, could be the model, or it needs a definition of a notebook.
    """
    path, form = _model_file(model_dir, manifest)
    # Modules beside the notebook are found where the job found them.
    sys.path.extend(entry for entry in manifest.get("path", ()) if entry not in sys.path)
    try:
        return _load(path, form, str(manifest.get("class", "")))
    except AttributeError as error:
        # What pickle says of a class or function that a cell defined: its module is `__main__`.
        if "__main__'" not in str(error):
            raise
        raise ModelFilesError(
            f"The model needs something that was defined in the notebook ({error}). Define it in "
            "code/inference.py and load the model there with model_fn, or in a module."
        ) from error


def _load(path: Path, form: str, class_name: str) -> Any:
    if form == "values":
        namespace: dict[str, Any] = {}
        values.load(path, namespace, ["model"])
        return namespace["model"]
    if form == "xgboost":
        return _load_xgboost(path, class_name)
    if form == "torch":
        return load_module(path)
    if form == "joblib":
        import joblib  # noqa: PLC0415  (only where a model is stored with it)

        return joblib.load(path)
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301  (the user's own model, as SageMaker loads it)


def describe_model(estimator: Any, manifest: Mapping[str, Any]) -> Model:
    """Return how to predict with `estimator` and what it takes.

    Raises
    ------
    ModelFilesError
        The object has no `predict`.
    """
    if is_module(estimator):
        estimator = TorchModel(estimator)
    kind = type(estimator)
    if not callable(getattr(estimator, "predict", None)):
        msg = f"The stored {kind.__name__} has no predict(); define predict_fn in inference.py."
        raise ModelFilesError(msg)
    if kind.__module__ == "xgboost.core":
        return _describe_booster(estimator, dtypes_of(manifest))
    features = manifest.get("features") or _feature_names(estimator)
    count = manifest.get("n_features") or getattr(estimator, "n_features_in_", None)
    if features is not None:
        features = tuple(map(str, features))
        count = len(features)
    dtypes = dtypes_of(manifest)
    takes_arrays = kind is TorchModel or kind.__module__.startswith(_ARRAY_MODULES)
    as_array = takes_arrays and not _need_frame(dtypes)
    count = None if count is None else int(count)
    schema = Schema(features, count, as_frame=not as_array, dtypes=dtypes)
    name = type(estimator.module).__name__ if kind is TorchModel else kind.__name__
    return Model(estimator.predict, schema, _is_rowwise(estimator), name, estimator)


def _model_file(model_dir: Path, manifest: Mapping[str, Any]) -> tuple[Path, str]:
    if manifest.get("file"):
        path = model_dir / manifest["file"]
        if not path.exists():
            msg = f"{MANIFEST} names {manifest['file']!r}, which the model's archive does not hold."
            raise ModelFilesError(msg)
        return path, manifest["format"]
    files = sorted(path for path in model_dir.iterdir() if path.is_file() and path.name != MANIFEST)
    found = [(path, _BY_SUFFIX[path.suffix]) for path in files if path.suffix in _BY_SUFFIX]
    found += [(path, "xgboost") for path in files if _is_xgboost_file(path)]
    if len(found) == 1:
        return found[0]
    seen = ", ".join(path.name for path in files) or "nothing"
    wanted = (
        "one .joblib, .pkl, .pt, .ubj or xgboost-model file, or add code/inference.py with model_fn"
    )
    msg = f"Cannot tell which file is the model: the archive holds {seen}. Store {wanted}."
    raise ModelFilesError(msg)


def _is_xgboost_file(path: Path) -> bool:
    if path.name == "xgboost-model":
        return True
    if path.suffix != ".json":
        return False
    return b'"learner"' in path.read_bytes()


def _load_xgboost(path: Path, class_name: str) -> Any:
    import xgboost  # noqa: PLC0415  (only where the model is one)

    short = class_name.rsplit(".", 1)[-1]
    model = getattr(xgboost, short)() if short in _BOOSTERS else xgboost.Booster()
    try:
        # By content, not by name: `xgboost-model` has no suffix that would tell the format.
        model.load_model(bytearray(path.read_bytes()))
    except xgboost.core.XGBoostError:
        # SageMaker's older XGBoost containers stored `xgboost-model` as a pickle.
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301  (the user's own model)
    return model


def _need_frame(dtypes: Mapping[str, Dtype]) -> bool:
    return any(dtype.needs_frame for dtype in dtypes.values())


def _describe_booster(booster: Any, dtypes: Mapping[str, Dtype]) -> Model:
    import xgboost  # noqa: PLC0415  (it is loaded: the booster came from it)

    names = booster.feature_names

    def predict(rows: Any) -> Any:
        matrix = xgboost.DMatrix(rows, feature_names=names, enable_categorical=True)
        return booster.predict(matrix)

    features = tuple(names) if names else None
    schema = Schema(features, booster.num_features(), _need_frame(dtypes), dtypes)
    return Model(predict, schema, rowwise=True, name="Booster", estimator=booster)


def _feature_names(estimator: Any) -> Any:
    try:
        return getattr(estimator, "feature_names_in_", None)
    except (AttributeError, ValueError):  # a pipeline asks its first step, which may not know
        return None


def _is_rowwise(estimator: Any) -> bool:
    if isinstance(estimator, TorchModel):
        return estimator.is_rowwise
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += _estimators(list(estimator.get_params(deep=True).values()))
    return all(
        type(part).__module__.startswith(_ROWWISE) and type(part).__name__ != "FunctionTransformer"
        for part in parts
    )


def _estimators(values: list[Any]) -> list[Any]:
    found = []
    for value in values:
        if hasattr(value, "fit") or (callable(value) and not isinstance(value, type)):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _estimators(list(value))
    return found
