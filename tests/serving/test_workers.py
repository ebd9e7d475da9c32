"""Several workers: routing, workers killed under load, other interpreters."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from load import Load

import jupyter_ml
from jupyter_ml.harness.archive import pack
from jupyter_ml.testing import eventually
from tests.serving.conftest import script

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.serving.conftest import Fitted, Served

SLOW = """
import os, time
def model_fn(d): return 0
def transform_fn(m, body, ct, accept):
    if body == '"die"': os._exit(3)
    time.sleep(0.01)
    return '{"pid": %d}' % os.getpid()
"""


def children(served: Served) -> list[int]:
    """Return the process ids of the workers; one that waits to be reaped is none."""
    found = []
    for child in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "worker" in child.cmdline():
                found.append(child.pid)
    return found


def test_workers_killed_under_load_fail_no_request(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, workers=2).wait()
    expected = cancer.estimator.predict(cancer.frame.iloc[:2]).tolist()
    rows = cancer.frame.iloc[:2].to_numpy().tolist()
    with Load(lambda: served.invoke(rows), clients=8) as load:
        for _ in range(3):
            load.wait_for(50)
            eventually(lambda: served.request("GET", "/ping")[0] == 200)
            victim = children(served)[0]
            os.kill(victim, signal.SIGKILL)
            load.wait_for(50)
            eventually(lambda gone=victim: gone not in children(served))
            eventually(lambda: metrics(served)["workers"]["current"] == 2, timeout_s=60)
    assert len(load.answers) >= 300
    assert [a for a in load.answers if a != (200, {"predictions": expected})] == []
    assert served.log().count("A worker ended with status -9") == 3


def test_a_front_ends_drained_when_a_worker_of_another_version_comes(
    serve: Callable[..., Served], cancer: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(jupyter_ml.__file__).parent
    shutil.copytree(package, tmp_path / "jupyter_ml", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.chdir(tmp_path)
    served = serve(
        cancer.model_dir, workers=2, environ={"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    ).wait()
    frames = tmp_path / "jupyter_ml" / "serving" / "frames.py"
    frames.write_text(frames.read_text().replace('PROTOCOL = "1"', 'PROTOCOL = "2"'))
    rows = cancer.frame.iloc[:2].to_numpy().tolist()
    answers = []
    victim = children(served)[0]
    os.kill(victim, signal.SIGKILL)

    def has_ended() -> bool:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            answers.append(served.invoke(rows)[0])
        return served.process.poll() is not None

    eventually(has_ended, timeout_s=60)
    assert set(answers) == {200}
    assert "version 1 of the frames and this worker 2" in served.log()


def test_both_workers_killed_at_once_fail_no_request(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve(script(tmp_path / "slow", SLOW), workers=2).wait()
    with Load(lambda: served.invoke({}), clients=8) as load:
        load.wait_for(20)
        for pid in children(served):
            os.kill(pid, signal.SIGKILL)
        load.wait_for(50)
    assert {status for status, _ in load.answers} == {200}
    assert len({answer["pid"] for _, answer in load.answers}) >= 3


def test_both_workers_get_their_share(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(script(tmp_path / "slow", SLOW), workers=2).wait()
    with Load(lambda: served.invoke({})) as load:
        load.wait_for(100)
    pids = [answer["pid"] for _, answer in load.answers]
    assert len(set(pids)) == 2
    assert min(pids.count(pid) for pid in set(pids)) > len(pids) / 4


def test_a_request_that_kills_its_worker_ends_by_itself(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve(script(tmp_path / "slow", SLOW), workers=2).wait()
    with Load(lambda: served.invoke({})) as load:
        load.wait_for(20)
        status, answer = served.invoke("die")
        load.wait_for(20)
    assert status == 500
    assert answer["message"].startswith("3 workers died while they answered this request.")
    assert {status for status, _ in load.answers} == {200}


def test_a_model_that_no_worker_can_load_says_where(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve(script(tmp_path / "fails", "def model_fn(d):\n    1 / 0\n"), workers=2)
    assert served.wait_for_end() == 1
    failure = served.read("failure.json")
    assert failure["ExceptionType"] == "ZeroDivisionError"
    assert failure["Frames"][-1]["Function"] == "model_fn"


def test_the_model_may_run_in_another_interpreter(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    # -S -E: none of this environment's packages, as in an interpreter that has only its own.
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    text = (
        "import sys\n"
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept):\n"
        "    return str(sorted(m for m in ('orjson', 'uvicorn', 'numpy') if m in sys.modules))\n"
    )
    served = serve(script(tmp_path / "bare", text), interpreter=str(bare)).wait()
    assert served.invoke({}) == (200, "[]")


def test_the_interpreter_that_trained_is_used_unless_another_one_is_named(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nTRAINED_HERE=yes exec {sys.executable} "$@"\n')
    other.chmod(0o755)
    text = (
        "import os\n"
        "def model_fn(model_dir): return None\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return os.environ.get('TRAINED_HERE', 'no'), 'text/plain'\n"
    )
    folder = script(tmp_path / "model", text)
    (folder / "jupyter_ml.json").write_text(json.dumps({"interpreter": str(other)}))
    assert serve(folder).wait().invoke([]) == (200, "yes")
    assert serve(folder, interpreter=sys.executable).wait().invoke([]) == (200, "no")
    (folder / "jupyter_ml.json").unlink()
    pack(folder, tmp_path / "model.tar.gz", {"interpreter": str(other)})
    unpacked, data = tmp_path / "unpacked", str(tmp_path / "model.tar.gz")
    assert serve(unpacked, model_data=data).wait().invoke([]) == (200, "yes")


def test_the_interpreter_that_trained_is_named_when_it_is_gone(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(tmp_path / "model", SLOW)
    manifest = {"interpreter": "/gone/bin/python", "python": "3.12.1"}
    (folder / "jupyter_ml.json").write_text(json.dumps(manifest))
    served = serve(folder)
    assert served.wait_for_end() == 1
    message = served.read("failure.json")["Message"]
    assert "/gone/bin/python (Python 3.12.1), which trained the model, is gone" in message
    assert "JUPYTER_ML_PYTHON" in message


def test_an_interpreter_that_cannot_run_is_explained(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve(script(tmp_path / "slow", SLOW), interpreter="/bin/false")
    assert served.wait_for_end() == 1
    message = served.read("failure.json")["Message"]
    assert "A worker exited with code 1 before it had loaded the model." in message
    assert "/bin/false must be Python 3.11 or newer." in message


ENDS_AT_LOAD = """
import os, pathlib, signal
def model_fn(d):
    with open({starts!r}, "a") as starts:
        starts.write("x")
    if pathlib.Path({starts!r}).stat().st_size <= {ends}:
        os.kill(os.getpid(), signal.SIGKILL)
def transform_fn(m, body, ct, accept): return "1"
"""


def test_a_worker_killed_while_it_loads_the_model_is_started_again(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    text = ENDS_AT_LOAD.format(starts=str(starts), ends=2)
    served = serve(script(tmp_path / "model", text), workers=2).wait()
    assert served.invoke({}) == (200, "1")
    assert starts.read_text() == "xxxx"
    assert served.log().count("was killed by SIGKILL (signal 9) before it had loaded") == 2


def test_a_model_that_kills_each_worker_says_what_ended_them(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    text = ENDS_AT_LOAD.format(starts=str(starts), ends=99)
    served = serve(script(tmp_path / "model", text), workers=2)
    assert served.wait_for_end() == 1
    message = served.read("failure.json")["Message"]
    assert "was killed by SIGKILL (signal 9) before it had loaded the model, as" in message
    assert "2 before it" in message
    assert starts.read_text() == "x" * 6


def test_a_worker_that_cannot_be_started_for_a_while_is_started_when_it_can(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    python, gone = tmp_path / "python", tmp_path / "gone"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    served = serve(script(tmp_path / "slow", SLOW), interpreter=str(python)).wait()
    python.rename(gone)
    os.kill(children(served)[0], signal.SIGKILL)
    eventually(lambda: "A worker could not be started" in served.log(), timeout_s=60)
    gone.rename(python)
    assert served.invoke({})[0] == 200


def test_workers_end_with_the_front(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(script(tmp_path / "slow", SLOW), workers=2).wait()
    pids = children(served)
    served.process.kill()
    served.process.wait()
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def metrics(served: Served) -> Any:
    """Return the endpoint's figures."""
    return json.loads(served.request("GET", "/metrics.json")[1])
