"""A bare IPython shell, and a workspace of its own for every test."""

from __future__ import annotations

import atexit
import os
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from jupyter_ml.toolkit import session


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """The client of a workspace that the environment names."""
    for name in list(os.environ):
        if name.startswith(("JUPYTER_ML_", "JPY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("JUPYTER_ML_TIMEKEEPER", "false")
    monkeypatch.setenv("JUPYTER_ML_WARM_MEMORY_MB", "0")
    monkeypatch.setenv("JUPYTER_ML_FREE_FLOOR_MB", "0")
    return session.client()


@pytest.fixture
def shell(workspace, tmp_path, monkeypatch):
    """A terminal's IPython with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell replaces it
    InteractiveShell.clear_instance()
    config = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    ip = InteractiveShell.instance(config=config)
    ip.run_cell("import jupyter_ml as ml\n%load_ext jupyter_ml", store_history=False)
    yield ip
    ip.run_line_magic("unload_ext", "jupyter_ml")
    ip.atexit_operations()
    atexit.unregister(ip.atexit_operations)
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell, capsys):
    """Run a cell; return what it printed. A failing cell fails the test."""

    def run_cell(source, *, fails=False):
        result = shell.run_cell(source, store_history=True)
        printed = capsys.readouterr()
        assert result.success != fails, printed.out
        return printed.out + printed.err

    capsys.readouterr()
    return run_cell
