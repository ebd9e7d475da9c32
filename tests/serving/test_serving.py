"""One worker: the container contract, limits, tokens, the self test, failures to load."""

from __future__ import annotations

import io
import json
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jupyter_ml.serving.columns import PayloadError, Schema
from jupyter_ml.serving.payloads import decode
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.conftest import Fitted, Served

LIMIT = 6_291_456


def script(folder: Path, text: str) -> Path:
    """Return a model folder with this inference script and no model."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text(text)
    return folder


def test_a_row_is_predicted_as_the_model_does(cancer_endpoint: Served, cancer: Fitted) -> None:
    rows = cancer.frame.iloc[:7]
    expected = cancer.estimator.predict(rows).tolist()
    as_split = rows.to_dict(orient="split")
    shuffled = rows[sorted(rows.columns)].to_dict(orient="records")
    csv = rows.to_csv(index=False).encode()
    assert cancer_endpoint.invoke(rows.to_numpy().tolist()) == (200, {"predictions": expected})
    assert cancer_endpoint.invoke(as_split)[1]["predictions"] == expected
    assert cancer_endpoint.invoke(shuffled)[1]["predictions"] == expected
    assert cancer_endpoint.invoke({"instances": shuffled})[1]["predictions"] == expected
    assert cancer_endpoint.invoke(csv, "text/csv")[1]["predictions"] == expected
    no_header = rows.to_csv(index=False, header=False).encode()
    status, text = cancer_endpoint.invoke(no_header, "text/csv; charset=utf-8", Accept="text/csv")
    assert (status, text) == (200, "".join(f"{value}\n" for value in expected))


def test_the_self_test_and_the_versions_are_told_when_it_is_ready(
    cancer_endpoint: Served, cancer: Fitted
) -> None:
    ready = cancer_endpoint.read("ready.json")
    assert ready["passed"] is True
    assert ready["message"].startswith('the sample row -> {"predictions":[')
    assert 0 < ready["milliseconds"] < 5000
    assert ready["columns"] == list(cancer.frame.columns)
    assert ready["is_batching"] is True
    assert [(c["Library"], c["Trained"], c["Ok"]) for c in ready["checks"]] == [
        ("scikit-learn", "0.1.0", False)
    ]
    assert "Trained and served by different versions: scikit-learn 0.1.0" in cancer_endpoint.log()
    sample = json.loads(ready["sample_request"])
    assert cancer_endpoint.invoke(sample)[0] == 200


def test_every_route_asks_for_the_token(cancer_endpoint: Served) -> None:
    # The token is asked for before the path is looked at, so that a new one is no exception.
    routes = [("GET", "/ping"), ("GET", "/metrics.json"), ("POST", "/invocations")]
    for method, path in [*routes, ("GET", "/nothing"), ("DELETE", "/"), ("PATCH", "/ping")]:
        for token in (None, "wrong"):
            assert cancer_endpoint.request(method, path, token=token)[0] == 401
    assert cancer_endpoint.request("GET", "/ping")[0] == 200
    assert cancer_endpoint.request("GET", "/nothing")[0] == 404
    assert cancer_endpoint.request("GET", "/invocations")[0] == 405


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="mean radius"), "missing 'mean radius'"),
        (lambda f: f.assign(target=1), "unexpected 'target'"),
        (
            lambda f: f.rename(columns={"mean radius": "mean radus"}),
            "unexpected 'mean radus' (did you mean 'mean radius'?)",
        ),
        (
            lambda f: f.rename(columns={"mean area": "Mean Area"}),
            "unexpected 'Mean Area' (did you mean 'mean area'?)",
        ),
    ],
)
def test_a_wrong_column_is_named(
    cancer_endpoint: Served, cancer: Fitted, change: Callable[[Any], Any], message: str
) -> None:
    rows = change(cancer.frame.iloc[:2])
    for body, content_type in [
        (rows.to_dict(orient="split"), "application/json"),
        (rows.to_dict(orient="records"), "application/json"),
        (rows.to_csv(index=False).encode(), "text/csv"),
    ]:
        status, answer = cancer_endpoint.invoke(body, content_type)
        assert (status, answer["type"]) == (400, "ValidationError")
        assert message in answer["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([[1.0, 2.0]], "The model takes 30 columns ('mean radius', "),
        ([[1.0] * 30, [1.0] * 29], "Row 2 has 29 values, not 30."),
        ([[1.0] * 29 + ["tall"]], "Row 1, column 30: 'tall' is not a number."),
        (b"{", "The body is not JSON"),
        ([], "The request has no rows."),
        (7, "The body holds int, not rows."),
    ],
)
def test_a_body_that_is_no_table_is_explained(
    cancer_endpoint: Served, body: Any, message: str
) -> None:
    status, answer = cancer_endpoint.invoke(body)
    assert status == 400
    assert message in answer["message"]


def test_other_content_types_are_refused(cancer_endpoint: Served) -> None:
    assert cancer_endpoint.invoke(b"x", "image/png")[0] == 415
    assert cancer_endpoint.invoke([[0.0] * 30], Accept="image/png")[0] == 406


def test_a_body_of_six_mebibytes_is_taken_and_one_byte_more_is_not(
    cancer_endpoint: Served,
) -> None:
    body = json.dumps([[0.0] * 30]).encode()
    assert cancer_endpoint.invoke(body.ljust(LIMIT))[0] == 200
    status, answer = cancer_endpoint.invoke(body.ljust(LIMIT + 1))
    assert status == 413
    assert "6,291,456 bytes; this one has 6,291,457 bytes" in answer["message"]
    assert "batch transform or asynchronous" in answer["message"]


def test_a_chunked_body_that_is_too_large_is_refused(cancer_endpoint: Served) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = (
        "POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: Bearer {'t' * 32}\r\nContent-Type: application/json\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", cancer_endpoint.port), timeout=30) as connection:
        connection.sendall(head.encode() + chunk * 7 + b"0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_requests_at_once_are_answered_as_one_by_one(
    cancer_endpoint: Served, cancer: Fitted
) -> None:
    expected = cancer.estimator.predict(cancer.frame).tolist()
    answers: dict[int, Any] = {}

    def ask(start: int) -> None:
        for index in range(start, 240, 16):
            rows = cancer.frame.iloc[index : index + 1 + index % 3].to_numpy().tolist()
            answers[index] = cancer_endpoint.invoke(rows)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {
        index: (200, {"predictions": expected[index : index + 1 + index % 3]})
        for index in range(240)
    }


def test_what_was_asked_is_counted(serve: Callable[..., Served], cancer: Fitted) -> None:
    served = serve(cancer.model_dir).wait()
    for body in ([[0.0] * 30], [[0.0] * 30], [[0.0]]):
        served.invoke(body)
    metrics = json.loads(served.request("GET", "/metrics.json")[1])
    assert (metrics["requests"], metrics["errors_4xx"], metrics["errors_5xx"]) == (3, 1, 0)
    assert metrics["workers"] == {"desired": 1, "current": 1}
    assert sum(interval["requests"] for interval in metrics["intervals"]) == 3
    assert 0 < metrics["p50_ms"] <= metrics["p99_ms"]
    eventually(lambda: (served.read("metrics.json") or {}).get("requests") == 3)


def test_a_socket_that_the_supervisor_holds_is_used(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        served = serve(
            cancer.model_dir,
            environ={"JUPYTER_ML_LISTEN_FD": str(descriptor)},
            pass_fds=(descriptor,),
        )
        served.port = listener.getsockname()[1]
        # Asked before the model is loaded, it answers when it is.
        assert served.request("GET", "/ping")[0] == 200
        assert served.read("address.json") is None


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


def test_a_sample_row_that_is_not_predicted_fails_the_start(
    serve: Callable[..., Served], cancer: Fitted, tmp_path: Path
) -> None:
    manifest = json.loads((cancer.model_dir / "jupyter_ml.json").read_text())
    manifest["sample"] = {"columns": ["x"], "data": [[1]]}
    manifest["file"] = str(cancer.model_dir / "model.joblib")
    (tmp_path / "jupyter_ml.json").write_text(json.dumps(manifest))
    served = serve(tmp_path)
    assert served.wait_for_end() == 1
    assert "does not predict its own sample" in served.read("failure.json")["Message"]


def test_a_folder_without_a_model_is_explained(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "notes.txt").touch()
    served = serve(folder)
    assert served.wait_for_end() == 1
    assert "the archive holds notes.txt" in served.read("failure.json")["Message"]


def test_the_recorded_tick_runs_once_it_is_ready(
    serve: Callable[..., Served], cancer: Fitted, tmp_path: Path
) -> None:
    mark = tmp_path / "ticked"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    serve(cancer.model_dir, tick=command).wait()
    eventually(mark.exists)


def test_no_token_no_service(serve: Callable[..., Served], cancer: Fitted) -> None:
    served = serve(cancer.model_dir, token="")
    assert served.wait_for_end() == 1
    assert "has no token" in served.log()


def npy(array: Any) -> bytes:
    """Return an array as numpy.save writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_arrays_go_in_and_out_as_numpy_writes_them(cancer_endpoint: Served, cancer: Fitted) -> None:
    rows = cancer.frame.to_numpy()
    expected = cancer.estimator.predict(cancer.frame)
    kinds = {"Content-Type": "application/x-npy", "Accept": "application/x-npy"}
    for sent in (rows, rows[:1], np.asfortranarray(rows[:9]), rows[:9].astype("float32")):
        status, answer = cancer_endpoint.request("POST", "/invocations", npy(sent), kinds)
        assert status == 200
        assert np.array_equal(np.load(io.BytesIO(answer)), expected[: len(sent)])
    status, answer = cancer_endpoint.invoke(npy(rows[0]), "application/x-npy")
    assert (status, answer["predictions"]) == (200, [expected[0]])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[[1, 2]]", "it does not begin as one"),
        (npy(np.zeros((2, 3))), "The model takes 30 columns"),
        (npy(np.zeros((2, 3, 4))), "The array has 3 dimensions"),
        (npy(np.zeros((0, 30))), "The request has no rows."),
        (npy(np.full((1, 30), "tall")), "The array holds <U4 values, and the model takes numbers."),
        (npy(np.zeros((2, 30)))[:-8], "is not a .npy array"),
        (npy(np.zeros(1, dtype=[("a", "f8")])), "not numbers or text"),
        (npy(np.zeros((1, 30)))[:40], "is not a .npy array"),
    ],
)
def test_what_is_no_array_of_rows_is_explained(
    cancer_endpoint: Served, body: bytes, message: str
) -> None:
    status, answer = cancer_endpoint.invoke(body, "application/x-npy")
    assert status == 400
    assert message in answer["message"]


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4",
        "1.5,2e3\r\n-3,4\r\n",
        "a,b\n1,2\n3,4\n",
        "b,a\n1,2\n",
        '"a","b"\n1,2\n',
        "1,2\n\n3,4",
        "+1,.5\n01,2",
        "1,\n,2",
        "NaN,2\ninf,3",
        "0,1\n5,6",
        " 1 , 2 \n3,4",
        "1_000,2",
    ],
)
@pytest.mark.parametrize("features", [("a", "b"), ("0", "1"), None])
def test_plain_numbers_are_read_as_any_csv_is(text: str, features: Any) -> None:
    schema = Schema(features, 2)

    def read(body: str) -> Any:
        try:
            return decode(body.encode(), "text/csv", schema)
        except PayloadError as error:
            return str(error)

    # A quoted field is never read as plain numbers.
    found, careful = read(text), read(f'{text.rstrip()}\n"7",8')
    if isinstance(found, str):
        assert found == careful
    else:
        assert np.array_equal(found, careful[:-1], equal_nan=True)


@pytest.mark.parametrize("body", ["[[1, 2], [3, 4]]", '{"instances": [[1, 2], [3, 4]]}'])
def test_a_model_that_does_not_tell_its_width_takes_rows_of_any(body: str) -> None:
    rows = decode(body.encode(), "application/json", Schema())
    assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(PayloadError, match="Row 2 has 1 values"):
        decode(b"[[1, 2], [3]]", "application/json", Schema())
