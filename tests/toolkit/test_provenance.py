"""Where a run comes from."""

from __future__ import annotations

import json
import platform
import subprocess

import pandas as pd
import pytest

from jupyter_ml.toolkit.provenance import environment, git_state, provenance


@pytest.fixture
def repository(tmp_path):
    def git(*words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "work")
    (tmp_path / "a.txt").write_text("1")
    git("add", "a.txt")
    git("commit", "-m", "first")
    return tmp_path


def test_git_tells_commit_branch_and_changes(repository):
    state = git_state(repository)
    assert len(state["commit"]) == 40
    assert (state["branch"], state["dirty"]) == ("work", False)
    (repository / "a.txt").write_text("2")
    assert git_state(repository)["dirty"] is True


def test_outside_of_a_repository_there_is_no_git_state(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None


def test_versions_of_what_the_cell_imports_and_what_it_is_given_are_recorded():
    found = environment("import sklearn.metrics, os\nfrom json import dumps", [pd.Series([1])])
    assert found["python"] == platform.python_version()
    assert set(found["packages"]) >= {"pandas", "scikit-learn"}
    assert "json" not in found["packages"]


def test_variables_of_the_environment_and_secrets_are_never_recorded(monkeypatch):
    monkeypatch.setenv("SOME_VARIABLE", "from-the-environment")
    record = json.dumps(provenance("password = 'hunter2'\nimport os", tags={"kind": "test"}))
    assert "from-the-environment" not in record
    assert "hunter2" not in record
    assert '"kind": "test"' in record
