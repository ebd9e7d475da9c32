from __future__ import annotations

import io

import pytest

from jupyter_ml.harness.pump import Progress, Pump, read_bar


class Sink:
    def __init__(self, *definitions: tuple[str, str]) -> None:
        self.log = b""
        self.metrics: list[tuple[str, float]] = []
        self.bars: list[Progress] = []
        self.pump = Pump(
            self._write,
            definitions,
            lambda name, value: self.metrics.append((name, value)),
            self.bars.append,
        )

    def _write(self, data: bytes) -> None:
        self.log += data

    def feed(self, *chunks: bytes) -> Sink:
        for chunk in chunks:
            self.pump.feed(chunk)
        self.pump.finish()
        return self


def test_lines_pass_whole_however_they_are_cut() -> None:
    assert Sink().feed(b"on", b"e\ntw", b"o\nthree").log == b"one\ntwo\nthree\n"


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    assert Sink(("a", "x")).feed(b"\xff\xfe\n").log == b"\xff\xfe\n"


def test_a_metric_is_found_across_chunks_and_several_times_in_a_line() -> None:
    sink = Sink(("loss", r"loss=(\S+)")).feed(b"a lo", b"ss=1 b loss=2\nloss=x\nloss=nan\n")
    assert [value for _, value in sink.metrics[:2]] == [1.0, 2.0]
    assert len(sink.metrics) == 3


def test_windows_line_ends_are_no_progress_bars() -> None:
    assert Sink().feed(b"one\r\ntwo\r\n").log == b"one\ntwo\n"


def test_of_a_bar_only_the_last_state_is_logged() -> None:
    states = [f"\r{i}%|#| {i}/100 [00:01<00:09, 9it/s]".encode() for i in range(101)]
    sink = Sink().feed(b"begin\n", *states, b"\nend\n")
    assert sink.log == b"begin\n100%|#| 100/100 [00:01<00:09, 9it/s]\nend\n"
    assert (sink.bars[0].current, sink.bars[-1].current) == (0.0, 100.0)


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    sink = Sink()
    for _ in range(10):
        sink.pump.feed(b"x" * 50_000)
    assert len(sink.log) > 400_000


@pytest.mark.parametrize(
    ("text", "progress"),
    [
        (
            " 12%|█▏        | 12/100 [00:01<00:10,  8.80it/s]",
            Progress(12.0, 100.0, None, 10.0),
        ),
        (
            "epoch 3: 50%|#####     | 1.5k/3.00k [01:02<1:00:05, 1.2kB/s]",
            Progress(1500.0, 3000.0, "epoch 3", 3605.0),
        ),
        ("  0%|          | 0/10 [00:00<?, ?it/s]", Progress(0.0, 10.0, None, None)),
        ("rows: 123it [00:01, 99it/s]", Progress(123.0, None, "rows", None)),
        ("loss 50%", None),
    ],
)
def test_bars_in_the_style_of_tqdm_are_read(text: str, progress: Progress | None) -> None:
    assert read_bar(text) == progress


def test_what_tqdm_really_prints_is_read() -> None:
    tqdm = pytest.importorskip("tqdm")
    file = io.StringIO()
    for _ in tqdm.tqdm(range(30), desc="fit", file=file, mininterval=0):
        pass
    sink = Sink().feed(file.getvalue().encode())
    assert (sink.bars[-1].current, sink.bars[-1].total, sink.bars[-1].label) == (30, 30, "fit")
