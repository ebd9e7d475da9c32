"""What an endpoint writes of its own, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.testing import eventually
from tests.serving.conftest import script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.conftest import Served

FAILS = (
    "print('of the script')\n"
    "def model_fn(d): return 0\n"
    "def predict_fn(data, model): raise KeyError('tall')\n"
)


def lines(served: Served) -> list[dict[str, Any]]:
    """Return the lines of the log that are JSON."""
    return [json.loads(line) for line in served.log().splitlines() if line.startswith("{")]


@pytest.mark.parametrize("workers", [1, 2])
def test_its_own_lines_are_json_and_those_of_a_script_are_the_scripts(
    serve: Callable[..., Served], tmp_path: Path, workers: int
) -> None:
    model = script(tmp_path / "model", FAILS)
    served = serve(model, log_format="json", workers=workers).wait()
    assert served.invoke([[1.0]])[0] == 500
    eventually(lambda: len(lines(served)) >= 2)
    failed = next(line for line in lines(served) if line["level"] == "ERROR")
    assert (failed["logger"], failed["message"]) == (
        "jupyter_ml.serving.inference",
        "The model failed.",
    )
    assert failed["exception"].endswith("KeyError: 'tall'")
    assert (failed["pid"] == served.process.pid) == (workers == 1)
    others = [line for line in served.log().splitlines() if not line.startswith("{")]
    assert others == ["of the script"] * workers


def test_a_model_that_cannot_be_loaded_is_told_in_a_line(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    model = script(tmp_path / "model", "def model_fn(d): raise OSError('no weights')\n")
    served = serve(model, log_format="json")
    assert served.wait_for_end() == 1
    (line,) = lines(served)
    assert line["message"] == "Loading the model failed: OSError: no weights"
    assert line["exception"].startswith("Traceback")


def test_text_is_as_readable_as_ever(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(script(tmp_path / "model", FAILS)).wait()
    assert served.invoke([[1.0]])[0] == 500
    assert "The model failed.\nTraceback (most recent call last):\n" in served.log()
    assert served.log().rstrip().endswith("KeyError: 'tall'")
