"""What each tracker does for `tracking.py`, in a process and an environment of its own.

`python trackers.py NAME FOLDER` takes tasks as lines on its input and answers each with a line of
JSON: the seconds that it took, and what was found, so that answers can be compared.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

PARAMETERS = 20
POINTS = 100


def parameters(run: int) -> dict[str, float]:
    """Return the parameters of a run."""
    return {f"p{number}": run + number / 10 for number in range(PARAMETERS)}


def values(run: int) -> list[float]:
    """Return the points of a run."""
    return [run + 1 / (step + 1) for step in range(POINTS)]


class Ours:
    """jupyter_ml; `batched` with `ml.batch()` around the loop of runs."""

    def __init__(self, folder: Path, *, batched: bool) -> None:
        os.environ["JUPYTER_ML_WORKSPACE"] = str(folder)
        import jupyter_ml as ml  # noqa: PLC0415  (each tracker imports only its own)
        from jupyter_ml.toolkit import session  # noqa: PLC0415

        self._ml, self._batched = ml, batched
        self._client = session.client()

    def points(self, count: int) -> float:
        """Log one point a call; return the last value."""
        ml = self._ml
        with ml.run("points"):
            for step in range(count):
                ml.log(loss=step)
        request = {"RunName": self._newest("points"), "MaxPoints": 2}
        (series,) = self._client.call("GetRunMetrics", request)["Series"]
        return float(series["Values"][-1])

    def runs(self, first: int, count: int) -> None:
        """Make runs."""
        if self._batched:
            with self._ml.batch():
                self._each(first, count)
        else:
            self._each(first, count)

    def _each(self, first: int, count: int) -> None:
        ml = self._ml
        for run in range(first, first + count):
            with ml.run("sweep", **parameters(run)):
                for value in values(run):
                    ml.log(loss=value)

    def listed(self) -> int:
        """List all runs; return how many of the sweep there are."""
        found, token = 0, None
        while True:
            page = self._client.call(
                "ListTrialComponents",
                {"MaxResults": 100, **({"NextToken": token} if token else {})},
            )
            found += sum(
                one["TrialComponentName"].startswith("sweep")
                for one in page["TrialComponentSummaries"]
            )
            token = page.get("NextToken")
            if token is None:
                return found

    def found(self) -> int:
        """Find the first run by a parameter and a metric; return how many there are."""
        request = {
            "Resource": "ExperimentTrialComponent",
            "SearchExpression": {
                "Filters": [
                    {"Name": "Parameters.p3", "Operator": "Equals", "Value": "0.3"},
                    {"Name": "Metrics.loss", "Operator": "GreaterThan", "Value": "0"},
                ]
            },
            "MaxResults": 100,
        }
        return len(self._client.call("Search", request)["Results"])

    def _newest(self, base: str) -> str:
        request = {"ResourceType": "TrialComponent", "BaseName": base}
        return f"{base}-{self._client.call('GetLastNumber', request)['Number']}"

    def curve(self) -> list[float]:
        """Read the points of the first run."""
        (series,) = self._client.call("GetRunMetrics", {"RunName": "sweep-1"})["Series"]
        return list(series["Values"])


class MLflow:
    """MLflow's client on a store of its own."""

    def __init__(self, uri: str) -> None:
        os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ALLOW_FILE_STORE="true")
        import mlflow  # noqa: PLC0415  (each tracker imports only its own)

        mlflow.set_tracking_uri(uri)
        self._mlflow = mlflow
        self._client = mlflow.MlflowClient()
        self._sweep = self._client.create_experiment("sweep")
        self._other = self._client.create_experiment("points")

    def points(self, count: int) -> float:
        """Log one point a call; return the last value."""
        run = self._client.create_run(self._other).info.run_id
        for step in range(count):
            self._client.log_metric(run, "loss", step, step=step)
        return float(self._client.get_run(run).data.metrics["loss"])

    def runs(self, first: int, count: int) -> None:
        """Make runs, each with one call for all of its parameters and points."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        now = int(time.time() * 1000)
        for run in range(first, first + count):
            made = self._client.create_run(self._sweep).info.run_id
            given = [Param(name, str(value)) for name, value in parameters(run).items()]
            points = [
                Metric("loss", value, now + step, step) for step, value in enumerate(values(run))
            ]
            self._client.log_batch(made, params=given, metrics=points)
            self._client.set_terminated(made)

    def listed(self) -> int:
        """List all runs of the sweep."""
        return len(self._mlflow.search_runs([self._sweep], max_results=50_000))

    def found(self) -> int:
        """Find the first run by a parameter and a metric; return how many there are."""
        wanted = "params.p3 = '0.3' and metrics.loss > 0"
        return len(self._client.search_runs([self._sweep], wanted, max_results=100))

    def curve(self) -> list[float]:
        """Read the points of the first run."""
        oldest = self._client.search_runs([self._sweep], order_by=["attributes.start_time ASC"])
        history = self._client.get_metric_history(oldest[0].info.run_id, "loss")
        return [one.value for one in sorted(history, key=lambda one: one.step)]


class TensorBoard:
    """tensorboardX, which writes the event files that TensorBoard shows."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import SummaryWriter  # noqa: PLC0415  (each imports only its own)

        self._folder, self._writer = folder, SummaryWriter

    def points(self, count: int) -> float:
        """Log one point a call; return the last value."""
        folder = self._folder / f"points-{time.monotonic_ns()}"
        writer = self._writer(str(folder))
        for step in range(count):
            writer.add_scalar("loss", step, step)
        writer.close()
        return self._read(folder)[-1]

    def runs(self, first: int, count: int) -> None:
        """Make runs; their parameters are a text, as TensorBoard has no others."""
        for run in range(first, first + count):
            writer = self._writer(str(self._folder / "sweep" / f"{run:06d}"))
            writer.add_text("parameters", json.dumps(parameters(run)))
            for step, value in enumerate(values(run)):
                writer.add_scalar("loss", value, step)
            writer.close()

    def listed(self) -> int:
        """Open all runs, which is how TensorBoard learns of them."""
        return sum(1 for folder in (self._folder / "sweep").iterdir() if self._read(folder))

    def curve(self) -> list[float]:
        """Read the points of the first run."""
        return self._read(self._folder / "sweep" / "000000")

    def _read(self, folder: Path) -> list[float]:
        from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415
            EventAccumulator,
        )

        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        return [event.value for event in events.Scalars("loss")]


def made(name: str, folder: Path) -> Any:
    """Return a tracker by its name."""
    if name == "mlflow-sqlite":
        return MLflow(f"sqlite:///{folder}/mlflow.db")
    if name == "mlflow-file":
        return MLflow(f"file:{folder}")
    if name in ("ours", "ours-batched"):
        return Ours(folder, batched=name == "ours-batched")
    return TensorBoard(folder)


def main() -> None:
    """Do tasks until the input ends."""
    tracker = made(sys.argv[1], Path(sys.argv[2]))
    # libraries may print
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = itertools.count()
    for line in sys.stdin:
        task, *numbers = line.split()
        arguments = [int(number) for number in numbers]
        if task == "runs":
            arguments.insert(0, next(first) * arguments[0])
        started = time.perf_counter()
        found = getattr(tracker, task)(*arguments)
        seconds = time.perf_counter() - started
        answers.write(json.dumps({"seconds": seconds, "found": found}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
