"""Tracking: metric points, runs and lists, beside MLflow and TensorBoard.

`.venv/bin/python benchmarks/tracking.py [--publish] [--runs 1000] [--rounds 3]`
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measure

HERE = Path(__file__).parent
PEERS = {
    "mlflow-sqlite": ("mlflow-skinny", "sqlalchemy", "alembic", "pandas"),
    "mlflow-file": ("mlflow-skinny", "sqlalchemy", "alembic", "pandas"),
    "tensorboard": ("tensorboardX", "tensorboard"),
}
TITLES = {
    "ours": "jupyter_ml",
    "ours-batched": "jupyter_ml, `ml.batch()`",
    "mlflow-sqlite": "MLflow, SQLite",
    "mlflow-file": "MLflow, files",
    "tensorboard": "TensorBoard (tensorboardX)",
}
WITHOUT_SEARCH = {"tensorboard"}
# Slow ones do less of the same work in a round; the figures are for each point and each run.
POINTS = {"ours": 300_000, "ours-batched": 300_000, "mlflow-sqlite": 300, "mlflow-file": 1000}
SHARE = {"ours": 1.0, "ours-batched": 1.0}


@dataclass
class Tracker:
    """One contestant's process."""

    name: str
    process: subprocess.Popen[str]
    runs: int = 0
    figures: dict[str, list[float]] = field(default_factory=dict)

    def do(self, task: str, *numbers: int) -> Any:
        """Have a task done; return seconds and what was found."""
        line = " ".join([task, *map(str, numbers)])
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            msg = f"{self.name} ended while it did {line!r}."
            raise RuntimeError(msg)
        return json.loads(answer)

    def points(self) -> float:
        """Return points a second, one call each."""
        count = POINTS.get(self.name, 10_000)
        answer = self.do("points", count)
        check(self.name, answer["found"], count - 1)
        return count / answer["seconds"]

    def make(self, wanted: int) -> float:
        """Return the seconds that a thousand runs take."""
        count = max(1, round(wanted * SHARE.get(self.name, 0.1)))
        seconds = self.do("runs", count)["seconds"]
        self.runs += count
        return float(seconds / count * 1000)

    def list(self) -> float:
        """Return the seconds that a list of a thousand runs takes."""
        answer = self.do("listed")
        check(self.name, answer["found"], self.runs)
        return float(answer["seconds"] / self.runs * 1000)

    def find(self) -> float:
        """Return the seconds that finding one among all runs takes."""
        answer = self.do("found")
        check(self.name, answer["found"], 1)
        return float(answer["seconds"])

    def curve(self) -> float:
        """Return the seconds that reading one run's points takes."""
        answer = self.do("curve")
        expected = [1 / (step + 1) for step in range(100)]
        # event files of TensorBoard hold 32 bits
        near = [round(one, 6) for one in answer["found"]]
        check(self.name, near, [round(one, 6) for one in expected])
        return float(answer["seconds"])


def check(name: str, found: Any, expected: Any) -> None:
    """Refuse a result that is not what was asked for: a faster wrong answer is none."""
    if found != expected:
        msg = f"{name} answered {str(found)[:200]} instead of {str(expected)[:200]}."
        raise RuntimeError(msg)


def started(name: str, folder: Path) -> Tracker:
    """Return a contestant that waits for tasks, its environment installed."""
    python = (
        measure.virtual_environment(f"tracking-{name.partition('-')[0]}", *PEERS[name])
        if name in PEERS
        else Path(sys.executable)
    )
    place = folder / name
    place.mkdir()
    process = subprocess.Popen(
        [python, HERE / "trackers.py", name, place],
        env=measure.environment(JUPYTER_ML_TIMEKEEPER="false"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / f"{name}.log").open("w"),
        text=True,
    )
    return Tracker(name, process)


def main() -> None:
    """Run all contestants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--publish", action="store_true", help="write the table into the docs")
    parser.add_argument("--runs", type=int, default=1000, help="of ours, in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(TITLES), help="contestants")
    options = parser.parse_args()
    measure.BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=measure.BUILD) as folder:
        text = compared(options, Path(folder))
    print(text)
    if options.publish:
        command = ".venv/bin/python benchmarks/tracking.py --publish"
        measure.publish("tracking", command, text)


def compared(options: argparse.Namespace, folder: Path) -> str:
    """Return the table."""
    trackers, missing = [], []
    for name in options.only:
        try:
            tracker = started(name, folder)
            tracker.do("runs", 1)
            tracker.runs = 1
            trackers.append(tracker)
        except RuntimeError as error:
            missing.append(f"{TITLES[name]} was not measured: {error}")
    tasks = {
        "points": lambda tracker: tracker.points(),
        "runs": lambda tracker: tracker.make(options.runs),
        "list": lambda tracker: tracker.list(),
        "curve": lambda tracker: tracker.curve(),
        "found": lambda tracker: tracker.find(),
    }
    figures = {
        task: measure.interleaved(
            {
                tracker.name: lambda one=tracker, do=do: do(one)
                for tracker in trackers
                if task != "found" or tracker.name not in WITHOUT_SEARCH
            },
            options.rounds,
        )
        for task, do in tasks.items()
    }
    for tracker in trackers:
        tracker.process.stdin.close()
        tracker.process.wait(60)
    return report(figures, [tracker.name for tracker in trackers], missing)


def report(figures: dict[str, dict[str, list[float]]], names: list[str], missing: list[str]) -> str:
    """Return the figures as a table, with how many times better ours are."""
    base = "ours-batched" if "ours-batched" in names else names[0]
    lines = []
    for name in names:
        cells = [TITLES[name]]
        for task, form in (("points", "{:,.0f}"), ("runs", "{:.2f} s"), ("list", "{:.0f} ms")):
            ours, theirs = figures[task][base], figures[task][name]
            value = statistics.median(theirs) * (1000 if task == "list" else 1)
            times = measure.ratio(ours, theirs) if task == "points" else measure.ratio(theirs, ours)
            cells.append(form.format(value) + ("" if name == base else f" ({times:,.1f} times)"))
        cells.append(f"{statistics.median(figures['curve'][name]) * 1000:.1f} ms")
        found = figures["found"].get(name)
        cells.append("–" if found is None else f"{statistics.median(found) * 1000:.1f} ms")  # noqa: RUF001
        lines.append(cells)
    columns = [
        "",
        "points a second",
        "1,000 runs",
        "list of 1,000 runs",
        "one curve read",
        "one run found",
    ]
    notes = (
        "Points are logged with one call each. A run has 20 parameters and 100 points: ours "
        "and TensorBoard take a call for each point, MLflow one for all of them. Peers make a "
        "tenth of the runs, and their figures are scaled to 1,000; one run is found by a parameter "
        "and a metric among all that were made, ten times as many in ours. In brackets is how many "
        f"times better {TITLES[base]} is. What each answered was compared with what it was given."
    )
    return "\n\n".join([measure.table(columns, lines), notes, *missing])


if __name__ == "__main__":
    main()
