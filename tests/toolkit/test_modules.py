"""The user's own modules go along with a cell."""

from __future__ import annotations

import ast
import sys

import pytest

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import modules


def test_modules_beside_the_notebook_go_along_with_what_they_import(tmp_path):
    beside, folder = tmp_path / "beside", tmp_path / "source"
    (beside / "package").mkdir(parents=True)
    (beside / "package" / "__init__.py").write_text("import inner_helper_x\n")
    (beside / "inner_helper_x.py").write_text("import json\n")
    (beside / "unused_helper_x.py").write_text("")
    names = modules.imported(ast.parse("def f():\n    from package.a import b\nimport os.path"))
    copied = modules.copy_local(names, beside, folder, taken="cell.py")
    assert copied == ["inner_helper_x", "package"]
    assert sorted(path.name for path in folder.iterdir()) == ["inner_helper_x.py", "package"]


def test_a_module_that_the_kernel_took_from_elsewhere_stays_here(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit\n")
    assert "json" in sys.modules
    assert modules.copy_local(["json"], tmp_path, tmp_path / "source", taken="cell.py") == []


def test_a_module_named_as_the_program_is_refused(tmp_path):
    (tmp_path / "cell.py").write_text("")
    with pytest.raises(UsageError, match="rename"):
        modules.copy_local(["cell"], tmp_path, tmp_path / "source", taken="cell.py")


def test_a_job_imports_the_modules_beside_the_notebook(run, tmp_path, monkeypatch):
    (tmp_path / "beside_x.py").write_text("def triple(x):\n    return 3 * x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    run("import beside_x")
    run("%%ml train --name own -o y --wait\ny = beside_x.triple(2)")
    run("assert ml.job('own').result('y') == 6")


def test_a_file_beside_the_notebook_that_a_cell_opens_is_explained(run):
    printed = run("%%ml train --name file --wait\nopen('data.csv')", fails=True)
    assert "A job runs in a folder of its own, without 'data.csv'" in printed
