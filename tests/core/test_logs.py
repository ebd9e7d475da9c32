"""The program's own logs: both forms, without secrets, whatever ends the process."""

from __future__ import annotations

import json
import logging
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.composition import background_command
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.logs import formatter
from jupyter_ml.core.settings import Settings
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "ghp_" + "a1B2" * 9


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    """Return a record as a logger makes it."""
    info = (type(error), error, None) if error else None
    return logging.LogRecord("jupyter_ml.tick", logging.WARNING, "tick.py", 1, message, (), info)


def test_a_line_of_json_has_all_that_is_known() -> None:
    text = formatter("json").format(record("two\nlines, “quoted”", ValueError("wrong")))
    assert "\n" not in text
    line = json.loads(text)
    assert list(line) == ["time", "level", "logger", "message", "pid", "exception"]
    assert (line["level"], line["logger"]) == ("WARNING", "jupyter_ml.tick")
    assert line["message"] == "two\nlines, “quoted”"
    assert line["exception"].endswith("ValueError: wrong")
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None
    assert "exception" not in json.loads(formatter("json").format(record("fine")))


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_written(form: str) -> None:
    text = formatter(form).format(record(f"sent {SECRET}", ValueError(f"password='{SECRET}'")))
    assert SECRET not in text
    assert text.count("HIDDEN_DUE_TO_SECURITY_REASONS") == 2


def test_another_form_is_refused() -> None:
    with pytest.raises(
        ValidationException, match="JUPYTER_ML_LOG_FORMAT='xml' is not text or json"
    ):
        Settings.from_environment({"JUPYTER_ML_LOG_FORMAT": "xml"})


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_ends_a_background_process_is_in_its_log(tmp_path: Path, form: str) -> None:
    settings = fresh_settings(tmp_path, log_format=form)
    settings.workspace.mkdir()
    (settings.workspace / "jupyter_ml.db").write_bytes(b"no database, " * 1000)
    command = background_command(settings, "tick")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    text = (settings.workspace / "background.log").read_text()
    assert "The process ended: " in text
    assert "Traceback" in text
    if form == "json":
        (line,) = map(json.loads, text.splitlines())
        assert (line["level"], line["logger"]) == ("CRITICAL", "jupyter_ml.tick")
        assert line["exception"].startswith("Traceback")
