"""One worker: the container contract, limits, tokens, the self test, failures to load."""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving import server
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.testing import eventually
from tests.serving.conftest import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.conftest import Fitted, Served


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


def test_a_body_does_not_wait_for_its_headers_to_be_acknowledged(tmp_path: Path) -> None:
    config = ServeConfig(tmp_path, "e", "AllTraffic", tmp_path, "t")
    with server._listening_socket(config) as listener, socket.socket() as caller:
        caller.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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
