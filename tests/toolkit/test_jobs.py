"""Cells as real jobs in a bare shell: submit, wait, read, run again, fail, stop, serve."""

from __future__ import annotations

import os
import signal
import threading

import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError, WaitTimeout
from jupyter_ml.testing import eventually
from jupyter_ml.toolkit.display.failure import Detached, TrainingFailed

WAIT_S = 120


@pytest.fixture(autouse=True)
def no_leftovers(workspace):
    """End what a failed test left running."""
    yield
    for one in ml.jobs():
        if one.status == "InProgress":
            one.stop()
    for one in ml.endpoints():
        one.delete()


def test_a_cell_runs_as_a_job_with_its_variables_and_brings_values_back(run):
    run("import math\nrows, depth = [1, 4, 9], 3\ndef root(x):\n    return math.sqrt(x) * depth")
    printed = run(
        "%%ml train --name roots -o found,twice\n"
        "found = [root(x) for x in rows]\n"
        "twice = {'depth': 2 * depth}\n"
        "for n, value in enumerate(found):\n"
        "    ml.log(value=value, step=10 * n)\n"
    )
    assert "roots-1 · this kernel's Python · sent " in printed
    assert "depth" in printed
    assert "detached" in printed
    job = ml.job("roots")
    assert job.wait(WAIT_S) is job
    assert job.result("found") == [3.0, 6.0, 9.0]
    assert job.result("twice") == {"depth": 6}
    with pytest.raises(Exception, match="brought back found, twice; say which"):
        job.result()
    assert job.metrics()["value"].to_dict() == {0: 3.0, 10: 6.0, 20: 9.0}
    assert job.inputs()["rows"] == [1, 4, 9]
    assert job.source.startswith("found = [root(x)")
    assert "roots-1 · Completed" in repr(job)

    again = job.rerun(depth=5).wait(WAIT_S)
    assert again.name == "roots-2"
    assert again.result("found") == [5.0, 10.0, 15.0]
    assert ml.job("roots").name == "roots-2"
    compared = repr(ml.compare(job, again))
    assert "depth" in compared
    assert "The cells are the same." in compared
    assert ml.compare(job, again).to_frame().loc["roots-2", "depth"] == "5"
    with pytest.raises(UsageError, match=r"did not get 'dept'.*Did you mean 'depth'"):
        job.rerun(dept=1)
    here = job.rerun(here=True, depth=7)
    assert here["found"] == [7.0, 14.0, 21.0]
    assert [one.name for one in ml.jobs()] == ["roots-2", "roots-1"]


def test_a_failed_cell_names_its_line_and_can_be_debugged_here(run):
    run("numbers = [1, 0]")
    run("%%ml train --name broken\nprint('begin')\nfor n in numbers:\n    1 / n\n")
    job = ml.job("broken")
    with pytest.raises(TrainingFailed) as caught:
        job.wait(WAIT_S)
    assert caught.value.failure.line == 3
    assert "ZeroDivisionError" in str(caught.value)
    assert "begin" in str(job.logs())
    assert "broken-1 failed in line 3" in repr(job.failure)
    with pytest.raises(ZeroDivisionError) as here:
        job.rerun(here=True)
    assert "1 / n" in str(here.traceback[-1].statement)
    printed = run("%%ml train --name broken --wait\nraise ValueError('again')", fails=True)
    assert "broken-2 failed in line 1: ValueError: again" in printed


@pytest.fixture
def interruptible():
    """Have SIGINT interrupt, also where the tests were started in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupting_a_wait_detaches_and_the_job_goes_on(run):
    run("%%ml train --name long\nimport time\ntime.sleep(600)")
    job = ml.job("long")
    eventually(lambda: job.describe()["SecondaryStatus"] == "Training", timeout_s=WAIT_S)
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(Detached, match="long-1 goes on in the background"):
        job.wait(WAIT_S)
    assert job.status == "InProgress"
    with pytest.raises(WaitTimeout, match="has not ended"):
        job.wait(0.1)
    job.stop()
    with pytest.raises(TrainingFailed):
        job.wait(WAIT_S)
    assert job.status == "Stopped"


def test_what_cannot_be_sent_is_named_and_secrets_stay_here(run):
    run("import threading\nguard, api_key = threading.Lock(), 'k'")
    printed = run("%%ml train --name careful --dry-run\nguard, api_key")
    assert "Not sent: api_key (its name says that it is a secret)." in printed
    assert "Not sent: guard (it is a lock" in printed


def test_a_script_trains_on_a_frame_with_flags(run, tmp_path):
    (tmp_path / "fit.py").write_text(
        "import argparse\nimport jupyter_ml as ml\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--depth', type=int)\n"
        "depth = parser.parse_args().depth\n"
        "print(f'rows={len(ml.load_channel(\"train\"))};')\nml.log(depth=depth)\n"
    )
    run("import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})")
    printed = run(
        f"job = ml.train({str(tmp_path / 'fit.py')!r}, inputs={{'train': frame}},"
        " hyperparameters={'depth': 4}, metrics={'rows': r'rows=(\\d+);'})\njob.wait()"
    )
    assert "fit-1" in printed
    metrics = ml.job("fit").metrics()
    assert metrics["depth"].dropna().tolist() == [4.0]
    assert metrics["rows"].dropna().tolist() == [2.0]
    again = ml.job("fit").rerun(depth=6).wait(WAIT_S)
    assert again.metrics()["depth"].dropna().tolist() == [6.0]


@pytest.mark.slow
def test_a_model_is_served_and_asked_with_a_frame(run):
    run(
        "import pandas as pd\n"
        "train = pd.DataFrame({'a': [0.0, 1.0, 2.0, 3.0], 'b': [1.0, 0.0, 1.0, 0.0]},"
        " index=list('wxyz'))\nlabel = [0, 0, 1, 1]"
    )
    run(
        "%%ml train --name tiny -o model\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "model = LogisticRegression(C=100).fit(train, label)"
    )
    printed = run("endpoint = ml.job('tiny').deploy()")
    assert "InService in " in printed
    assert "curl" in printed
    endpoint = ml.endpoint("tiny")
    train = ml.job("tiny").inputs()["train"]
    answers = endpoint.predict(train)
    assert answers.to_dict() == {"w": 0, "x": 0, "y": 1, "z": 1}
    with pytest.raises(UsageError, match="missing 'b'"):
        endpoint.predict(train.drop(columns="b"))
    assert "w    0" in run("%ml predict tiny train")
    run("ml.job('tiny').deploy('tiny')")
    assert endpoint.predict(train)["z"] == 1
    endpoint.delete()
    assert "nothing running" in repr(ml.status())
    assert len(ml.endpoints()) == 0
