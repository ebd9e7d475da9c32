"""Numbers, sizes, times and lists in the words that every display uses."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEPARATOR = " · "
_ICONS = {
    "Completed": "✓",
    "InService": "✓",
    "Failed": "✗",
    "Stopped": "■",
    "Stopping": "■",
    "InProgress": "●",
    "Creating": "●",
    "Updating": "●",
}
_UNITS = ("kB", "MB", "GB", "TB")
STYLE = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5;"
    "border:1px solid var(--jp-border-color2,#8886);border-radius:4px;padding:8px 12px;"
    "margin:4px 0;max-width:720px"
)
_QUIET = "opacity:.75"
_CELL = "padding:1px 16px 1px 0;text-align:left"


def number(value: float) -> str:
    """Return a number with four significant digits, without needless zeros."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def signed(value: float) -> str:
    """Return a difference with its sign, in three significant digits."""
    return f"{value:+.2g}" if value else "±0"


def size(count: float) -> str:
    """Return bytes in the unit that people use: `80 kB`."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in _UNITS:
        count /= 1000
        if count < 999.5 or unit == _UNITS[-1]:
            break
    return f"{count:.3g} {unit}"


def megabytes(count: float) -> str:
    """Return MiB as GiB where that reads better."""
    return f"{count / 1024:.1f} GiB" if count >= 1024 else f"{count:.0f} MiB"


def duration(seconds: float) -> str:
    """Return a time span: `1.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def joined(parts: Iterable[str | None]) -> str:
    """Return the parts that there are, separated by dots."""
    return SEPARATOR.join(part for part in parts if part)


def status_text(status: str) -> str:
    """Return a status with its sign, so that colour never carries it alone."""
    return f"{_ICONS.get(status, '●')} {status}"


def card(*parts: str) -> str:
    """Return HTML parts in a frame."""
    return f'<div style="{STYLE}">{"".join(part for part in parts if part)}</div>'


def heading(name: str, rest: str) -> str:
    """Return the first line of a card."""
    return f"<div><strong>{escape(name)}</strong> {escape(rest)}</div>"


def quiet(text: str) -> str:
    """Return a line of less weight."""
    return f'<div style="{_QUIET}">{escape(text)}</div>' if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return an HTML table; the first column heads its row."""
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};font-weight:normal">{escape(first)}</th>'
        + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    if not body:
        return ""
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in columns)
    title = (
        f'<caption style="text-align:left;font-weight:600">{escape(caption)}</caption>'
        if caption
        else ""
    )
    return (
        f'<table style="border:0;border-collapse:collapse;margin:4px 0">{title}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def lines(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in aligned columns."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def preformatted(text: str) -> str:
    """Return text as HTML that keeps its lines."""
    return (
        '<pre style="margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere;'
        f'font-family:var(--jp-code-font-family,monospace);font-size:12px">{escape(text)}</pre>'
    )


def folded(title: str, content: str) -> str:
    """Return content that opens on demand, without a script."""
    if not content:
        return ""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"
