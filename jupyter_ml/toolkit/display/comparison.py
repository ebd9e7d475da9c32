"""How a comparison looks: parameters and inputs that differ, metrics, curves, cell diffs."""

from __future__ import annotations

from html import escape
from typing import Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Shown
from jupyter_ml.toolkit.display.chart import legend, line_chart

_CURVES = 6
_ABSENT = "–"  # noqa: RUF001  (a dash, as tables have it)
_SECTIONS = ("Parameters", "Inputs", "Environment")


def shown_comparison(answer: dict[str, Any], names: list[str]) -> Shown:
    """Return how the answer of `CompareRuns` looks; rows that are the same are left out."""
    runs = [run["Name"] for run in answer["Runs"]]
    sections = {title: _differing(answer.get(title) or []) for title in _SECTIONS}
    metrics = [_metric_row(item) for item in answer.get("Metrics") or []]
    text = [words.lines([("", *runs)])] if not metrics else []
    blocks = []
    for title, rows in {"Metrics": metrics, **sections}.items():
        if rows:
            text += [words.lines([(title, *runs), *rows])]
            blocks.append(words.table(("", *runs), rows, title))
    if not any(sections.values()):
        same = "Parameters, inputs and environment are the same."
        text.append(same)
        blocks.append(words.quiet(same))
    sources = answer.get("Source") or []
    diffs = [source for source in sources if source["Unified"]]
    for source in diffs:
        title = f"Cell: {source['From']} → {source['To']}"
        text += [title, source["Unified"].rstrip()]
        blocks.append(words.folded(title, words.preformatted(source["Unified"])))
    if len(sources) == len(runs) - 1 and not diffs:
        text.append("The cells are the same.")
        blocks.append(words.quiet("The cells are the same."))
    html = words.card(words.heading(" vs ".join(runs), ""), *blocks, _charts(answer))
    return Shown("\n\n".join(text), html, "Compare", {"Names": names}, answer)


def _differing(items: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (item["Name"], *(_text(value) for value in item["Values"]))
        for item in items
        if item["Differs"]
    ]


def _text(value: str | None) -> str:
    if value is None:
        return _ABSENT
    return value if len(value) <= 40 else f"{value[:12]}…{value[-12:]}"


def _metric_row(item: dict[str, Any]) -> tuple[str, ...]:
    cells = []
    deltas = item.get("Deltas") or [None] * len(item["Values"])
    for index, (value, delta) in enumerate(zip(item["Values"], deltas, strict=True)):
        text = _ABSENT if value is None else words.number(value)
        if index and delta is not None:
            text += f" ({words.signed(delta)})"
        if item.get("BestIndex") == index:
            text += " ★"
        cells.append(text)
    return (item["Name"], *cells)


def _charts(answer: dict[str, Any]) -> str:
    charts = []
    for item in (answer.get("Series") or [])[:_CURVES]:
        curves = [(curve["Run"], curve["Steps"], curve["Values"]) for curve in item["Curves"]]
        if all(len(values) < 2 for _, _, values in curves):
            continue
        chart = line_chart(item["Name"], curves)
        names = legend([name for name, _, _ in curves])
        charts.append(
            f'<figure style="display:inline-block;margin:4px 8px 4px 0">{chart}'
            f"<figcaption>{escape(item['Name'])}: {names}</figcaption></figure>"
        )
    return "".join(charts)
