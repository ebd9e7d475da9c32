"""What SageMaker's XGBoost takes: hyperparameters with their ranges, channels and metrics."""

from __future__ import annotations

from jupyter_ml.algorithms.schema import Algorithm, Parameter

_SWITCH = ("0", "1")
_METRIC = (
    r"(rmse|rmsle|mae|mape|mphe|logloss|error(@[\d.]+)?|merror|mlogloss|auc|aucpr|pre(@\d+)?"
    r"|ndcg(@\d+)?-?|map(@\d+)?-?|(poisson|gamma|cox|aft)-nloglik|gamma-deviance"
    r"|tweedie-nloglik(@[\d.]+)?|interval-regression-accuracy)"
)
_OBJECTIVE = (
    r"(reg:(squarederror|squaredlogerror|logistic|pseudohubererror|absoluteerror|gamma|tweedie)"
    r"|binary:(logistic|logitraw|hinge)|count:poisson|survival:(cox|aft)"
    r"|multi:(softmax|softprob)|rank:(ndcg|map|pairwise))"
)

PARAMETERS = (
    Parameter("num_round", "int", low=1, required=True),
    Parameter("objective", "str", pattern=_OBJECTIVE),
    Parameter("eval_metric", "str", pattern=rf"\[?\"?{_METRIC}\"?(\s*,\s*\"?{_METRIC}\"?)*\]?"),
    Parameter("num_class", "int", low=2),
    Parameter("base_score", "float"),
    Parameter("booster", "str", choices=("gbtree", "gblinear", "dart")),
    Parameter("early_stopping_rounds", "int", low=1),
    Parameter("csv_weights", "str", choices=_SWITCH),
    Parameter("verbosity", "int", low=0, high=3),
    Parameter("nthread", "int", low=1),
    Parameter("seed", "int"),
    Parameter("eta", low=0, high=1),
    Parameter("gamma", low=0),
    Parameter("alpha", low=0),
    Parameter("lambda", low=0),
    Parameter("max_depth", "int", low=0),
    Parameter("max_leaves", "int", low=0),
    Parameter("max_bin", "int", low=2),
    Parameter("max_delta_step", low=0),
    Parameter("min_child_weight", low=0),
    Parameter("subsample", low=0, high=1, open_low=True),
    Parameter("colsample_bytree", low=0, high=1, open_low=True),
    Parameter("colsample_bylevel", low=0, high=1, open_low=True),
    Parameter("colsample_bynode", low=0, high=1, open_low=True),
    Parameter("grow_policy", "str", choices=("depthwise", "lossguide")),
    Parameter("tree_method", "str", choices=("auto", "exact", "approx", "hist", "gpu_hist")),
    Parameter("scale_pos_weight", low=0),
    Parameter("interaction_constraints", "json"),
    Parameter("monotone_constraints", "str", pattern=r"\(.*\)|\[.*\]|\{.*\}"),
    Parameter("tweedie_variance_power", low=1, high=2, open_low=True),
    Parameter("updater", "str"),
    Parameter("refresh_leaf", "str", choices=_SWITCH),
    Parameter("process_type", "str", choices=("default", "update")),
    Parameter("sample_type", "str", choices=("uniform", "weighted")),
    Parameter("normalize_type", "str", choices=("tree", "forest")),
    Parameter("rate_drop", low=0, high=1),
    Parameter("one_drop", "str", choices=_SWITCH),
    Parameter("skip_drop", low=0, high=1),
    Parameter("save_model_on_termination", "bool"),
)

ALGORITHM = Algorithm(
    name="xgboost",
    repositories=("sagemaker-xgboost",),
    module="jupyter_ml.algorithms.xgboost",
    parameters=PARAMETERS,
    required_channels=("train",),
    optional_channels=("validation",),
    metrics=r"(train|validation):.+",
)
