"""How training jobs look: a card with the curves, a line while waiting, a list."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Shown, bounded
from jupyter_ml.toolkit.display.chart import legend, line_chart
from jupyter_ml.toolkit.display.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_CURVES = 6


def shown_job(update: dict[str, Any]) -> Shown:
    """Return how one training job looks.

    Parameters
    ----------
    update
        Answer of `WatchTrainingJob` without a cursor.
    """
    card = update["Card"]
    name = card["TrainingJobName"]
    failure = update.get("Failure")
    html = words.card(
        words.heading(
            name, words.joined([words.status_text(card["TrainingJobStatus"]), *_facts(card)])
        ),
        _curves(update.get("Series") or []),
        Failure(name, failure)._repr_html_() if failure else "",
        words.folded("Hyperparameters", _hyperparameters(update)),
    )
    request = {"TrainingJobName": name}
    return Shown(status_line(card), html, "TrainingJob", request, bounded(update))


def status_line(card: dict[str, Any], now: float | None = None) -> str:
    """Return a job in one line: `cancer-1 · Training · 40 % · auc 0.981 · 3.2 s`."""
    status = card["TrainingJobStatus"]
    word = status if status in ENDED else card.get("StatusMessage") or card["SecondaryStatus"]
    if card["SecondaryStatus"] == "MaxRuntimeExceeded":
        word = "Stopped at its time limit"
    return words.joined([card["TrainingJobName"], word, *_facts(card, now)])


def shown_jobs(update: dict[str, Any]) -> Shown:
    """Return how a list of jobs looks; `update` is an answer of `WatchTrainingJobs`."""
    cards = update["Jobs"]
    rows = [
        (
            card["TrainingJobName"],
            words.status_text(card["TrainingJobStatus"]),
            _objective(card) or "",
            _elapsed(card, None) or "",
        )
        for card in cards
    ]
    if not rows:
        text = "No training jobs yet. Start a cell with %%ml train --name NAME."
        return Shown(text, words.card(words.quiet(text)), "TrainingJobs", {}, update)
    columns = ("Job", "Status", "Objective", "Time")
    html = words.card(words.table(columns, rows))
    return Shown(words.lines([columns, *rows]), html, "TrainingJobs", {}, update)


def _facts(card: dict[str, Any], now: float | None = None) -> list[str | None]:
    return [_place(card), _progress(card), _objective(card), _elapsed(card, now)]


def _place(card: dict[str, Any]) -> str | None:
    position = card.get("QueuePosition")
    if position is None or card["TrainingJobStatus"] in ENDED:
        return None
    place = "next in the queue" if position == 1 else f"{position - 1} before it in the queue"
    return words.joined([place, card.get("StatusMessage")])


def _progress(card: dict[str, Any]) -> str | None:
    progress = card.get("Progress")
    if not progress or card["TrainingJobStatus"] in ENDED:
        return None
    share = progress.get("Fraction")
    left = progress.get("EtaSeconds")
    return words.joined(
        [
            f"{share:.0%}" if share is not None else f"{progress['Current']:g}",
            progress.get("Label"),
            f"{words.duration(left)} left" if left else None,
        ]
    )


def _objective(card: dict[str, Any]) -> str | None:
    objective = card.get("Objective")
    if not objective:
        return None
    text = f"{objective['Name']} {words.number(objective['Value'])}"
    if objective.get("Delta") is not None and objective.get("Baseline"):
        text += f" ({words.signed(objective['Delta'])} vs {objective['Baseline']})"
    return text


def _elapsed(card: dict[str, Any], now: float | None) -> str | None:
    start = card.get("TrainingStartTime")
    if start is None:
        return None
    end = card.get("TrainingEndTime") or now or time.time()
    return words.duration(max(0.0, end - start))


def _curves(series: Sequence[dict[str, Any]]) -> str:
    """Return one chart per metric that has more than a point, and the rest as a table."""
    charts = [
        line_chart(item["Name"], [(item["Name"], item["Steps"], item["Values"])])
        for item in series
        if len(item["Values"]) > 1
    ][:_CURVES]
    named = [item["Name"] for item in series if len(item["Values"]) > 1][:_CURVES]
    figures = "".join(
        f'<figure style="display:inline-block;margin:4px 8px 4px 0">{chart}'
        f"<figcaption>{legend([name])}</figcaption></figure>"
        for chart, name in zip(charts, named, strict=True)
    )
    rows = [
        (item["Name"], words.number(item["Values"][-1]), str(len(item["Values"])))
        for item in series
        if item["Values"]
    ]
    return figures + words.table(("Metric", "Last", "Points"), rows)


def _hyperparameters(update: dict[str, Any]) -> str:
    values = (update.get("TrainingJob") or {}).get("HyperParameters") or {}
    rows = [(name, value) for name, value in values.items() if not name.startswith("sagemaker_")]
    return words.table(("Name", "Value"), rows)
