from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.core.metrics.metrics import FLUSH_BYTES, RECORD, Writer, scan, tail
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from pathlib import Path


def _log_in_child(directory: str) -> None:
    Writer(directory).log("loss", 0.5, step=7)


def test_points_come_back_in_order_with_their_steps_times_and_values(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.log("loss", 1.0, step=10, time=100.0)
    writer.log("a\nname é", 5, time=101.0)
    writer.log("loss", 0.5, step=20, time=102.0)
    writer.flush()
    series = scan(tmp_path)
    assert series["loss"].to_wire() == {
        "Name": "loss",
        "Steps": [10, 20],
        "Times": [100.0, 102.0],
        "Values": [1.0, 0.5],
    }
    assert series["a\nname é"].values.tolist() == [5.0]


def test_steps_count_up_where_none_is_given(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for step in (None, None, 10, None):
        writer.log("loss", 0.0, step=step)
    writer.flush()
    assert scan(tmp_path)["loss"].steps.tolist() == [0, 1, 10, 11]


def test_points_reach_the_file_without_a_flush(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.log("loss", 1.0)
    assert len(eventually(lambda: scan(tmp_path))["loss"]) == 1


def test_points_are_written_when_the_interpreter_exits(tmp_path: Path) -> None:
    code = (
        "import sys; from jupyter_ml.core.metrics.metrics import Writer\n"
        "writer = Writer(sys.argv[1]); [writer.log('loss', i) for i in range(1000)]"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(scan(tmp_path)["loss"]) == 1000


def test_a_killed_writer_loses_only_its_buffered_tail(tmp_path: Path) -> None:
    code = (
        "import os, sys; from jupyter_ml.core.metrics.metrics import Writer\n"
        "writer = Writer(sys.argv[1]); [writer.log('loss', i) for i in range(100)]\n"
        "writer.flush(); writer.log('loss', -1.0); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert scan(tmp_path)["loss"].values.tolist()[:100] == [float(i) for i in range(100)]


def test_a_writer_killed_in_full_flight_leaves_whole_records_and_all_but_its_tail(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys; from jupyter_ml.core.metrics.metrics import Writer\n"
        "writer, said = Writer(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)\n"
        "value = 0\n"
        "while True:\n"
        "    writer.log('loss', value); value += 1\n"
        "    value % 100 or os.pwrite(said, value.to_bytes(8, 'little'), 0)"
    )
    run, said = tmp_path / "run", tmp_path / "said"
    writing = subprocess.Popen([sys.executable, "-c", code, str(run), str(said)])
    eventually(lambda: sum(file.stat().st_size for file in run.glob("*.points")) > 10**6)
    writing.kill()
    writing.wait()
    values = scan(run)["loss"].values.tolist()
    logged = int.from_bytes(said.read_bytes(), "little")
    assert values == [float(value) for value in range(len(values))]
    assert logged - len(values) <= FLUSH_BYTES / RECORD.size


def test_of_several_values_all_are_logged_at_one_time_or_none(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.log_all({"loss": 0.5, "auc": 1}, step=3)
    with pytest.raises(TypeError, match="'auc' must be a number, not str 'high'"):
        writer.log_all({"loss": 0.25, "auc": "high"})
    with pytest.raises(TypeError, match="step must be a whole number"):
        writer.log_all({"loss": 0.25}, step=0.5)
    writer.flush()
    series = scan(tmp_path)
    assert {name: (one.steps[0], one.values[0]) for name, one in series.items()} == {
        "loss": (3, 0.5),
        "auc": (3, 1.0),
    }
    assert series["loss"].times == series["auc"].times


def test_one_thread_writes_for_all_writers_and_ends_when_nothing_is_logged(
    tmp_path: Path,
) -> None:
    writers = [Writer(tmp_path / str(number)) for number in range(20)]
    for writer in writers:
        writer.log("loss", 1.0)
    flushers = [thread for thread in threading.enumerate() if thread.name == "metrics"]
    assert len(flushers) == 1
    eventually(lambda: all(scan(writer.directory) for writer in writers))
    eventually(lambda: not flushers[0].is_alive())
    writers[0].log("loss", 2.0)
    eventually(lambda: len(scan(writers[0].directory)["loss"]) == 2)


def test_a_torn_record_is_left_for_the_next_read(tmp_path: Path) -> None:
    (tmp_path / "w.names").write_text('"loss"\n')
    whole = RECORD.pack(0, 1, 2.0, 3.0)
    (tmp_path / "w.points").write_bytes(whole + whole[:10])
    points, cursor = tail(tmp_path, None)
    assert len(points["loss"]) == 1
    (tmp_path / "w.points").write_bytes(whole + RECORD.pack(0, 2, 3.0, 4.0))
    points, cursor = tail(tmp_path, cursor)
    assert points["loss"].values.tolist() == [4.0]
    assert tail(tmp_path, cursor) == ({}, cursor)


def test_several_writers_are_merged_by_time(tmp_path: Path) -> None:
    first, second = Writer(tmp_path), Writer(tmp_path)
    for moment in range(10):
        writer = (first, second)[moment % 2]
        writer.log("loss", moment, step=moment, time=float(moment))
    first.flush()
    second.flush()
    assert scan(tmp_path)["loss"].values.tolist() == [float(i) for i in range(10)]


def test_threads_share_a_writer(tmp_path: Path) -> None:
    writer = Writer(tmp_path)

    def log(name: str) -> None:
        for value in range(5000):
            writer.log(name, value)

    threads = [threading.Thread(target=log, args=(f"s{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush()
    series = scan(tmp_path)
    assert {name: len(one) for name, one in series.items()} == {f"s{i}": 5000 for i in range(4)}
    assert all(one.values.tolist() == sorted(one.values) for one in series.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_writes_its_own_file_and_repeats_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from jupyter_ml.core.metrics.metrics import Writer\n"
        "writer = Writer(sys.argv[1]); writer.log('parent', 1)\n"
        "pid = os.fork()\n"
        "writer.log('child' if pid == 0 else 'after', 2)\n"
        "pid and os.waitpid(pid, 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert {name: len(one) for name, one in scan(tmp_path).items()} == {
        "parent": 1,
        "child": 1,
        "after": 1,
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_of_a_process_whose_threads_log_lose_nothing_and_repeat_nothing(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys, threading; from jupyter_ml.core.metrics.metrics import Writer\n"
        "writer = Writer(sys.argv[1])\n"
        "def log(name, count):\n"
        "    for value in range(count): writer.log(name, value)\n"
        "threads = [threading.Thread(target=log, args=(f't{i}', 20000)) for i in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for number in range(8):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        log(f'c{number}', 500); writer.flush(); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "for thread in threads: thread.join()"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, str(tmp_path)],
        check=True,
        timeout=60,
    )
    expected = {f"t{i}": 20000 for i in range(3)} | {f"c{i}": 500 for i in range(8)}
    series = scan(tmp_path)
    assert {name: len(one) for name, one in series.items()} == expected
    assert all(one.values.tolist() == list(range(len(one))) for one in series.values())


def test_a_child_of_multiprocessing_flushes_at_its_end(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=_log_in_child, args=(str(tmp_path),)
    )
    child.start()
    child.join()
    assert scan(tmp_path)["loss"].steps.tolist() == [7]


def test_a_closed_writer_goes_on_in_new_files(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.log("loss", 1.0)
    writer.close()
    writer.log("loss", 2.0)
    writer.close()
    assert scan(tmp_path)["loss"].steps.tolist() == [0, 1]


def test_the_scan_is_the_same_with_and_without_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(tmp_path)
    for step in range(1500):
        writer.log("loss", step / 7)
        writer.log("auc", math.nan if step == 3 else step)
    second = Writer(tmp_path)
    second.log_all({f"s{number}": number for number in range(30)})
    second.log("loss", -1.0, time=0.0)
    writer.flush()
    second.flush()
    fast = {name: one.values.tobytes() for name, one in scan(tmp_path).items()}
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert {name: one.values.tobytes() for name, one in scan(tmp_path).items()} == fast


def test_a_cursor_of_someone_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="start again without it"):
        tail(tmp_path, "nonsense")


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not ''"):
        Writer(tmp_path).log("", 1.0)
