"""The failure reason says what happened: every way in which a job can end badly, by its words."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

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
