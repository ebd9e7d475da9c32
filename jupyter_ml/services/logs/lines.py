"""Lines in the log of one member, each with its position and its time, in both directions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.core.attempts import AttemptRef
    from jupyter_ml.core.runtime import Engine

MOST_LINES = 10_000
MOST_BYTES = 1 << 20
# What has no end for longer than this is given out in pieces, as CloudWatch Logs has them.
LONGEST_LINE = 256_000
_BLOCK = 1 << 20
# A character has at most so many bytes; a block does not end within one.
_CHARACTER = 4


class Line(NamedTuple):
    """A line: where it begins, what it says without its end, and when it was written."""

    offset: int
    end: int
    time: float
    text: str


class Page(NamedTuple):
    """Lines, where they begin and end, and whether nothing more is there behind them."""

    lines: list[Line]
    begin: int
    end: int
    at_end: bool


class Span(NamedTuple):
    """Which lines are wanted: from a time on, before a time, and how many at most."""

    since: float | None = None
    until: float | None = None
    most: int = MOST_LINES

    def has(self, time: float) -> bool:
        """Return whether a time is in it."""
        return (self.since is None or time >= self.since) and not self.is_over(time)

    def is_over(self, time: float) -> bool:
        """Return whether a time is after it."""
        return self.until is not None and time >= self.until


@dataclass(frozen=True)
class Lines:
    """The lines of one log, which may grow.

    Parameters
    ----------
    engine, ref, member
        Whose log.
    began
        Time (epoch seconds) of lines that were written without marks.
    grows
        Whether more may be written: then a last line without an end is not given out yet.
    """

    engine: Engine
    ref: AttemptRef
    member: int
    began: float
    grows: bool

    def since(self, offset: int, span: Span) -> Page:
        """Return the lines from a position on."""
        offset = min(max(offset, self._line_start(self._reached(span.since))), self._end())
        begin = offset
        found: list[Line] = []
        taken = 0
        while True:
            chunk = self._chunk(offset, _BLOCK)
            # Nothing follows at the end, and where what followed was rotated away.
            is_cut = len(chunk.data) < _BLOCK - _CHARACTER and chunk.next_offset < chunk.end
            is_whole = is_cut or (chunk.next_offset >= chunk.end and not self.grows)
            lines = list(self._lines(chunk.data, chunk.offset, is_whole=is_whole))
            for line in lines:
                taken += len(line.text)
                full = len(found) == span.most or (taken > MOST_BYTES and found)
                if full or span.is_over(line.time):
                    return Page(found, begin, offset, at_end=False)
                offset = line.end
                if span.has(line.time):
                    found.append(line)
            if not lines or offset >= chunk.end:
                return Page(found, begin, offset, at_end=True)

    def before(self, offset: int, span: Span) -> Page:
        """Return the last lines that end at a position or before it."""
        end = begin = self._complete_end(offset)
        found: list[Line] = []
        taken = 0
        while begin > 0:
            lines = self._block_before(begin)
            for line in reversed(lines):
                taken += len(line.text)
                full = len(found) == span.most or (taken > MOST_BYTES and found)
                is_early = span.since is not None and line.time < span.since
                if full or is_early:
                    return Page(found[::-1], begin, end, at_end=False)
                begin = line.offset
                if span.has(line.time):
                    found.append(line)
            if not lines:
                break
        return Page(found[::-1], begin, end, at_end=False)

    def _chunk(self, offset: int, limit: int) -> Any:
        return self.engine.logs(self.ref, self.member, offset, limit)

    def _end(self) -> int:
        end: int = self._chunk(0, 1).end
        return end

    def _lines(self, data: bytes, offset: int, *, is_whole: bool) -> Iterator[Line]:
        """Yield the lines in some bytes; a last one without an end only where nothing follows."""
        times = self.engine.marks(self.ref, self.member)  # after the bytes: they have marks then
        offsets = [mark.offset for mark in times]
        at = 0
        while at < len(data):
            newline = data.find(b"\n", at)
            stop = newline if newline >= 0 else len(data)
            if stop - at > LONGEST_LINE:
                stop = end = at + LONGEST_LINE
            elif newline >= 0:
                end = newline + 1
            elif is_whole:
                end = stop
            else:
                return
            index = bisect_right(offsets, offset + at) - 1
            time = times[index].time if index >= 0 else self.began
            text = data[at:stop].removesuffix(b"\r").decode("utf-8", "replace")
            yield Line(offset + at, offset + end, time, text)
            at = end

    def _reached(self, time: float | None) -> int:
        """Return a position that no line written at `time` or later begins before."""
        if time is None:
            return 0
        marks = self.engine.marks(self.ref, self.member)
        if not marks:
            return 0
        index = bisect_left([mark.time for mark in marks], time)
        return self._end() if index == len(marks) else marks[index].offset

    def _line_start(self, offset: int) -> int:
        """Return the first position from `offset` on at which a line begins."""
        if offset <= 0:
            return 0
        chunk = self._chunk(offset - 1, LONGEST_LINE)
        if chunk.offset != offset - 1:
            return offset
        newline = chunk.data.find(b"\n")
        return offset + int(max(0, newline))

    def _complete_end(self, offset: int) -> int:
        """Return the end of the last complete line that ends at `offset` or before it."""
        end = self._end()
        if offset < end or not self.grows:
            return min(offset, end)
        chunk = self._chunk(max(0, end - LONGEST_LINE), LONGEST_LINE)
        newline = chunk.data.rfind(b"\n")
        return int(chunk.offset + newline + 1 if newline >= 0 else chunk.offset)

    def _block_before(self, offset: int) -> list[Line]:
        """Return lines that end at `offset`, the nearest ones; none at the beginning."""
        start = self._line_start(max(0, offset - _BLOCK))
        chunk = self._last_before(offset, start) or self._last_before(offset, 0)
        if chunk is None:
            return []
        data = chunk.data[: offset - chunk.offset]
        return list(self._lines(data, chunk.offset, is_whole=True))

    def _last_before(self, offset: int, at: int) -> Any:
        """Return the last piece before `offset`, looked for from a position on.

        From near `offset` on there is none where it is just behind what was rotated away.
        """
        last = None
        while at < offset:
            chunk = self._chunk(at, min(_BLOCK, offset - at))
            if not chunk.data or chunk.offset >= offset:
                break
            last, at = chunk, chunk.next_offset
        return last
