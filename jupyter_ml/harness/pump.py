"""What a program prints, on its way to the log: metrics and progress bars are read from it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_LINE = 64 * 1024
_PROGRESS_INTERVAL_S = 0.2
_NUMBER = r"\d+(?:\.\d+)?[kMGT]?"
_BAR = re.compile(
    rf"^\s*(?:(?P<label>.*?):?\s+)?\d{{1,3}}%\|[^|]*\|\s*(?P<current>{_NUMBER})/(?P<total>{_NUMBER})"
    r"\s*\[(?P<elapsed>[\d:]+)<(?P<eta>[\d:?]+)"
)
_COUNT = re.compile(rf"^\s*(?:(?P<label>.*?):\s+)?(?P<current>{_NUMBER})it \[[\d:]+,")
_SCALE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


class Progress(NamedTuple):
    """How far a progress bar is; `total` and `eta_s` are `None` where the bar has none."""

    current: float
    total: float | None
    label: str | None
    eta_s: float | None


def read_bar(text: str) -> Progress | None:
    """Return what a progress bar in the style of tqdm says, `None` for any other text."""
    found = _BAR.match(text)
    if found:
        return Progress(
            _amount(found["current"]),
            _amount(found["total"]),
            found["label"] or None,
            _seconds(found["eta"]),
        )
    found = _COUNT.match(text)
    if found:
        return Progress(_amount(found["current"]), None, found["label"] or None, None)
    return None


class Pump:
    """Pass output on by whole lines; of a bar that redraws itself only the last state stays.

    Parameters
    ----------
    write
        Takes the bytes for the log.
    definitions
        Pairs of a metric's name and its regular expression, whose first group is the value.
    on_metric
        Called with name and value of each match.
    on_progress
        Called with each state of a progress bar, a few times a second at most.
    """

    def __init__(
        self,
        write: Callable[[bytes], Any],
        definitions: Iterable[tuple[str, str]],
        on_metric: Callable[[str, float], Any],
        on_progress: Callable[[Progress], Any],
    ) -> None:
        self._write = write
        self._definitions = [(name, re.compile(regex)) for name, regex in definitions]
        self._on_metric = on_metric
        self._on_progress = on_progress
        self._rest = b""
        self._shown_at = 0.0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of output."""
        head, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            self._rest = self._held(self._rest + rest)
            return
        block = self._rest + head + newline
        self._rest = b""
        if self._definitions or b"\r" in block:
            block = b"".join(self._line(line) for line in block.split(b"\n")[:-1])
        self._write(block)
        self._rest = self._held(rest)

    def finish(self) -> None:
        """Pass on what came after the last line end."""
        if self._rest:
            self._write(self._line(self._rest))
            self._rest = b""

    def _line(self, line: bytes) -> bytes:
        line = line.rstrip(b"\r")
        if b"\r" in line:
            line = line.rpartition(b"\r")[2]
            self._show(line, final=True)
        if self._definitions:
            self._measure(line.decode("utf-8", "replace"))
        return line + b"\n"

    def _held(self, rest: bytes) -> bytes:
        """Return what is kept of a line that has not ended."""
        if b"\r" in rest:
            drawn, _, tail = rest.rpartition(b"\r")
            state = tail or drawn.rpartition(b"\r")[2]
            self._show(state, final=False)
            return b"\r" + state + (b"" if tail else b"\r")
        if len(rest) > _LONGEST_LINE:
            self._write(rest)
            return b""
        return rest

    def _show(self, state: bytes, *, final: bool) -> None:
        now = time.monotonic()
        if not final and now - self._shown_at < _PROGRESS_INTERVAL_S:
            return
        progress = read_bar(state.decode("utf-8", "replace"))
        if progress:
            self._shown_at = now
            self._on_progress(progress)

    def _measure(self, text: str) -> None:
        for name, regex in self._definitions:
            for found in regex.finditer(text):
                try:
                    value = float(found.group(1) if regex.groups else found.group())
                except (TypeError, ValueError):
                    continue
                self._on_metric(name, value)


def _amount(text: str) -> float:
    scale = _SCALE.get(text[-1])
    return float(text[:-1]) * scale if scale else float(text)


def _seconds(text: str) -> float | None:
    if "?" in text:
        return None
    total = 0
    for part in text.split(":"):
        total = total * 60 + int(part or 0)
    return float(total)
