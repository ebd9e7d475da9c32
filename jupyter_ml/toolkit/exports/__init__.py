"""Runs for other tools: to an MLflow server or store, and to TensorBoard's event files.

A run is read through its client (`record.py`), so runs of a shared workspace are exported as well,
and written by the other tool's own library, which an extra brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from jupyter_ml.client import Client


class Exportable:
    """What training jobs and runs offer for other tools; they have a `name` and a client."""

    name: Any
    _client: Client

    def _flush(self) -> None:
        """Write what was logged in this process and is not on disk yet: nothing of a job."""

    def to_mlflow(
        self, tracking_uri: str | None = None, experiment: str | None = None, *, model: bool = False
    ) -> Any:
        """Export to MLflow; what was exported before is brought up to date, not doubled.

        Parameters
        ----------
        tracking_uri
            Such as `"http://127.0.0.1:5000"` or `"sqlite:///mlflow.db"`; by default MLflow's own
            (`MLFLOW_TRACKING_URI`).
        experiment
            Name of the experiment there, made if it is missing; by default this name without its
            number.
        model
            Whether the model's archive goes along, as the artifact `model/model.tar.gz`.

        Returns
        -------
        mlflow.entities.Run
            With parameters, all points of all metrics, tags, state and times.

        Raises
        ------
        MLError
            MLflow is missing or refuses, or there is no model to export; says which.
        """
        self._flush()
        return to_mlflow(self._client, self.name, tracking_uri, experiment, model=model)

    def to_tensorboard(self, logdir: str | os.PathLike[str]) -> Path:
        """Write TensorBoard's event files, in place of those of an earlier export.

        Parameters
        ----------
        logdir
            What TensorBoard is started with; each run gets a folder of its name below it.

        Returns
        -------
        Path
            That folder.

        Raises
        ------
        MLError
            TensorBoard is missing.
        """
        self._flush()
        return to_tensorboard(self._client, self.name, logdir)


def to_mlflow(
    client: Client,
    name: str,
    tracking_uri: str | None,
    experiment: str | None = None,
    *,
    model: bool = False,
) -> Any:
    """Export a training job or run of this name; otherwise as `Exportable.to_mlflow`."""
    from jupyter_ml.toolkit.exports.mlflow import export  # noqa: PLC0415  (rarely used)
    from jupyter_ml.toolkit.exports.record import recorded_run  # noqa: PLC0415

    return export(recorded_run(client, name, model=model), tracking_uri, experiment)


def to_tensorboard(client: Client, name: str, logdir: str | os.PathLike[str]) -> Path:
    """Export a training job or run of this name; otherwise as `Exportable.to_tensorboard`."""
    from jupyter_ml.toolkit.exports.record import recorded_run  # noqa: PLC0415  (rarely used)
    from jupyter_ml.toolkit.exports.tensorboard import export  # noqa: PLC0415

    return export(recorded_run(client, name), logdir)
