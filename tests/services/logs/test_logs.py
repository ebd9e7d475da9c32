"""Logs by lines: where each is, when it was written, in both directions, while they grow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.composition import attend
from jupyter_ml.contract.errors import ResourceNotFound
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.logs import LogWriter
from jupyter_ml.engine.marks import FILE, INTERVAL_S, MarkWriter, read_marks
from jupyter_ml.engine.work import Work
from jupyter_ml.services.logs.lines import LONGEST_LINE, Line, Lines, Span
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from pathlib import Path


class Written:
    """A log that a test writes to, a real engine reads, and `Lines` finds lines in."""

    def __init__(self, root: Path, **limits: int) -> None:
        self.folder = root / "attempt" / "members" / "0"
        self.folder.mkdir(parents=True)
        self.writer = LogWriter(str(self.folder), **limits)
        self._ref = AttemptRef("TrainingJob", "a", 1, "token", root / "attempt")
        self._engine = LocalEngine(root)

    def lines(self, *, grows: bool = False) -> Lines:
        return Lines(self._engine, self._ref, 0, began=5.0, grows=grows)

    def mark(self, *marks: tuple[int, float]) -> None:
        text = "".join(f"{offset} {time}\n" for offset, time in marks)
        (self.folder / FILE).write_text(text)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def backwards(lines: Lines, most: int) -> list[str]:
    """Return all texts, read from the end."""
    found: list[str] = []
    before = 1 << 40
    while (page := lines.before(before, Span(most=most))).lines:
        found = texts(page.lines) + found
        before = page.begin
    return found


def forwards(lines: Lines, most: int) -> list[str]:
    """Return all texts, read from the beginning."""
    found: list[str] = []
    offset = 0
    while (page := lines.since(offset, Span(most=most))).lines:
        found += texts(page.lines)
        offset = page.end
    return found


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_every_line_is_read_once_in_either_direction(written: Written, most: int) -> None:
    expected = [f"line {number} {'ä' * (number % 7)}" for number in range(40)] + ["", "no end"]
    written.writer.write("\n".join(expected).encode())
    assert forwards(written.lines(), most) == expected
    assert backwards(written.lines(), most) == expected


def test_a_line_that_may_go_on_is_not_given_out_yet(written: Written) -> None:
    written.writer.write(b"whole\npar")
    growing = written.lines(grows=True)
    page = growing.since(0, Span())
    assert texts(page.lines) == ["whole"]
    assert texts(growing.before(1 << 40, Span()).lines) == ["whole"]
    written.writer.write(b"tial\n")
    assert texts(growing.since(page.end, Span()).lines) == ["partial"]


def test_a_line_without_an_end_for_long_comes_in_pieces(written: Written) -> None:
    text = "x" * (LONGEST_LINE * 2 + 10)
    written.writer.write(f"before\n{text}\nafter\n".encode())
    for found in (forwards(written.lines(), 1), backwards(written.lines(), 1)):
        assert found[0] == "before"
        assert "".join(found[1:-1]) == text
        assert found[-1] == "after"
        assert max(map(len, found)) <= LONGEST_LINE


def test_what_was_rotated_away_is_passed_over_in_either_direction(tmp_path: Path) -> None:
    written = Written(tmp_path, segment_bytes=4096, segments=3)
    for number in range(4000):
        written.writer.write(f"line {number}\n".encode())
    assert written.writer.dropped
    ahead, back = forwards(written.lines(), 100), backwards(written.lines(), 100)
    assert ahead[0] == back[0] == "line 0"
    assert ahead[-1] == back[-1] == "line 3999"
    assert [text for text in ahead if text in set(back)] == [
        text for text in back if text in set(ahead)
    ]
    assert len(set(ahead) ^ set(back)) <= 2  # the two lines that rotation cut


def test_a_line_has_the_time_of_the_last_mark_before_it(written: Written) -> None:
    written.writer.write(b"one\ntwo\nthree\nfour\n")
    written.mark((0, 10.0), (8, 20.0), (14, 30.0))
    lines = written.lines().since(0, Span()).lines
    assert [(line.text, line.time) for line in lines] == [
        ("one", 10.0),
        ("two", 10.0),
        ("three", 20.0),
        ("four", 30.0),
    ]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (20.0, None, ["three", "four"]),
        (None, 20.0, ["one", "two"]),
        (15.0, 30.0, ["three"]),
        (31.0, None, []),
        (None, 10.0, []),
    ],
)
def test_lines_of_a_time_are_found_in_either_direction(
    written: Written, since: float | None, until: float | None, expected: list[str]
) -> None:
    written.writer.write(b"one\ntwo\nthree\nfour\n")
    written.mark((0, 10.0), (8, 20.0), (14, 30.0))
    span = Span(since=since, until=until)
    assert texts(written.lines().since(0, span).lines) == expected
    assert texts(written.lines().before(1 << 40, span).lines) == expected


def test_a_line_that_a_mark_cuts_has_the_time_of_its_beginning(written: Written) -> None:
    written.writer.write(b"begins and ends\nnext\n")
    written.mark((0, 10.0), (7, 20.0))
    lines = written.lines().since(0, Span()).lines
    assert [line.time for line in lines] == [10.0, 20.0]
    assert texts(written.lines().since(0, Span(since=20.0)).lines) == ["next"]


def test_lines_without_marks_have_the_time_that_the_attempt_began(written: Written) -> None:
    written.writer.write(b"old\n")
    (written.folder / FILE).unlink()
    (line,) = written.lines().since(0, Span(since=5.0)).lines
    assert line.time == 5.0
    assert written.lines().since(0, Span(since=6.0)).lines == []


def test_marks_are_few_when_much_is_written_at_once(tmp_path: Path) -> None:
    marks = MarkWriter(str(tmp_path))
    for offset in range(10_000):
        marks.note(offset)
    found = read_marks(str(tmp_path))
    assert found[0].offset == 0
    assert len(found) <= 1 + (found[-1].time - found[0].time) / INTERVAL_S
    assert found == sorted(found)


def test_a_mark_that_a_full_disk_cut_off_is_passed_over(written: Written) -> None:
    (written.folder / FILE).write_bytes(b"0 10.5\n4 20.")
    assert [mark.time for mark in read_marks(str(written.folder))] == [10.5]


@pytest.fixture
def client(tmp_path: Path) -> LocalClient:
    return LocalClient(fresh_settings(tmp_path), "test")


def run(client: LocalClient, name: str, code: str, members: int = 1) -> None:
    """Run a program as an attempt at a training job, to its end."""
    runtime = client.runtime
    with Context(runtime, Principal("ada", "test")).writing() as ctx:
        row = ctx.find("TrainingJob", name) or ctx.add(
            "TrainingJob", name, request={}, observed={"TrainingJobStatus": "InProgress"}
        )
        argv = (sys.executable, "-S", "-c", code)
        ctx.submit(row, Work(argv=argv, members=members))
        arrived = row

    def has_ended() -> bool:
        attend(runtime)
        with Context(runtime, Principal("ada", "test")).reading() as ctx:
            return not any(attempt.is_live for attempt in ctx.attempts(arrived))

    eventually(has_ended)


def test_the_logs_of_all_members_are_listed_and_read(client: LocalClient) -> None:
    run(client, "a", "print('first'); print('second')", members=2)
    run(client, "b", "print('of b')")
    run(client, "silent", "pass")
    request: dict[str, Any] = {"ResourceType": "TrainingJob"}
    listed = client.call("ListLogStreams", request)["Streams"]
    assert [(each["ResourceName"], each["Member"]) for each in listed] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]
    assert listed[0]["Bytes"] == len("first\nsecond\n")
    assert listed[0]["CreationTime"] <= listed[0]["FirstTime"] <= listed[0]["LastTime"]
    lines = client.call("GetLogLines", {**request, "ResourceName": "a", "Attempt": 1, "Member": 1})
    assert [line["Text"] for line in lines["Lines"]] == ["first", "second"]
    assert lines["Ended"]


def test_logs_are_listed_page_by_page_and_by_the_beginning_of_names(client: LocalClient) -> None:
    for name in ("ab", "ac", "b"):
        run(client, name, "print(1)")
    request: dict[str, Any] = {"ResourceType": "TrainingJob", "NamePrefix": "a", "MaxResults": 1}
    first = client.call("ListLogStreams", request)
    second = client.call("ListLogStreams", {**request, "NextToken": first["NextToken"]})
    found = [each["ResourceName"] for page in (first, second) for each in page["Streams"]]
    assert found == ["ab", "ac"]
    assert "NextToken" not in second


def test_an_attempt_that_never_was_is_not_found(client: LocalClient) -> None:
    run(client, "a", "print(1)")
    with pytest.raises(ResourceNotFound, match="no attempt 2"):
        client.call(
            "GetLogLines", {"ResourceType": "TrainingJob", "ResourceName": "a", "Attempt": 2}
        )
