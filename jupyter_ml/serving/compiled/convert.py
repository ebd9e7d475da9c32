"""Models into ONNX: tree ensembles by `trees`, torch modules by torch, the rest by skl2onnx."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving.compiled.program import Finish, NotConvertibleError, Program, Step
from jupyter_ml.serving.compiled.trees import ensemble_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.serving.models import Model

_FORESTS = ("RandomForest", "ExtraTrees", "GradientBoosting", "HistGradientBoosting")
_LIBRARIES = ("sklearn", "xgboost", "lightgbm")
# Their trees compare rows that were rounded to 32 bits.
_ROUNDING = ("RandomForest", "ExtraTrees", "GradientBoosting")
# What treelite calls it -> how `program.finished` computes it.
_LINKS = {
    "identity": "identity",
    "identity_multiclass": "identity",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "exponential": "exponential",
}


@dataclass(frozen=True)
class Draft:
    """A converted model that has not been checked.

    Parameters
    ----------
    program
        How to run it.
    files
        The ONNX models of its steps, by name.
    edges
        For each feature the values where a tree's way changes; empty where that is not known.
    """

    program: Program
    files: dict[str, bytes]
    edges: list[Any] = field(default_factory=list)


def convert(model: Model) -> Draft:
    """Return a model converted.

    Raises
    ------
    NotConvertibleError
        It has no compiled form; says why.
    ImportError
        A library of the extra `compile` is not installed.
    """
    estimator = model.estimator
    root = type(estimator).__module__.partition(".")[0]
    if root == "jupyter_ml":
        return _torch(estimator.module, model.schema.n_features)
    if root not in _LIBRARIES:
        msg = f"a {type(estimator).__name__} of {root} is not among the models that are compiled"
        raise NotConvertibleError(msg)
    if any(dtype.needs_frame for dtype in model.schema.dtypes.values()):
        msg = "it takes columns of text, dates or categories, which are not compiled"
        raise NotConvertibleError(msg)
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if type(estimator).__module__ == "sklearn.pipeline" and hasattr(estimator, "steps"):
        return _pipeline(estimator, model.schema.n_features)
    if _is_ensemble(estimator):
        return _ensemble(estimator)
    return _sklearn(estimator, model.schema.n_features)


def _pipeline(pipeline: Any, width: int | None) -> Draft:
    (*transformers, (name, last)) = pipeline.steps
    # Rows with missing values are answered by the model itself: the others pass an imputer as
    # they are, and ONNX Runtime has none in 64 bits.
    kept = [step for step in transformers if not _passes_finite(step[1])]
    if not _is_ensemble(last):
        return _sklearn(_same(pipeline, [*kept, (name, last)]), width)
    after = _ensemble(last)
    if not kept:
        return after
    before = _sklearn(_same(pipeline, kept), width, "transform.onnx")
    program = Program((*before.program.steps, *after.program.steps), after.program.finish)
    return Draft(program, {**before.files, **after.files})


def _same(pipeline: Any, steps: list[Any]) -> Any:
    """Return a pipeline of some fitted steps of another one."""
    return pipeline if len(steps) == len(pipeline.steps) else type(pipeline)(steps)


def _passes_finite(step: Any) -> bool:
    if step is None or isinstance(step, str):
        return step is None or step == "passthrough"
    return (
        type(step).__module__ == "sklearn.impute._base"
        and type(step).__name__ == "SimpleImputer"
        and not step.add_indicator
        and step.missing_values != step.missing_values  # NaN
        and bool((step.statistics_ == step.statistics_).all())
    )


def _is_ensemble(estimator: Any) -> bool:
    kind = type(estimator)
    if kind.__module__ == "sklearn.tree._classes":
        return kind.__name__.startswith(("DecisionTree", "ExtraTree"))
    if kind.__module__.startswith(("xgboost.", "lightgbm.")):
        return True
    return kind.__module__.startswith("sklearn.ensemble.") and kind.__name__.startswith(_FORESTS)


def _ensemble(estimator: Any) -> Draft:
    import treelite  # noqa: PLC0415  (an extra)

    kind = type(estimator)
    if kind.__module__ == "sklearn.tree._classes":
        estimator = _forest_of(estimator)
    kind = type(estimator)
    try:
        if kind.__module__.startswith("xgboost."):
            loaded = treelite.frontend.from_xgboost(_booster(estimator))
        elif kind.__module__.startswith("lightgbm."):
            booster = getattr(estimator, "booster_", estimator)
            loaded = treelite.frontend.from_lightgbm(booster)
        else:
            loaded = treelite.sklearn.import_model(estimator)
    except (treelite.TreeliteError, NotImplementedError, TypeError) as error:
        msg = f"treelite cannot read it ({_short(error)})"
        raise NotConvertibleError(msg) from error
    ensemble = ensemble_of(loaded, rounds=kind.__name__.startswith(_ROUNDING))
    step = Step("trees.onnx")
    finish = Finish(
        base=(0.0,) if ensemble.averages else ensemble.base,
        divisor=float(ensemble.trees) if ensemble.averages else 1.0,
        dtype=ensemble.dtype,
        link=_link(estimator, ensemble.link),
    )
    # How missing values go is in the trees; whether the model takes them is found out.
    program = Program((step,), finish)
    return Draft(program, {step.file: ensemble.onnx}, ensemble.edges)


def _forest_of(tree: Any) -> Any:
    """Return a forest of one tree, which is what treelite reads."""
    from sklearn.ensemble import (  # noqa: PLC0415  (the model's own)
        RandomForestClassifier,
        RandomForestRegressor,
    )

    is_classifier = hasattr(tree, "classes_")
    forest = (RandomForestClassifier if is_classifier else RandomForestRegressor)(n_estimators=1)
    forest.estimators_ = [tree]
    forest.n_outputs_ = tree.n_outputs_
    forest.n_features_in_ = tree.n_features_in_
    if is_classifier:
        forest.classes_, forest.n_classes_ = tree.classes_, tree.n_classes_
    return forest


def _link(estimator: Any, name: str) -> str:
    if hasattr(estimator, "classes_"):
        return "label"
    if name not in _LINKS:
        msg = f"its answers are computed by {name!r}, which is not compiled"
        raise NotConvertibleError(msg)
    return _LINKS[name]


def _booster(estimator: Any) -> Any:
    if not hasattr(estimator, "get_booster"):
        return estimator
    booster = estimator.get_booster()
    try:
        # After early stopping `predict` uses the trees up to the best.
        return booster[: estimator.best_iteration + 1]
    except AttributeError:
        return booster


def _sklearn(estimator: Any, width: int | None, file: str = "model.onnx") -> Draft:
    import skl2onnx  # noqa: PLC0415  (an extra)
    from skl2onnx.common.data_types import DoubleTensorType  # noqa: PLC0415

    if width is None:
        msg = "the number of its columns is not known"
        raise NotConvertibleError(msg)
    names = _columns(estimator, width)
    if names:
        inputs = [(name, DoubleTensorType([None, 1])) for name in names]
    else:
        inputs = [("rows", DoubleTensorType([None, width]))]
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            onnx_model = skl2onnx.convert_sklearn(estimator, initial_types=inputs, options=options)
    except Exception as error:  # a converter raises anything for what it does not know
        msg = f"skl2onnx cannot convert it ({_short(error)})"
        raise NotConvertibleError(msg) from error
    program = Program((Step(file, columns=names),))
    return Draft(program, {file: onnx_model.SerializeToString()})


def _columns(estimator: Any, width: int) -> tuple[str, ...]:
    """Return the names of the inputs where the estimator picks columns by their names."""
    parts = [step for _, step in getattr(estimator, "steps", ())]
    picks = any(type(part).__name__ == "ColumnTransformer" for part in (estimator, *parts))
    names: Sequence[Any] = getattr(estimator, "feature_names_in_", ()) if picks else ()
    return tuple(map(str, names)) if len(names) == width else ()


def _torch(module: Any, width: int | None) -> Draft:
    import torch  # noqa: PLC0415  (the model is one)

    if width is None:
        msg = "the number of its columns is not known"
        raise NotConvertibleError(msg)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision at length
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.onnx.export(
                module,
                (torch.zeros(2, width),),
                dynamo=True,
                input_names=["rows"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
            content: bytes = exported.model_proto.SerializeToString()
    except ImportError:
        raise
    except Exception as error:  # an exporter raises anything for what it does not know
        msg = f"torch cannot export it to ONNX ({_short(error)})"
        raise NotConvertibleError(msg) from error
    program = Program((Step("module.onnx", "float32"),))
    return Draft(program, {"module.onnx": content})


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:160].strip()
