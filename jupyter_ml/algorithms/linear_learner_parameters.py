"""What SageMaker's linear-learner takes: hyperparameters with their ranges, channels, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.algorithms.schema import Algorithm, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
LOSSES = {BINARY: "logistic", MULTICLASS: "softmax_loss", REGRESSOR: "squared_loss"}
CRITERIA = (
    "accuracy",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "loss_function",
)
# Each of these is only about some jobs: what it is about, in the others' refusal.
_ONLY_FOR = {
    "num_classes": ("predictor_type", MULTICLASS),
    "accuracy_top_k": ("predictor_type", MULTICLASS),
    "binary_classifier_model_selection_criteria": ("predictor_type", BINARY),
    "f_beta": ("predictor_type", BINARY),
    "target_recall": ("predictor_type", BINARY),
    "target_precision": ("predictor_type", BINARY),
    "normalize_label": ("predictor_type", REGRESSOR),
    "momentum": ("optimizer", "sgd"),
    "beta_1": ("optimizer", "adam"),
    "beta_2": ("optimizer", "adam"),
}

PARAMETERS = (
    Parameter("predictor_type", "str", choices=(BINARY, MULTICLASS, REGRESSOR), required=True),
    Parameter("feature_dim", "int", low=1, auto=True),
    Parameter("num_classes", "int", low=3, high=1_000_000),
    Parameter("epochs", "int", low=1),
    Parameter("mini_batch_size", "int", low=1),
    Parameter("optimizer", "str", choices=("auto", "adam", "sgd")),
    Parameter("loss", "str", choices=("auto", *LOSSES.values())),
    Parameter("learning_rate", low=0, open_low=True, auto=True),
    Parameter("momentum", low=0, high=1, auto=True),
    Parameter("beta_1", low=0, high=1, auto=True),
    Parameter("beta_2", low=0, high=1, auto=True),
    Parameter("wd", low=0, auto=True),
    Parameter("normalize_data", "bool"),
    Parameter("normalize_label", "bool", auto=True),
    Parameter("early_stopping_patience", "int", low=1),
    Parameter("early_stopping_tolerance", low=0),
    Parameter("binary_classifier_model_selection_criteria", "str", choices=CRITERIA),
    Parameter("f_beta", low=0, open_low=True),
    Parameter("target_recall", low=0, high=1, open_low=True),
    Parameter("target_precision", low=0, high=1, open_low=True),
    Parameter("accuracy_top_k", "int", low=1),
)
REFUSED = (
    "balance_multiclass_weights",
    "bias_lr_mult",
    "bias_wd_mult",
    "huber_delta",
    "init_bias",
    "init_method",
    "init_scale",
    "init_sigma",
    "l1",
    "loss_insensitivity",
    "lr_scheduler_factor",
    "lr_scheduler_minimum_lr",
    "lr_scheduler_step",
    "margin",
    "num_calibration_samples",
    "num_models",
    "num_point_for_scaler",
    "positive_example_weight_mult",
    "quantile",
    "unbias_data",
    "unbias_label",
    "use_bias",
    "use_lr_scheduler",
)


def misfits(values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with hyperparameters that are right one by one."""
    kind = values["predictor_type"]
    chosen = {"predictor_type": kind, "optimizer": values.get("optimizer", "auto")}
    if chosen["optimizer"] == "auto":
        chosen["optimizer"] = "adam"
    problems = [
        f"{name} is only for {other}={wanted}; {other} is {chosen[other]!r}."
        for name, (other, wanted) in _ONLY_FOR.items()
        if name in values and chosen[other] != wanted
    ]
    if kind == MULTICLASS and "num_classes" not in values:
        problems.append("multiclass_classifier needs the hyperparameter 'num_classes'.")
    if values.get("loss", "auto") not in {"auto", LOSSES[kind]}:
        problems.append(f"loss={values['loss']!r} is not {LOSSES[kind]}, the loss of a {kind}.")
    problems += [
        f"{name}='1' is not below 1."
        for name in ("momentum", "beta_1", "beta_2")
        if values.get(name) == 1
    ]
    return problems


ALGORITHM = Algorithm(
    name="linear-learner",
    repositories=(),
    module="jupyter_ml.algorithms.linear_learner",
    parameters=PARAMETERS,
    required_channels=("train",),
    optional_channels=("validation", "test"),
    metrics=r"(train|validation|test):.+",
    refused=REFUSED,
    misfits=misfits,
)
