from __future__ import annotations

import json
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from jupyter_ml.core.artifacts import digest
from jupyter_ml.core.values import values
from jupyter_ml.harness.archive import notes_of
from jupyter_ml.harness.records import INPUTS, read_json
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from tests.services.training.conftest import HarnessRun

SCRIPT_MODE = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int)
parser.add_argument("--names", type=str)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
args, _ = parser.parse_known_args()
if __name__ == "__main__":
    rows = sorted(path.name for path in pathlib.Path(args.train).rglob("*") if path.is_file())
    result = {"depth": args.max_depth, "names": args.names, "rows": rows}
    result["hps"] = json.loads(os.environ["SM_HPS"])
    result["hosts"] = json.loads(os.environ["SM_HOSTS"])
    result["file"] = json.load(open(os.environ["SM_INPUT_CONFIG_DIR"] + "/hyperparameters.json"))
    (pathlib.Path(args.model_dir) / "model.json").write_text(json.dumps(result))
    (pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "report.txt").write_text("fine")
"""


def _channel(path: Path, name: str = "train", **more: object) -> dict[str, object]:
    return {"name": name, "uri": f"file://{path}", "path": str(path), **more}


def test_an_unmodified_script_mode_script_trains(harness: HarnessRun, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a.csv").write_text("1")
    (data / "deep" / "b.csv").write_text("2")
    harness.job["channels"] = [_channel(data, content_type="text/csv")]
    harness.job["hyperparameters"] = {
        "max-depth": "3",
        "names": '"a b"',
        "sagemaker_program": '"train.py"',
    }
    code, output = harness.run(SCRIPT_MODE)
    assert code == 0, output
    result = json.loads(harness.packed("model.tar.gz")["model.json"])
    assert result["rows"] == ["a.csv", "b.csv"]
    assert (result["depth"], result["names"]) == (3, "a b")
    assert result["hps"] == {"max-depth": 3, "names": "a b"}
    assert result["file"]["max-depth"] == "3"
    assert result["hosts"] == ["algo-1"]
    assert notes_of(harness.attempt / "out" / "model.tar.gz") == {
        "python": platform.python_version(),
        "interpreter": sys.executable,
    }
    assert harness.packed("output.tar.gz") == {"report.txt": b"fine"}
    assert read_json(Path(harness.job["run_dir"]) / INPUTS) == {"train": digest(data)}
    assert harness.phases == ["Starting", "Downloading", "Training", "Uploading"]


def test_an_exception_is_told_with_the_line_and_relative_paths(harness: HarnessRun) -> None:
    code, output = harness.run("import json\ndef fit():\n    return {}['depth']\n\nfit()\n")
    assert code == 1
    assert 'File "train.py", line 3, in fit' in output
    assert "bootstrap" not in output
    failure = harness.failure
    assert failure["ExceptionType"] == "KeyError"
    assert failure["Message"] == "KeyError: 'depth'"
    assert [(frame["File"], frame["Line"], frame["Function"]) for frame in failure["Frames"]] == [
        ("train.py", 5, "<module>"),
        ("train.py", 3, "fit"),
    ]
    assert failure["Frames"][1]["Code"] == "return {}['depth']"
    assert {"Number": 3, "Text": "    return {}['depth']"} in failure["Source"]
    assert failure["ExitCode"] == 1


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("import sys; sys.exit(3)", 3, "The program ended itself with exit code 3."),
        ("raise SystemExit('no data')", 1, "The program ended itself with exit code 1: no data"),
        ("import os; os._exit(7)", 7, "The program ended with exit code 7."),
        ("import os; os.kill(os.getpid(), 11)", 139, "The program was ended by SIGSEGV."),
        ("this is no python", 1, "SyntaxError"),
    ],
)
def test_the_way_a_program_ends_is_told(
    harness: HarnessRun, source: str, code: int, message: str
) -> None:
    ended, output = harness.run(source)
    assert ended == code, output
    assert message in harness.failure["Message"]


def test_a_crash_in_c_shows_the_line_in_the_log(harness: HarnessRun) -> None:
    code, output = harness.run(
        "import ctypes\n\n\ndef read():\n    ctypes.string_at(0)\n\n\nread()\n"
    )
    assert code == 139
    assert 'train.py", line 5 in read' in output


def test_a_text_in_the_failure_file_is_the_message(harness: HarnessRun) -> None:
    harness.run(
        "import os, pathlib\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('bad data')\n"
        "raise ValueError('x')"
    )
    assert harness.failure["Message"] == "bad data"


def test_metrics_are_read_from_what_is_printed(harness: HarnessRun) -> None:
    harness.job["metric_definitions"] = [
        {"Name": "loss", "Regex": r"loss=([0-9.e+-]+)"},
        {"Name": "auc", "Regex": r"auc: (\S+)"},
    ]
    code, output = harness.run(
        "import sys\nfor i in range(3): print(f'step {i} loss={1/(i+1)}')\n"
        "print('auc: 0.75', file=sys.stderr)"
    )
    assert code == 0
    assert "step 2 loss=0.333" in output
    assert harness.metrics["loss"].values.tolist() == [1.0, 0.5, 1 / 3]
    assert harness.metrics["auc"].values.tolist() == [0.75]


def test_a_progress_bar_becomes_progress_and_one_line_of_log(harness: HarnessRun) -> None:
    code, output = harness.run(
        "import sys\n"
        "for i in range(1, 51):\n"
        "    sys.stderr.write(f'\\rfitting: {i*2:3d}%|####    | {i}/50 [00:01<00:09,  5.0it/s]')\n"
        "    sys.stderr.flush()\n"
        "sys.stderr.write('\\n')"
    )
    assert code == 0
    progress = json.loads((harness.attempt / "progress.json").read_text())
    assert (progress["current"], progress["total"], progress["label"]) == (50, 50, "fitting")
    assert output.count("it/s") == 1


def test_a_stopped_program_still_gets_its_model_uploaded(harness: HarnessRun) -> None:
    harness.write_source(
        {
            "train.py": "import os, pathlib, signal, sys, threading\n"
            "model = pathlib.Path(os.environ['SM_MODEL_DIR'])\n"
            "def stop(*_):\n    (model / 'last').write_text('saved'); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, stop)\n"
            "(model / 'ready').write_text('')\n"
            "while True: threading.Event().wait(0.1)\n"
        }
    )
    process = harness.start()
    eventually((harness.attempt / "ml" / "model" / "ready").exists, timeout_s=60)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert harness.packed("model.tar.gz")["last"] == b"saved"
    assert harness.phases == ["Starting", "Training", "Stopping", "Uploading"]
    assert harness.failure is None


SAVES_WHEN_STOPPED = """
import os, signal, sys, time
def save(*_):
    time.sleep(0.5)
    open(os.environ["SM_MODEL_DIR"] + "/saved", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("begun", flush=True)
time.sleep(600)
"""


def test_what_a_shell_script_started_is_stopped_with_grace_too(harness: HarnessRun) -> None:
    harness.job["program"] = "train.sh"
    harness.write_source({"train.sh": "python save.py\nexit 0\n", "save.py": SAVES_WHEN_STOPPED})
    process = harness.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.terminate()
    process.communicate(timeout=60)
    assert list(harness.packed("model.tar.gz")) == ["saved"]


def test_a_suspended_program_is_woken_by_the_stop(harness: HarnessRun) -> None:
    suspended = SAVES_WHEN_STOPPED.replace(
        "time.sleep(600)", "os.kill(os.getpid(), signal.SIGSTOP)"
    )
    harness.write_source({"train.py": suspended})
    process = harness.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    eventually(lambda: "stopped" in [child.status() for child in descendants(process.pid)])
    process.terminate()
    process.communicate(timeout=60)
    assert list(harness.packed("model.tar.gz")) == ["saved"]


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_program_that_ignores_the_stop_is_killed_after_the_grace(harness: HarnessRun) -> None:
    harness.job["grace_s"] = 0.5
    harness.write_source(
        {
            "train.py": "import os, pathlib, signal, threading\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "pathlib.Path(os.environ['SM_MODEL_DIR'], 'ready').write_text('')\n"
            "while True: threading.Event().wait(0.1)\n"
        }
    )
    process = harness.start()
    eventually((harness.attempt / "ml" / "model" / "ready").exists, timeout_s=60)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL
    assert "ready" in harness.packed("model.tar.gz")


def test_data_that_does_not_fit_is_refused_with_both_numbers(
    harness: HarnessRun, tmp_path: Path
) -> None:
    (tmp_path / "big.csv").write_bytes(b"x" * 5000)
    harness.job["channels"] = [_channel(tmp_path / "big.csv")]
    harness.job["free_floor_bytes"] = 1 << 60
    code, _ = harness.run("print('never')")
    assert code == 1
    assert harness.failure["Reason"] == "ClientError"
    assert "hold 5,000 bytes and 0 are available" in harness.failure["Message"]
    assert "Training" not in harness.phases


def test_a_channel_without_data_is_refused(harness: HarnessRun, tmp_path: Path) -> None:
    harness.job["channels"] = [_channel(tmp_path / "nothing")]
    code, output = harness.run("print('never')")
    assert code == 1
    assert "No S3 objects found under S3 URL" in output
    assert harness.failure["Message"] in output


def test_a_missing_program_is_named_with_what_there_is(harness: HarnessRun) -> None:
    harness.job["program"] = "tarin.py"
    code, _ = harness.run("pass")
    assert code == 1
    assert "no 'tarin.py'" in harness.failure["Message"]
    assert "train.py" in harness.failure["Message"]


def test_unfulfilled_requirements_are_refused_and_nothing_is_installed(harness: HarnessRun) -> None:
    harness.write_source(
        {"train.py": "pass", "requirements.txt": "# comment\npytest\nno-such-package-anywhere>=2\n"}
    )
    code, _ = harness.run()
    assert code == 1
    assert "'no-such-package-anywhere>=2' is not installed" in harness.failure["Message"]
    assert "pytest" not in harness.failure["Message"]


def test_a_shell_script_gets_the_hyperparameters_as_flags(harness: HarnessRun) -> None:
    harness.job.update(program="go.sh", hyperparameters={"depth": "3", "k": "true"})
    harness.write_source({"go.sh": 'python -c "import sys" && echo "$@" > "$SM_MODEL_DIR/flags"'})
    code, output = harness.run()
    assert code == 0, output
    assert harness.packed("model.tar.gz")["flags"] == b"--depth 3 -k True\n"


def test_members_see_each_other_and_their_share_of_the_data(
    harness: HarnessRun, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in "abc":
        (data / name).write_text(name)
    harness.job["channels"] = [_channel(data, sharded=True)]
    harness.write_source(
        {
            "train.py": "import json, os, pathlib\n"
            "host = os.environ['SM_CURRENT_HOST']\n"
            "rows = sorted(os.listdir(os.environ['SM_CHANNEL_TRAIN']))\n"
            "said = {'hosts': json.loads(os.environ['SM_HOSTS']), 'rows': rows}\n"
            "pathlib.Path(os.environ['SM_MODEL_DIR'], host).write_text(json.dumps(said))\n"
        }
    )
    processes = [harness.start(rank, 2) for rank in (0, 1)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    said = {name: json.loads(text) for name, text in harness.packed("model.tar.gz").items()}
    assert said == {
        "algo-1": {"hosts": ["algo-1", "algo-2"], "rows": ["a", "c"]},
        "algo-2": {"hosts": ["algo-1", "algo-2"], "rows": ["b"]},
    }


def _write_cell(
    harness: HarnessRun, text: str, outputs: list[str], sent: dict[str, object]
) -> None:
    cell = {"inputs": sorted(sent), "outputs": outputs, "name": "cell"}
    harness.job["program"] = "cell.py"
    harness.write_source({"cell.py": text, ".jupyter_ml/cell.json": json.dumps(cell)})
    folder = harness.folder / "notebook"
    assert values.save(sent, folder) == []
    harness.job["channels"] = [_channel(folder, "notebook")]


def test_a_cell_gets_its_variables_and_gives_its_outputs_back(harness: HarnessRun) -> None:
    text = "total = sum(numbers)\nnumbers.append(total)\nlen(numbers)"
    _write_cell(harness, text, ["total", "numbers"], {"numbers": [1, 2, 3], "json": json})
    code, output = harness.run()
    assert code == 0, output
    assert output.splitlines()[-1] == "4"
    back: dict[str, object] = {}
    values.load(harness.attempt / "ml" / "output" / "data" / "results", back)
    assert (back["total"], back["numbers"]) == (6, [1, 2, 3, 6])


def test_a_failing_cell_is_told_with_its_own_line_numbers(harness: HarnessRun) -> None:
    _write_cell(harness, "# a comment\n\ndef f(x):\n    return 1 / x\n\nf(zero)\n", [], {"zero": 0})
    code, output = harness.run()
    assert code == 1
    assert [(frame["Line"], frame["InCell"]) for frame in harness.failure["Frames"]] == [
        (6, True),
        (4, True),
    ]
    assert 'File "cell.py", line 4, in f' in output


def test_an_output_that_a_cell_does_not_make_is_named(harness: HarnessRun) -> None:
    _write_cell(harness, "x = 1", ["modle"], {"zero": 0})
    code, _ = harness.run()
    assert code == 1
    assert "should give back 'modle'" in harness.failure["Message"]


def test_a_model_from_a_cell_is_kept_with_its_manifest(harness: HarnessRun) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    text = (
        "from sklearn.tree import DecisionTreeClassifier\n"
        "model = DecisionTreeClassifier().fit(train[['a', 'b']], train['y'])\n"
    )
    frame = pandas.DataFrame({"a": [1, 2], "b": [3.5, 4.5], "y": [0, 1]})
    _write_cell(harness, text, ["model"], {"train": frame})
    code, output = harness.run()
    assert code == 0, output
    packed = harness.packed("model.tar.gz")
    manifest = json.loads(packed["jupyter_ml.json"])
    assert (manifest["format"], manifest["file"]) == ("joblib", "model.joblib")
    assert manifest["features"] == ["a", "b"]
    assert manifest["sample"] == {"columns": ["a", "b"], "data": [[1, 3.5]]}
    assert "scikit-learn" in manifest["libraries"]
    assert manifest["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")


def test_a_script_may_import_its_neighbours_and_start_processes(harness: HarnessRun) -> None:
    harness.write_source(
        {
            "neighbour.py": "def double(x):\n    return 2 * x\n",
            "train.py": "import multiprocessing\n"
            "from neighbour import double\n"
            "def work(x):\n    return double(x) + 1\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
            "        print(pool.map(work, range(4)))\n",
        }
    )
    code, output = harness.run()
    assert code == 0, output
    assert "[1, 3, 5, 7]" in output
