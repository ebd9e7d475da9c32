"""The log of a member: rotated and capped while it is written, one long text when it is read.

The newest piece is `log`; a full one is renamed to `log.<end>.<lines>`, where `end` is the
position after its last byte and `lines` the number of lines before that position, both counted
from the beginning of the whole log. Of many pieces the first and the newest are kept: the
beginning says how the work was set up, the end why it ended.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from jupyter_ml.engine.marks import MarkWriter

SEGMENT_BYTES = 8 << 20
SEGMENTS = 8
CURRENT = "log"
_RETRIES = 20
_BLOCK = 1 << 20


class LogWriter:
    """Appends to the log of one member; loses bytes rather than raise.

    Attributes
    ----------
    dropped
        Bytes that are not in the log any more, or never were because the disk was full.
    """

    def __init__(
        self, directory: str, segment_bytes: int = SEGMENT_BYTES, segments: int = SEGMENTS
    ) -> None:
        self.dropped = 0
        self._path = os.path.join(directory, CURRENT)
        self._marks = MarkWriter(directory)
        self._segment_bytes = segment_bytes
        self._segments = max(2, segments)
        self._descriptor: int | None = None
        self._size = 0
        self._end = 0
        self._lines = 0

    def write(self, data: bytes) -> None:
        """Append as much as the disk takes; count what it does not."""
        self._marks.note(self._end)
        rest = memoryview(data)
        while rest:
            if self._size >= self._segment_bytes:
                self._rotate()
            taken = self._write_some(rest)
            if not taken:
                self.dropped += len(rest)
                return
            self._size += taken
            self._end += taken
            self._lines += bytes(rest[:taken]).count(b"\n")
            rest = rest[taken:]

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write_some(self, data: memoryview) -> int:
        try:
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(self._path, flags, 0o600)
            # Never beyond the segment, so that rotation is not put off by one huge write.
            return os.write(self._descriptor, data[: self._segment_bytes - self._size])
        except OSError:
            return 0

    def _rotate(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            os.rename(self._path, f"{self._path}.{self._end}.{self._lines}")
            self._size = 0
            full = _rotated(os.path.dirname(self._path))
            for piece in full[1 : max(1, len(full) + 2 - self._segments)]:
                self.dropped += os.stat(piece.path).st_size
                os.unlink(piece.path)


class Piece(NamedTuple):
    """One file of a log; `end` and `lines` count from the beginning of the whole log."""

    end: int
    lines: int
    path: str


class LogText(NamedTuple):
    """What `read_log` found; see `protocol.LogChunk` for the fields."""

    data: bytes
    offset: int
    first_line: int
    end: int
    missing: int


def read_log(directory: str, offset: int, limit: int) -> LogText:
    """Return at most `limit` bytes from `offset` on, while the log may be written to.

    A negative `offset` counts from the end and begins at the start of a line.
    """
    for _ in range(_RETRIES):
        with contextlib.suppress(FileNotFoundError):
            pieces = _rotated(directory)
            text = _read(directory, pieces, offset, limit)
            # A rotation meanwhile may have put another file behind the same name: look again.
            if _rotated(directory) == pieces:
                return text
    return LogText(b"", 0, 1, 0, 0)


def _read(directory: str, rotated: list[Piece], offset: int, limit: int) -> LogText:
    current = os.path.join(directory, CURRENT)
    sizes = [os.stat(piece.path).st_size for piece in rotated]
    sizes.append(os.stat(current).st_size if os.path.exists(current) else 0)
    end = (rotated[-1].end if rotated else 0) + sizes[-1]
    pieces = [*rotated, Piece(end, -1, current)]
    starts = [piece.end - size for piece, size in zip(pieces, sizes, strict=True)]
    from_end = offset < 0
    offset = max(0, end + offset) if from_end else min(offset, end)
    missing = starts[0] + sum(starts[i] - pieces[i - 1].end for i in range(1, len(pieces)))
    index = next((i for i, piece in enumerate(pieces) if offset < piece.end), len(pieces) - 1)
    offset = max(offset, starts[index])
    line = _line_at(pieces, starts, index, offset)
    data = _bytes(pieces[index].path, offset - starts[index], limit)
    while len(data) < limit and index + 1 < len(pieces) and starts[index + 1] == pieces[index].end:
        index += 1
        data += _bytes(pieces[index].path, 0, limit - len(data))
    if from_end and offset > 0:
        skipped = data.find(b"\n") + 1
        data, offset, line = data[skipped:], offset + skipped, line + (1 if skipped else 0)
    return LogText(_whole_characters(data), offset, line, end, missing)


def _rotated(directory: str) -> list[Piece]:
    pieces = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            parts = name.split(".")
            if len(parts) == 3 and parts[0] == CURRENT and parts[1].isdigit():
                pieces.append(Piece(int(parts[1]), int(parts[2]), os.path.join(directory, name)))
    return sorted(pieces)


def _line_at(pieces: list[Piece], starts: list[int], index: int, offset: int) -> int:
    piece, start = pieces[index], starts[index]
    if start == 0:
        before = 0
    elif index and pieces[index - 1].end == start:
        before = pieces[index - 1].lines
    else:
        before = piece.lines - _newlines(piece.path, piece.end - start)
    return 1 + before + _newlines(piece.path, offset - start)


def _newlines(path: str, length: int) -> int:
    count = 0
    with open(path, "rb") as file:
        while length > 0 and (block := file.read(min(length, _BLOCK))):
            count += block.count(b"\n")
            length -= len(block)
    return count


def _bytes(path: str, start: int, length: int) -> bytes:
    if length <= 0 or not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(length)


def _whole_characters(data: bytes) -> bytes:
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:  # ASCII: whole
            return data
        if byte >= 0xC0:  # first byte of a sequence of 2, 3 or 4
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return data[:-back] if length > back and len(data) > back else data
    return data
