"""A fresh home and no configuration: three lines train and deploy, and a run knows all about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from desk import events
from jupyter_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SECRETS = {
    "api_key": "hunter2-of-the-kernel",
    "connection": "postgresql://ann:hunter3@db.example.org/study",
    "ENVIRONMENT": "hunter4-of-the-environment",
}
GIVEN = "hunter5-that-was-asked-for"


def environment(home: Path) -> dict[str, str]:
    """Return what a shell of a new user has, and a secret that is nobody's business."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "JPY_", "AWS_", "XDG_", "IPYTHON"))
    }
    own = {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "MY_API_TOKEN": SECRETS["ENVIRONMENT"],
        "JUPYTER_ML_WARM_MEMORY_MB": "0",  # nothing of it stays behind
    }
    return {**kept, **own}


def ipython(home: Path, script: str) -> dict[str, Any]:
    """Run cells, separated by lines of ``# %``, in a real IPython; return what `told` holds."""
    runner = home / "runner.py"
    runner.write_text(
        "import json, sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "ip = InteractiveShell.instance()\n"
        "for cell in open(sys.argv[1]).read().split('# %\\n'):\n"
        "    ip.run_cell(cell).raise_error()\n"
        "print('TOLD ' + json.dumps(ip.user_ns['told']))\n"
    )
    (home / "cells.py").write_text(script)
    done = subprocess.run(
        [sys.executable, str(runner), str(home / "cells.py")],
        cwd=home,
        env={**environment(home), "JPY_SESSION_NAME": str(home / "study.ipynb")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.rpartition("TOLD ")[2])
    told["printed"] = done.stdout
    return told


THREE_LINES = """
%load_ext jupyter_ml
from sklearn.datasets import load_iris; X, y = load_iris(return_X_y=True, as_frame=True)
# %
%%ml train --name iris -o model
from sklearn.linear_model import LogisticRegression
model = LogisticRegression(max_iter=500).fit(X, y)
# %
import jupyter_ml as ml
endpoint = ml.job("iris").deploy()
# %
predictions = endpoint.predict(X.head(3))
told = {"predictions": [int(p) for p in predictions]}
endpoint.delete()
"""


def test_three_lines_train_and_deploy_in_a_home_without_anything(tmp_path: Path) -> None:
    told = ipython(tmp_path, THREE_LINES)
    assert told["predictions"] == [0, 0, 0]
    workspace = tmp_path / ".local" / "share" / "jupyter" / "jupyter_ml"
    assert (workspace / "jupyter_ml.db").is_file()
    assert workspace.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob(".jupyter/*"))


def test_looking_makes_no_workspace_but_the_first_call_does(tmp_path: Path) -> None:
    def python(*words: str) -> None:
        subprocess.run(
            [sys.executable, *words], env=environment(tmp_path), check=True, timeout=120, cwd="/"
        )

    python("-c", "import jupyter_ml")
    python("-m", "jupyter_ml.cli", "--help")
    assert not (tmp_path / ".local").exists()
    python("-m", "jupyter_ml.cli", "status")
    assert (tmp_path / ".local" / "share" / "jupyter" / "jupyter_ml").is_dir()


SILENT = f"""
%load_ext jupyter_ml
import pandas as pd
train = pd.DataFrame({{"x": range(1000), "y": range(1000)}})
depth = 3
api_key = {SECRETS["api_key"]!r}
connection = {SECRETS["connection"]!r}
given_token = {GIVEN!r}
# %
%%ml train --name silent -o model
from sklearn.tree import DecisionTreeRegressor
try:
    print(len(api_key), connection)
except NameError as error:
    print("kept back:", error.name)
model = DecisionTreeRegressor(max_depth=depth).fit(train[["x"]], train["y"])
# %
import jupyter_ml as ml
from jupyter_ml.client import connect
job = ml.job("silent").wait()
# %
%%ml train --name asked -i given_token -o length
length = len(given_token)
# %
client = connect()
told = {{
    "run": client.call("GetRun", {{"RunName": "silent-1"}}),
    "asked": ml.job("asked").result("length"),
    "artifacts": client.call("WatchTrainingJob", {{"TrainingJobName": "silent-1"}})["Artifacts"],
}}
"""


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The home of a session in a repository, and what a cell without any logging left behind."""
    home = tmp_path_factory.mktemp("silent")
    subprocess.run(
        "git init -q -b study && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x",
        shell=True,
        cwd=home,
        check=True,
    )
    return home, ipython(home, SILENT)


def test_a_cell_without_any_logging_leaves_a_whole_run(
    silent: tuple[Path, dict[str, Any]],
) -> None:
    home, told = silent
    run = told["run"]
    assert run["Status"] == "Completed"
    assert run["Notebook"] == str(home / "study.ipynb")
    assert "DecisionTreeRegressor(max_depth=depth)" in run["Source"]
    assert {"Name": "depth", "Value": "3"} in run["Parameters"]
    (train,) = [item for item in run["Inputs"] if item["Name"] == "train"]
    assert len(train["Sha256"]) == 64
    assert train["Bytes"] > 1000
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=home, capture_output=True, text=True, check=True
    )
    assert run["Git"]["Commit"] == git.stdout.strip()
    assert run["Git"]["Branch"] == "study"
    environment = {item["Name"]: item["Value"] for item in run["Environment"]}
    lowered = {name.lower() for name in environment}
    assert {"python", "scikit-learn", "pandas"} <= lowered, environment
    assert any(item["Uri"].endswith("model.tar.gz") for item in told["artifacts"])


def test_secrets_go_nowhere_unless_they_are_asked_for(
    silent: tuple[Path, dict[str, Any]],
) -> None:
    home, told = silent
    assert "Not sent: api_key" in told["printed"]
    assert told["asked"] == len(GIVEN)
    workspace = home / ".local" / "share" / "jupyter" / "jupyter_ml"
    found = {secret: places(workspace, secret) for secret in [*SECRETS.values(), "hunter3", GIVEN]}
    wanted = {path for path in found.pop(GIVEN) if "/inputs/" not in path and "/work/" not in path}
    assert not wanted
    assert not any(found.values()), found
    log = json.dumps(events(workspace))
    assert not any(secret in log for secret in [*SECRETS.values(), GIVEN])


def places(root: Path, secret: str) -> list[str]:
    """Return the files below a folder that hold a text, also inside of archives."""
    found = []
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        if secret.encode() in path.read_bytes():
            found.append(str(path))
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                found += [
                    f"{path}:{member.name}"
                    for member in archive.getmembers()
                    if member.isfile() and secret.encode() in archive.extractfile(member).read()
                ]
    return found
