"""Metrics and progress from any process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.toolkit import tracking


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "_of_job", None)
    monkeypatch.setenv("JUPYTER_ML_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("JUPYTER_ML_ATTEMPT_DIR", str(tmp_path))

    def logged():
        if tracking._of_job is not None:
            tracking._of_job.close()
        return {name: list(one.values) for name, one in scan(tmp_path / "run").items()}

    return logged


def test_a_job_logs_to_its_run(job):
    ml.log(auc=np.float32(0.5), loss=1)
    ml.log({"val/loss": 2}, auc=0.75)
    assert job() == {"auc": [0.5, 0.75], "loss": [1.0], "val/loss": [2.0]}


def test_a_value_that_is_no_number_is_named_and_nothing_is_logged(job):
    with pytest.raises(TypeError, match="'model' must be a number, not str 'x'"):
        ml.log(auc=1, model="x")
    assert job() == {}


def test_progress_goes_to_the_attempt_and_the_end_is_never_left_out(job, tmp_path):
    for done in range(1, 101):
        ml.progress(done, 100, label="epochs")
    state = json.loads((tmp_path / "progress.json").read_text())
    assert (state["current"], state["fraction"], state["label"]) == (100, 1.0, "epochs")


def test_logging_without_a_run_is_refused(monkeypatch):
    monkeypatch.delenv("JUPYTER_ML_RUN_DIR", raising=False)
    with pytest.raises(UsageError, match="No run is active"):
        ml.log(auc=1)


def test_a_run_in_a_job_is_refused(job):
    with pytest.raises(UsageError, match="a run already"), ml.run("inner"):
        pass


def test_a_run_keeps_parameters_metrics_and_where_it_comes_from(run, workspace):
    run(
        "with ml.run('base', depth=3, api_key='k') as first:\n"
        "    ml.log(auc=0.5)\n    ml.log(auc=0.7)"
    )
    got = workspace.call("GetRun", {"RunName": "base-1"})
    assert (got["Kind"], got["Status"]) == ("Run", "Completed")
    assert got["Parameters"] == [
        {"Name": "api_key", "Value": "***"},
        {"Name": "depth", "Value": "3"},
    ]
    assert got["Metrics"][0]["Last"] == 0.7
    assert "ml.log(auc=0.5)" in got["Source"]
    assert "0.7" in run("print(first.metrics())")


def test_a_run_knows_its_inputs_by_their_hashes(run, workspace):
    run("import pandas as pd\ntrain = pd.DataFrame({'x': [1, 2]}); stale = [1]; api_key = 'hush'")
    run(
        "%matplotlib --list\nstale = [2]\nsizes = [3]\n"
        "for depth in (1, 2):\n"
        "    with ml.run('base'):\n"
        "        ml.log(auc=depth * len(train) * len(sizes) * len(api_key))\n"
        "        train = pd.concat([train, train])\n"
    )
    first, second = (workspace.call("GetRun", {"RunName": f"base-{n}"}) for n in (1, 2))
    hashes = [{one["Name"]: one.get("Sha256") for one in got["Inputs"]} for got in (first, second)]
    assert set(hashes[0]) == {"train", "sizes"}
    assert all(len(digest) == 64 for digest in hashes[0].values())
    assert hashes[0]["sizes"] == hashes[1]["sizes"]
    assert hashes[0]["train"] != hashes[1]["train"]
    assert [got["Parameters"] for got in (first, second)] == [
        [{"Name": "depth", "Value": "1"}],
        [{"Name": "depth", "Value": "2"}],
    ]
    assert "hush" not in str((first, second))
    compared = workspace.call("CompareRuns", {"Names": ["base-1", "base-2"]})
    assert [one["Name"] for one in compared["Inputs"] if one["Differs"]] == ["train"]


def test_an_input_that_cannot_be_hashed_is_named(run, workspace):
    run("import threading\nlock = threading.Lock()")
    cell = "%%time\nwith ml.run('base'):\n    %env API_KEY=hush\n    ml.log(auc=int(lock.locked()))"
    run(cell)
    got = workspace.call("GetRun", {"RunName": "base-1"})
    assert got["Source"] == cell.replace("hush", "***")
    (lock,) = got["Inputs"]
    assert lock == {"Name": "lock", "Kind": "lock"}


def test_threads_log_in_the_run_that_they_hold(workspace):
    with ml.run("outer") as outer, ml.run("inner") as inner:
        thread = threading.Thread(target=outer.log, args=({"val/loss": 2},), kwargs={"auc": 1})
        thread.start()
        thread.join()
        inner.log(step=7, auc=0.5)
        ml.log(auc=0.75)
    assert outer.metrics().to_dict("list") == {"val/loss": [2.0], "auc": [1.0]}
    assert inner.metrics()["auc"].to_dict() == {7: 0.5, 8: 0.75}


def test_a_run_that_raises_has_failed_and_the_next_one_gets_the_next_number(run, workspace):
    run("with ml.run('base'):\n    raise ValueError('no\\nor yes')", fails=True)
    run("with ml.run('base'):\n    pass")
    states = [workspace.call("GetRun", {"RunName": f"base-{n}"})["Status"] for n in (1, 2)]
    assert states == ["Failed", "Completed"]


def test_logging_needs_the_standard_library_alone():
    code = (
        "import sys; from jupyter_ml.toolkit import tracking;"
        "print([m for m in ('numpy', 'IPython', 'sqlalchemy', 'traitlets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
