"""Many small runs, written together."""

from __future__ import annotations

import contextvars
import os
import signal
import subprocess
import sys
import threading

import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError, ValidationException
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.session import workspace_of


def listed(workspace):
    order = {"MaxResults": 100, "SortBy": "Name", "SortOrder": "Ascending"}
    found = workspace.call("ListTrialComponents", order)
    return {one["TrialComponentName"]: one for one in found["TrialComponentSummaries"]}


def sweep(name):
    for value in range(20):
        with ml.run(name):
            ml.log(loss=value)


def test_runs_of_a_batch_are_what_they_would_be_one_by_one(run, workspace):
    loop = (
        "for depth in (1, 2):\n"
        "    with ml.run('{name}', depth=depth, api_key='k'):\n"
        "        ml.log(auc=depth / 4, loss=float('nan'))\n"
        "        ml.log(auc=depth / 2, step=9)"
    )
    run(loop.format(name="plain"))
    run("with ml.batch() as batch:\n    " + loop.format(name="fast").replace("\n", "\n    "))
    assert "['fast-1', 'fast-2']" in run("print(batch.names)")
    run("with ml.batch(), ml.run('last') as last:\n    ml.log(auc=0.125)")
    assert "0.125" in run("print(last.metrics())")
    for number in (1, 2):
        one = workspace.call("GetRun", {"RunName": f"plain-{number}"})
        other = workspace.call("GetRun", {"RunName": f"fast-{number}"})
        for name in ("Parameters", "Metrics", "Status", "Kind", "Environment", "Inputs"):
            assert one[name] == other[name]
        assert "ml.run('fast', depth=depth" in other["Source"]
        points = [
            workspace.call("GetRunMetrics", {"RunName": f"{name}-{number}"})["Series"]
            for name in ("plain", "fast")
        ]
        assert [series["Steps"] for series in points[0]] == [[0, 9], [0]]
        assert [series["Steps"] for series in points[1]] == [[0, 9], [0]]
        described = workspace.call(
            "DescribeTrialComponent", {"TrialComponentName": f"fast-{number}"}
        )
        assert described["Metrics"][0]["Last"] == number / 2
        assert described["Status"] == {"PrimaryStatus": "Completed"}


def test_numbers_go_on_after_those_that_exist_and_others_may_take_some(workspace):
    with ml.run("sweep"):
        pass
    with ml.batch() as batch:
        for _ in range(3):
            with ml.run("sweep"):
                pass
        workspace.call("CreateTrialComponent", {"TrialComponentName": "sweep-2"})
    assert batch.names == ["sweep-3", "sweep-4", "sweep-5"]


def test_a_run_that_raises_has_failed_and_those_before_it_are_kept(workspace):
    def loop():
        with ml.batch():
            for value in (1, 2):
                with ml.run("sweep"):
                    ml.log(loss=value)
                    if value == 2:
                        raise ValueError("on\ntwo lines")

    with pytest.raises(ValueError, match="two lines"):
        loop()
    states = [one["Status"] for one in listed(workspace).values()]
    assert [state["PrimaryStatus"] for state in states] == ["Completed", "Failed"]
    assert states[1]["Message"] == "ValueError: on two lines"


def test_a_run_whose_name_is_asked_for_is_written_at_once_with_those_before_it(workspace):
    with ml.batch() as batch:
        with ml.run("sweep"):
            ml.log(loss=1)
        with ml.run("sweep") as second:
            ml.log(loss=2)
            assert second.name == "sweep-2"
            states = [one["Status"]["PrimaryStatus"] for one in listed(workspace).values()]
            assert states == ["Completed", "InProgress"]
            ml.log(loss=3)
            assert second.metrics()["loss"].tolist() == [2, 3]
    assert batch.names == ["sweep-1", "sweep-2"]
    assert listed(workspace)["sweep-2"]["Status"]["PrimaryStatus"] == "Completed"
    (series,) = workspace.call("GetRunMetrics", {"RunName": "sweep-2"})["Series"]
    assert series["Values"] == [2, 3]


def test_a_long_run_in_a_batch_goes_to_a_file_of_its_own(workspace):
    with ml.batch(), ml.run("long") as long:
        for value in range(10_000):
            ml.log(loss=value)
        files = list((workspace_of(workspace).run_dir("long-1")).glob("*.points"))
        assert files
        assert files[0].stat().st_size > 64 << 10
    assert long.metrics()["loss"].tolist() == list(range(10_000))
    assert list(listed(workspace)) == ["long-1"]


def test_threads_share_a_batch_and_what_they_log_late_is_kept(workspace):
    with ml.batch() as batch:
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(sweep, name))
            for name in ("a", "b")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ml.run("late") as late:
            late.log(loss=1)
    late.log(loss=2)
    late.writer.flush()
    (series,) = workspace.call("GetRunMetrics", {"RunName": "late-1"})["Series"]
    assert (series["Steps"], series["Values"]) == ([0, 1], [1, 2])
    names = {f"{name}-{number}" for name in ("a", "b") for number in range(1, 21)}
    assert set(batch.names) == {*names, "late-1"}


def test_a_name_or_parameter_that_cannot_be_is_refused_where_the_run_begins(workspace):
    with ml.batch() as batch:
        with pytest.raises(UsageError, match="Try 'my-run'"), ml.run("my run"):
            pass
        with pytest.raises(ValidationException, match="2500"), ml.run("long", text="x" * 3000):
            pass
        with ml.run("good"):
            pass
    assert batch.names == ["good-1"]


def test_a_batch_in_a_job_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_ML_RUN_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="without"), ml.batch():
        pass


def test_a_killed_process_loses_whole_runs_and_nothing_of_those_that_were_written(workspace):
    code = (
        "import os; import jupyter_ml as ml\n"
        "with ml.batch() as batch:\n"
        "    for number in range(50):\n"
        "        with ml.run('sweep', number=number): ml.log(loss=number)\n"
        "        if number == 39: batch.names\n"
        "    os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    assert len(listed(workspace)) == 40
    for number in (0, 39):
        (series,) = workspace.call("GetRunMetrics", {"RunName": f"sweep-{number + 1}"})["Series"]
        assert series["Values"] == [number]


def test_points_of_deleted_runs_go_when_none_of_their_file_is_left(workspace):
    with ml.batch() as batch:
        for _ in range(2):
            with ml.run("sweep"):
                ml.log(loss=1)
    (pack,) = workspace_of(workspace).packs.iterdir()
    os.utime(pack, (0, 0))
    sweep = {"OlderThanDays": 0}
    workspace.call("DeleteTrialComponent", {"TrialComponentName": batch.names[0]})
    assert workspace.call("CollectGarbage", sweep)["Removed"] == []
    workspace.call("DeleteTrialComponent", {"TrialComponentName": batch.names[1]})
    (removed,) = workspace.call("CollectGarbage", sweep)["Removed"]
    assert (removed["Kind"], removed["Reason"]) == (
        "Metrics",
        "All runs with points in it were deleted.",
    )
    assert not pack.exists()
    assert session.client().call("GetDiskUsage", {})["TotalBytes"] > 0
