"""The failure reason says what happened: every way in which a job can end badly, by its words."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from desk import Desk

pytestmark = pytest.mark.slow

CASES = {
    "an-exception": (
        "x = 1\n\nraise ValueError('the data is upside down')\n",
        ["AlgorithmError: ValueError: the data is upside down"],
        {"ExceptionType": "ValueError", "line": 3},
    ),
    "a-syntax-error": (
        "x = 1\nfor in range(3):\n    pass\n",
        ["AlgorithmError", "SyntaxError"],
        {"ExceptionType": "SyntaxError", "line": 2},
    ),
    "an-exit-code": ("import sys\nsys.exit(3)\n", ["exit code 3"], {"ExitCode": 3}),
    "an-exit-message": (
        "import sys\nsys.exit('no such column: age')\n",
        ["exit code 1", "no such column: age"],
        {"ExitCode": 1},
    ),
    "an-abort": ("import os\nos.abort()\n", ["SIGABRT"], {"Signal": "SIGABRT"}),
    "a-missing-module": (
        "import fastest_trees\n",
        ["ModuleNotFoundError", "fastest_trees"],
        {"advice": ["fastest_trees", sys.executable]},
    ),
    "a-missing-file": (
        "open('/no/such/place/train.csv')\n",
        ["FileNotFoundError", "/no/such/place/train.csv"],
        {"line": 1},
    ),
    "a-name-beyond-ascii": (
        "größe = {}\nraise KeyError('Größe für 東京')\n",
        ["KeyError: 'Größe für 東京'"],
        {"line": 2},
    ),
    "an-error-beyond-text": (
        "raise ValueError('\\udce4 \\x00 ' + 'very long ' * 1000)\n",
        ["AlgorithmError: ValueError"],
        {"line": 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_fails_says_how(desk: Desk, name: str) -> None:
    script, words, expected = CASES[name]
    job = desk.run(name, script)
    assert job["TrainingJobStatus"] == "Failed"
    for word in words:
        assert word in job["FailureReason"]
    failure: dict[str, Any] = desk.failure(name)
    if "line" in expected:
        assert (failure["Frames"][-1]["File"], failure["Frames"][-1]["Line"]) == (
            "train.py",
            expected["line"],
        )
        assert f"(train.py, line {expected['line']})" in job["FailureReason"].splitlines()[0]
    for word in expected.get("advice", ()):
        assert word in failure["Advice"]
    for member in ("ExceptionType", "ExitCode", "Signal"):
        if member in expected:
            assert failure[member] == expected[member]


def test_a_program_killed_from_outside_is_told_so(desk: Desk) -> None:
    desk.train("shot", "import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)\n")
    text = eventually(lambda: "pid" in desk.log("shot") and desk.log("shot"), timeout_s=120)
    os.kill(int(text.split("pid ")[1].split()[0]), signal.SIGKILL)
    job = desk.ended("shot")
    assert job["FailureReason"].startswith("Killed: ")
    assert "SIGKILL" in job["FailureReason"]
    assert desk.failure("shot")["Signal"] == "SIGKILL"


def test_an_input_that_is_not_there_is_named(desk: Desk) -> None:
    channel = {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "file:///no/such/train.csv"}
        },
    }
    job = desk.run("hungry", "print(1)\n", InputDataConfig=[channel])
    assert job["TrainingJobStatus"] == "Failed"
    assert "file:///no/such/train.csv" in job["FailureReason"]
    assert "'train'" in job["FailureReason"]


def test_an_output_that_cannot_be_published_fails_its_job_and_holds_up_no_other(
    desk: Desk,
) -> None:
    (desk.folder / "file").write_text("not a folder")
    desk.train(
        "nowhere",
        "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('m')\n",
        OutputDataConfig={"S3OutputPath": f"file://{desk.folder}/file/models"},
    )
    assert desk.run("after", "print(1)\n")["TrainingJobStatus"] == "Completed"
    job = desk.ended("nowhere")
    assert job["TrainingJobStatus"] == "Failed"
    assert f"{desk.folder}/file/models" in job["FailureReason"]


def test_a_bucket_that_goes_while_a_job_runs_fails_that_job_and_holds_up_no_other(
    desk: Desk,
) -> None:
    bucket = desk.client.runtime.workspace.artifacts.root / "mine"
    bucket.mkdir(parents=True)
    until = desk.folder / "until"
    desk.train(
        "homeless",
        "import os, pathlib, time\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('m')\n"
        "print('begun', flush=True)\n"
        "while not os.path.exists(os.environ['UNTIL']): time.sleep(0.05)\n",
        Environment={"UNTIL": str(until)},
        OutputDataConfig={"S3OutputPath": "s3://mine/models"},
    )
    eventually(lambda: "begun" in desk.log("homeless"), timeout_s=60)
    bucket.rmdir()
    until.touch()
    job = desk.ended("homeless")
    assert job["TrainingJobStatus"] == "Failed"
    assert "s3://mine/models/homeless/output/model.tar.gz" in job["FailureReason"]
    assert "work/TrainingJob/homeless/1/out/model.tar.gz" in job["FailureReason"]
    assert desk.run("after", "print(1)\n")["TrainingJobStatus"] == "Completed"


def test_a_job_whose_folder_is_deleted_is_lost_and_not_run_again(desk: Desk) -> None:
    starts = desk.folder / "starts"
    script = (
        "import os, time\n"
        "open(os.environ['STARTS'], 'a').write(f'{os.getpid()} ')\n"
        "time.sleep(600)\n"
    )
    desk.train("swept", script, Environment={"STARTS": str(starts)})
    pid = int(eventually(lambda: starts.exists() and starts.read_text(), timeout_s=60))
    folder = desk.client.runtime.workspace.root / "work" / "TrainingJob" / "swept"
    # Out of sight at once: its supervisor writes into it while it is emptied.
    shutil.rmtree(folder.rename(desk.folder / "trash"), ignore_errors=True)
    job = desk.ended("swept")
    assert job["TrainingJobStatus"] == "Failed"
    assert "folder" in job["FailureReason"]
    assert starts.read_text().split() == [str(pid)]
    assert identity.start_time(pid) is None


def test_a_flood_of_binary_output_harms_nobody(desk: Desk) -> None:
    script = """
import os
for _ in range(200):
    os.write(1, os.urandom(65536))
os.write(1, b"\\n\\xff\\xfe half a character: \\xe2\\x82")
os.write(2, "\\nunicode: 東京 größe 🎉\\n".encode())
print("no line end" * 100_000, end="")
print("\\nthe end")
"""
    job = desk.run("noisy", script)
    assert job["TrainingJobStatus"] == "Completed"
    text = desk.log("noisy")
    assert "unicode: 東京 größe 🎉" in text
    assert text.rstrip().endswith("the end")
