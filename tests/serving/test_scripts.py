"""Inference scripts: what they replace, how they fail, and how long they may take."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jupyter_ml.testing import eventually
from tests.serving.conftest import script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.conftest import Fitted, Served


def test_sigterm_answers_what_has_come_and_ends_well(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(
        tmp_path / "slow",
        "import time\n"
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept):\n"
        "    print('began', flush=True); time.sleep(1); return body\n",
    )
    served = serve(folder).wait()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(served.invoke({"a": 1})))
    thread.start()
    eventually(lambda: "began" in served.log())
    served.process.send_signal(signal.SIGTERM)
    thread.join()
    assert answers == [(200, {"a": 1})]
    assert served.wait_for_end() == 0


def test_a_script_may_replace_some_functions(
    serve: Callable[..., Served], cancer: Fitted, tmp_path: Path
) -> None:
    folder = script(
        tmp_path / "partial",
        "import joblib, pathlib\n"
        f"def model_fn(d): return joblib.load({str(cancer.model_dir / 'model.joblib')!r})\n"
        "def predict_fn(data, model): return model.predict_proba(data)[:, 1]\n",
    )
    served = serve(folder).wait()
    rows = cancer.frame.iloc[:3]
    expected = cancer.estimator.predict_proba(rows)[:, 1]
    status, answer = served.invoke(rows.to_dict(orient="split"))
    assert status == 200
    assert np.array_equal(answer["predictions"], expected)
    assert served.read("ready.json")["passed"] is None


def test_a_script_may_speak_its_own_content_types(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(
        tmp_path / "own",
        "def model_fn(d): return 2\n"
        "def input_fn(body, content_type): return body, content_type\n"
        "def predict_fn(data, model): return data[0] * model\n"
        "def output_fn(prediction, accept): return prediction, 'application/x-twice'\n",
    )
    served = serve(folder).wait()
    assert served.request("POST", "/invocations", b"ab", {"Content-Type": "application/x-own"}) == (
        200,
        b"abab",
    )


@pytest.mark.parametrize("kind", ["'text/a\\r\\nX-Other: b'", "None", "b'text/a'"])
def test_a_content_type_that_is_no_line_of_text_is_refused(
    serve: Callable[..., Served], tmp_path: Path, kind: str
) -> None:
    text = f"def model_fn(d): return 0\ndef transform_fn(m, body, ct, accept): return '', {kind}\n"
    served = serve(script(tmp_path / "odd", text)).wait()
    status, answer = served.invoke({})
    assert (status, answer["type"]) == (500, "ModelError")
    assert "return one line of text" in answer["message"]


def test_an_exception_in_the_script_is_a_model_error_and_logged(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(
        tmp_path / "broken",
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept): raise KeyError('lost')\n",
    )
    served = serve(folder).wait()
    answer = {"message": "KeyError: 'lost'", "type": "ModelError"}
    assert served.invoke({}) == (500, answer)
    assert 'inference.py", line 2, in transform_fn' in served.log()


def test_a_model_that_hangs_is_timed_out_and_the_next_request_is_answered(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(
        tmp_path / "hangs",
        "import time\n"
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept):\n"
        "    if body == '\"hang\"': time.sleep(600)\n"
        "    return body\n",
    )
    served = serve(folder, timeout_s=1).wait()
    began = time.monotonic()
    status, answer = served.invoke("hang")
    assert (status, answer["type"]) == (504, "ModelError")
    assert "did not answer within 1 s" in answer["message"]
    assert time.monotonic() - began < 5
    assert served.invoke({"a": 1}) == (200, {"a": 1})
    served.process.send_signal(signal.SIGTERM)
    assert served.wait_for_end() == 0


def test_a_model_that_cannot_be_loaded_says_where(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = script(tmp_path / "fails", "def model_fn(d):\n    return {}['weights']\n")
    served = serve(folder)
    assert served.wait_for_end() == 1
    failure = served.read("failure.json")
    assert failure["Message"] == "Loading the model failed: KeyError: 'weights'"
    assert failure["ExceptionType"] == "KeyError"
    frame = failure["Frames"][-1]
    assert (frame["Line"], frame["Function"]) == (2, "model_fn")
    assert served.read("ready.json") is None
    assert "KeyError" in served.log()
