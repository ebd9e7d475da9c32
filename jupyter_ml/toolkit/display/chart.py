"""A line chart as inline SVG: no script, readable by screen readers, in the theme's colours."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from jupyter_ml.toolkit.display.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 360, 120
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 8, 20
# Distinguishable with colour blindness; dashes tell the curves apart without any colour.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("", "6 3", "2 2", "8 3 2 3", "4 4", "1 3")


def line_chart(title: str, curves: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> str:
    """Return an SVG chart of curves.

    Parameters
    ----------
    title
        Name of what is drawn.
    curves
        Name, steps and values of each curve; values that are not finite are left out.

    Returns
    -------
    str
        Empty when there is no point to draw.
    """
    drawn = [(name, points) for name, steps, values in curves if (points := _points(steps, values))]
    if not drawn:
        return ""
    every = [point for _, points in drawn for point in points]
    low_x, high_x = min(x for x, _ in every), max(x for x, _ in every)
    low_y, high_y = min(y for _, y in every), max(y for _, y in every)
    lines = [
        _curve(index, [_place(point, (low_x, high_x), (low_y, high_y)) for point in points])
        for index, (_, points) in enumerate(drawn)
    ]
    summary = "; ".join(
        f"{name}: {len(points)} points, last {number(points[-1][1])}" for name, points in drawn
    )
    label = escape(f"{title}. {summary}")
    axes = (
        f'<path d="M{_LEFT} {_TOP}V{HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}" fill="none" '
        'stroke="currentColor" stroke-opacity=".35"/>'
        + _text(_LEFT - 4, _TOP + 8, number(high_y), "end")
        + _text(_LEFT - 4, HEIGHT - _BOTTOM, number(low_y), "end")
        + _text(_LEFT, HEIGHT - 6, number(low_x), "start")
        + _text(WIDTH - _RIGHT, HEIGHT - 6, number(high_x), "end")
    )
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" style="color:inherit;max-width:100%"><title>{label}</title>'
        f"{axes}{''.join(lines)}</svg>"
    )


def legend(names: Sequence[str]) -> str:
    """Return the names of the curves of a chart beside their strokes, as HTML."""
    return " ".join(
        f'<span style="white-space:nowrap"><svg width="24" height="8" aria-hidden="true">'
        f"{_stroke(index, 'M0 4H24')}</svg> {escape(name)}</span>"
        for index, name in enumerate(names)
    )


def _points(steps: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    pairs = zip(steps, values, strict=True)
    return [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]


def _place(
    point: tuple[float, float], x_range: tuple[float, float], y_range: tuple[float, float]
) -> tuple[float, float]:
    across = _share(point[0], *x_range) * (WIDTH - _LEFT - _RIGHT)
    up = _share(point[1], *y_range) * (HEIGHT - _TOP - _BOTTOM)
    return _LEFT + across, HEIGHT - _BOTTOM - up


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _curve(index: int, places: list[tuple[float, float]]) -> str:
    if len(places) == 1:
        x, y = places[0]
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[index % 6]}"/>'
    return _stroke(index, "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places))


def _stroke(index: int, path: str) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{_COLOURS[index % 6]}" stroke-width="1.5" '
        f'stroke-dasharray="{_DASHES[index % 6]}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="10" '
        f'fill="currentColor" fill-opacity=".8">{escape(text)}</text>'
    )
