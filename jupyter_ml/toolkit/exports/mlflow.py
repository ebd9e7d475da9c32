"""Runs to MLflow, by MLflow's own client."""

from __future__ import annotations

import json
import math
import os
import posixpath
import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import MLError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_ml.toolkit.exports.record import Point, RecordedRun

_STATES = {"Completed": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}
_BATCH = 1000
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_NAME = 250
_NOT_IN_NAMES = re.compile(r"[^/\w.\- :]")
ARN, CREATED = "jupyter_ml.arn", "jupyter_ml.created"


def export(run: RecordedRun, tracking_uri: str | None, experiment: str | None) -> Any:
    """Write a run; parameters as for `Exportable.to_mlflow`, which also says what comes back."""
    if "mlflow" not in sys.modules:
        # MLflow reports its use to its makers; to export a run is no reason to.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow import MlflowClient  # noqa: PLC0415  (optional, and takes seconds)
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
    except ImportError as error:
        msg = f"MLflow cannot be imported ({error}): pip install 'jupyter-ml[mlflow]'."
        raise MLError(msg) from None
    try:
        return _Target(MlflowClient(tracking_uri), run).write(experiment or run.base)
    except MlflowException as error:
        where = tracking_uri or "MLflow's default store"
        msg = f"{run.name} was not exported to {where}: {error.message}"
        raise MLError(msg) from error


class _Target:
    """One run's place in MLflow."""

    def __init__(self, client: Any, run: RecordedRun) -> None:
        self._client = client
        self._run = run

    def write(self, experiment: str) -> Any:
        found = self._found_or_created(self._experiment_id(experiment))
        run_id = found.info.run_id
        self._add_parameters(run_id, found.data.params)
        self._add_points(run_id, set(found.data.metrics))
        self._add_artifacts(run_id)
        state = _STATES.get(self._run.status)
        if state is None:
            self._client.update_run(run_id, status="RUNNING")
        else:
            ended = self._run.ended_at
            self._client.set_terminated(run_id, state, None if ended is None else _ms(ended))
        return self._client.get_run(run_id)

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _found_or_created(self, experiment_id: str) -> Any:
        tags = self._tags()
        # The time as well: a name that was deleted and used again is another run.
        same = " and ".join(f"tags.`{key}` = '{tags[key]}'" for key in (ARN, CREATED))
        found = self._client.search_runs([experiment_id], same, max_results=1)
        if not found:
            begun = _ms(self._run.created_at)
            return self._client.create_run(experiment_id, begun, tags, self._run.name)
        self._log(found[0].info.run_id, tags=tags)
        return found[0]

    def _tags(self) -> dict[str, str]:
        run, origin = self._run, self._run.origin
        git = origin.get("Git", {})
        known = {
            "mlflow.source.name": origin.get("Notebook"),
            "mlflow.source.type": "NOTEBOOK" if origin.get("Notebook") else "JOB",
            "mlflow.source.git.commit": git.get("Commit"),
            "mlflow.source.git.branch": git.get("Branch"),
            "jupyter_ml.git.dirty": str(git["Dirty"]).lower() if "Dirty" in git else None,
            "jupyter_ml.cell": origin.get("CellId"),
            "jupyter_ml.name": run.name,
            "jupyter_ml.kind": run.kind,
            "jupyter_ml.status": run.status,
            "jupyter_ml.message": run.message,
            ARN: run.arn,
            CREATED: str(_ms(run.created_at)),
        }
        given = {**_renamed(run.tags), **{key: value for key, value in known.items() if value}}
        return {key: _cut(value, _LONGEST_TAG) for key, value in given.items()}

    def _add_parameters(self, run_id: str, there: Mapping[str, str]) -> None:
        given = _renamed(self._run.parameters)
        wanted = {name: _cut(value, _LONGEST_PARAMETER) for name, value in given.items()}
        for name, value in wanted.items():
            if there.get(name, value) != value:
                msg = (
                    f"{self._run.name} was exported with {name}={there[name]!r} and has {value!r} "
                    "now. MLflow never changes a parameter: delete the run there and export again."
                )
                raise MLError(msg)
        new = {name: value for name, value in wanted.items() if name not in there}
        self._log(run_id, parameters=new)
        if wanted != given:
            self._client.log_dict(run_id, given, "parameters.json")

    def _add_points(self, run_id: str, there: set[str]) -> None:
        for name, points in _renamed(self._run.points).items():
            known = {}
            if name in there:
                history = self._client.get_metric_history(run_id, name)
                known = {_key(one.step, one.timestamp, one.value): None for one in history}
            new = _new_points(points, known)
            while batch := list(islice(new, _BATCH)):
                self._log(run_id, metrics=[(name, *point) for point in batch])

    def _add_artifacts(self, run_id: str) -> None:
        if self._run.source:
            self._client.log_text(run_id, self._run.source, "source.txt")
        if self._run.origin:
            text = json.dumps(self._run.origin, indent=2, default=str)
            self._client.log_text(run_id, text, "origin.json")
        if self._run.model is not None:
            self._client.log_artifact(run_id, str(self._run.model), "model")

    def _log(
        self,
        run_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        metrics: Iterable[tuple[str, int, int, float]] = (),
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  (it is loaded)

        self._client.log_batch(
            run_id,
            [Metric(name, value, at, step) for name, step, at, value in metrics],
            [Param(name, value) for name, value in (parameters or {}).items()],
            [RunTag(name, value) for name, value in (tags or {}).items()],
            synchronous=True,
        )


def _new_points(
    points: Iterable[Point], known: dict[object, None]
) -> Iterator[tuple[int, int, float]]:
    """Yield (step, time in ms, value) of the points that are not known, each once."""
    for step, time, value in points:
        at = _ms(time)
        key = _key(step, at, value)
        if key not in known:
            known[key] = None
            yield step, at, value


def _key(step: int, at_ms: int, value: float) -> object:
    """Return what tells points apart, as every store of MLflow gives them back."""
    if math.isnan(value):
        return step, at_ms, "nan"
    # databases keep the largest number there is in the place of infinity
    return step, at_ms, max(-sys.float_info.max, min(sys.float_info.max, value))


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under names that MLflow takes; two that become alike are numbered."""
    renamed: dict[str, Any] = {}
    for name, value in values.items():
        wanted = _NOT_IN_NAMES.sub("_", name)
        if posixpath.normpath(wanted) != wanted or wanted.startswith(("/", "..")) or wanted == ".":
            wanted = wanted.replace("/", "_").strip(".") or "_"
        wanted = free = wanted[: _LONGEST_NAME - 5]
        number = 1
        while free in renamed:
            number += 1
            free = f"{wanted}_{number}"
        renamed[free] = value
    return renamed


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
