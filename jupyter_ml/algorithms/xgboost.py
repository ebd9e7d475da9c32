"""Gradient boosted trees as SageMaker's XGBoost image runs them; started as a job's program."""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import xgboost

from jupyter_ml.algorithms.tables import DataError, Table, channel_folder, read_table
from jupyter_ml.algorithms.xgboost_parameters import ALGORITHM
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.harness.model import MANIFEST, trained_by
from jupyter_ml.harness.records import write_json, write_progress

ARTIFACT = "xgboost-model"
_OWN = ("num_round", "early_stopping_rounds", "csv_weights", "save_model_on_termination")


def main() -> None:
    """Train on the channels `train` and `validation`, and save `xgboost-model`."""
    config = Path(os.environ["SM_INPUT_CONFIG_DIR"])
    values = ALGORITHM.parse(json.loads((config / "hyperparameters.json").read_text()))
    channels = json.loads((config / "inputdataconfig.json").read_text())
    matrices = _matrices(channels, weighted=values.get("csv_weights") == "1")
    booster = _fit(values, matrices)
    _save(booster, Path(os.environ["SM_MODEL_DIR"]))


def booster_parameters(values: dict[str, Any], gpus: int) -> dict[str, Any]:
    """Return what XGBoost itself is given, of the job's hyperparameters."""
    parameters = {name: value for name, value in values.items() if name not in _OWN}
    if "eval_metric" in parameters:
        names = parameters["eval_metric"].strip("[]").split(",")
        parameters["eval_metric"] = [name.strip(' "') for name in names]
    if gpus or parameters.get("tree_method") == "gpu_hist":
        parameters["device"] = "cuda"
    if parameters.get("tree_method") == "gpu_hist":
        parameters["tree_method"] = "hist"
    parameters.setdefault("nthread", int(os.environ.get("SM_NUM_CPUS", "1")))
    return parameters


def _matrices(channels: dict[str, dict[str, str]], *, weighted: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("train", "validation"):
        folder = channel_folder(name)
        if folder is not None:
            kind = channels[name].get("ContentType")
            table = read_table(folder, kind, weighted=weighted)
            _require_width(name, table, found)
            found[name] = xgboost.DMatrix(table.features, table.labels, weight=table.weights)
            _say(f"{name}: {found[name].num_row()} rows, {found[name].num_col()} columns")
    return found


def _require_width(name: str, table: Table, found: dict[str, Any]) -> None:
    if "train" in found and table.features.shape[1] > found["train"].num_col():
        msg = (
            f"The channel {name!r} has {table.features.shape[1]} feature columns and the channel "
            f"'train' has {found['train'].num_col()}; they must have the same."
        )
        raise DataError(msg)


def _fit(values: dict[str, Any], matrices: dict[str, Any]) -> Any:
    rounds = values["num_round"]
    if "early_stopping_rounds" in values and "validation" not in matrices:
        raise DataError("early_stopping_rounds needs a channel 'validation'.")
    report = Reporter(rounds, saves=values.get("save_model_on_termination", False))
    try:
        return xgboost.train(
            booster_parameters(values, int(os.environ.get("SM_NUM_GPUS", "0"))),
            matrices["train"],
            num_boost_round=rounds,
            evals=[(matrix, name) for name, matrix in matrices.items()],
            early_stopping_rounds=values.get("early_stopping_rounds"),
            verbose_eval=False,
            callbacks=[report],
        )
    except xgboost.core.XGBoostError as error:
        raise DataError(_first_line(error)) from None
    finally:
        report.close()


class Reporter(xgboost.callback.TrainingCallback):
    """Prints and logs each round, and ends the training when it is told to stop.

    Parameters
    ----------
    rounds
        Number of rounds, for the progress.
    saves
        Whether a stop ends the training after the running round, so that the model is saved.
    """

    def __init__(self, rounds: int, *, saves: bool) -> None:
        super().__init__()
        folder = os.environ.get("JUPYTER_ML_RUN_DIR")
        self._writer = Writer(folder) if folder else None
        self._attempt = os.environ.get("JUPYTER_ML_ATTEMPT_DIR")
        self._rounds = rounds
        self._stopped = False
        if saves:
            signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """Tell the metrics of a round; return whether the training shall end."""
        shown = [f"[{epoch}]"]
        for channel, series in evals_log.items():
            for metric, points in series.items():
                shown.append(f"{channel}-{metric}:{points[-1]:.5f}")
                if self._writer:
                    self._writer.log(f"{channel}:{metric}", points[-1], step=epoch)
        # the image's log escapes tabs so, and users' regular expressions expect it
        _say("#011".join(shown))
        if self._attempt:
            write_progress(Path(self._attempt), epoch + 1, self._rounds, "rounds")
        return self._stopped

    def close(self) -> None:
        """Write the last points."""
        if self._writer:
            self._writer.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _first_line(error: Exception) -> str:
    """Return what XGBoost says is wrong, without its source location and stack."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rpartition(": ")[2] or lines[0]


def _save(booster: Any, folder: Path) -> None:
    # the library tells the format from the ending, which the artifact does not have
    booster.save_model(folder / f"{ARTIFACT}.ubj")
    (folder / f"{ARTIFACT}.ubj").replace(folder / ARTIFACT)
    libraries = {name: metadata.version(name) for name in ("numpy", "scipy")}
    libraries["xgboost"] = sys.modules["xgboost"].__version__
    manifest = {
        "format": "xgboost",
        "file": ARTIFACT,
        "class": "xgboost.core.Booster",
        "outputs": [],
        "features": None,
        "n_features": booster.num_features(),
        **trained_by(),
        "libraries": libraries,
    }
    write_json(folder / MANIFEST, manifest)


if __name__ == "__main__":
    main()
