"""The Open Inference Protocol over plain HTTP, in the form of its published examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import jupyter_ml
from tests.serving.conftest import LIMIT, script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.conftest import Fitted, Served

INFER = "/v2/models/e/infer"


def infer(served: Served, request: Any, **headers: str) -> tuple[int, Any]:
    """Return status and parsed answer of one request for predictions."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    status, answer = served.request(
        "POST", INFER, body, {"Content-Type": "application/json", **headers}
    )
    return status, json.loads(answer)


def get(served: Served, path: str) -> tuple[int, Any]:
    """Return status and parsed answer of a GET."""
    status, answer = served.request("GET", path)
    return status, json.loads(answer)


def matrix(rows: Any, datatype: str = "FP64", **members: Any) -> dict[str, Any]:
    """Return one input of two dimensions, its data flat."""
    values = np.asarray(rows)
    shape, data = list(values.shape), values.reshape(-1).tolist()
    given = {"name": "rows", "shape": shape, "datatype": datatype, "data": data, **members}
    return {"inputs": [given]}


def test_rows_are_predicted_as_the_model_does(cancer_endpoint: Served, cancer: Fitted) -> None:
    rows = cancer.frame.iloc[:7]
    expected = cancer.estimator.predict(rows).tolist()
    output = {"name": "predictions", "shape": [7], "datatype": "INT64", "data": expected}
    flat = {"id": "42", **matrix(rows), "outputs": [{"name": "predictions"}]}
    answer = {"model_name": "e", "id": "42", "outputs": [output]}
    assert infer(cancer_endpoint, flat) == (200, answer)
    nested = matrix(rows, data=rows.to_numpy().tolist())
    assert infer(cancer_endpoint, nested) == (200, {"model_name": "e", "outputs": [output]})
    in_32_bits = matrix(rows.to_numpy().astype("float32"), "FP32")
    assert infer(cancer_endpoint, in_32_bits)[1]["outputs"] == [output]
    named = [
        {"name": name, "shape": shape, "datatype": "FP64", "data": rows[name].tolist()}
        for name, shape in zip(sorted(rows), [[7], [7, 1]] * 15, strict=True)
    ]
    assert infer(cancer_endpoint, {"inputs": named})[1]["outputs"] == [output]


def test_the_precision_of_the_datatype_is_the_inputs(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    code = "def model_fn(d): return 0\ndef predict_fn(data, model): return data\n"
    served = serve(script(tmp_path / "model", code)).wait()
    value = infer(served, matrix([[0.1, 1.5]], "FP32"))[1]["outputs"][0]
    assert value == {
        "name": "predictions",
        "shape": [1, 2],
        "datatype": "FP64",
        "data": np.asarray([0.1, 1.5], "float32").tolist(),
    }
    assert infer(served, matrix([[0.1]], "FP16"))[1]["outputs"][0]["data"] == [
        float(np.float16(0.1))
    ]
    assert get(served, "/v2/models/e")[1]["outputs"] == []


def test_what_a_script_answers_must_be_a_tensor(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    code = (
        "import json\n"
        "def model_fn(d): return 0\n"
        "def predict_fn(data, model): return data.tolist()\n"
        "answers = {7.0: {'a': 1}, 8.0: ['x', 'y']}\n"
        "def output_fn(p, accept): return json.dumps(answers.get(p[0][0], p))\n"
    )
    served = serve(script(tmp_path / "model", code)).wait()
    status, answer = infer(served, matrix([[7.0]]))
    assert (status, answer["error"][:35]) == (500, "The model's answer is no tensor: it")
    assert infer(served, matrix([[8.0]]))[1]["outputs"] == [
        {"name": "predictions", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]}
    ]


def test_the_server_and_the_model_are_described(cancer_endpoint: Served, cancer: Fitted) -> None:
    server = {"name": "jupyter_ml", "version": jupyter_ml.__version__, "extensions": []}
    assert get(cancer_endpoint, "/v2") == (200, server)
    assert get(cancer_endpoint, "/v2/health/live") == (200, {"live": True})
    assert get(cancer_endpoint, "/v2/health/ready") == (200, {"ready": True})
    assert get(cancer_endpoint, "/v2/models/e/ready") == (200, {"name": "e", "ready": True})
    status, model = get(cancer_endpoint, "/v2/models/e")
    assert (status, model["name"], model["platform"]) == (200, "e", "jupyter_ml")
    assert [given["name"] for given in model["inputs"]] == list(cancer.frame)
    assert model["inputs"][0] == {"name": "mean radius", "datatype": "FP64", "shape": [-1]}
    assert model["outputs"] == [{"name": "predictions", "datatype": "INT64", "shape": [-1]}]


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v2/models/other", 404, "serves the model 'e', and no other"),
        ("GET", "/v2/models/e/versions/1", 404, "has no versions"),
        ("GET", "/v2/repository/index", 404, "/v2/repository/index is not served"),
        ("GET", INFER, 405, "is not served"),
        ("POST", "/v2/health/live", 405, "is not served"),
    ],
)
def test_what_is_not_served_is_said_in_the_protocols_form(
    cancer_endpoint: Served, method: str, path: str, status: int, message: str
) -> None:
    found, body = cancer_endpoint.request(method, path)
    assert found == status
    assert message in json.loads(body)["error"]


def test_every_route_of_the_protocol_asks_for_the_token(cancer_endpoint: Served) -> None:
    for method, path in [("GET", "/v2"), ("GET", "/v2/health/live"), ("POST", INFER)]:
        status, body = cancer_endpoint.request(method, path, token=None)
        assert (status, json.loads(body).keys()) == (401, {"error"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [1, 29]}, "which is 29 values, but its data has 30"),
        ({"shape": [1, 5, 6]}, "takes [rows] or [rows, columns]"),
        ({"shape": [-1, 30]}, "has the shape [-1, 30]"),
        ({"shape": [15, 2]}, "The model takes 30 columns"),
        ({"shape": [30]}, "unexpected 'rows'"),
        ({"datatype": "FLOAT"}, "the datatype 'FLOAT', not one of 'FP16'"),
        ({"datatype": "INT8", "data": [300] * 30}, "that the datatype INT8 cannot hold"),
        ({"datatype": "INT8", "data": [0.5] * 30}, "0.5 is no value of the datatype INT8"),
        ({"datatype": "BOOL", "data": [1] * 30}, "1 is no value of the datatype BOOL"),
        ({"datatype": "FP32", "data": [True] * 30}, "True is no value of the datatype FP32"),
        ({"datatype": "FP32", "data": [1e300] * 30}, "that the datatype FP32 cannot hold"),
        ({"datatype": "BYTES", "data": ["tall"] * 30}, "'tall' is not a number"),
        ({"data": [[1.0] * 30, [1.0]]}, "nested as [2, 30]"),
        ({"data": [[1.0] * 29]}, "nested as [1, 29]"),
        ({"data": "x"}, "must be a list, not str"),
        ({"name": None}, "the name None"),
        ({"parameters": {"binary_data_size": 240}}, "the binary data extension is not served"),
        ({"parameters": {"shared_memory_region": "a"}}, "nothing is taken and ignored"),
        ({"contents": {}}, "members that are not served: 'contents'"),
    ],
)
def test_an_input_that_is_wrong_is_explained(
    cancer_endpoint: Served, change: dict[str, Any], message: str
) -> None:
    status, answer = infer(cancer_endpoint, matrix([[1.0] * 30], **change))
    assert status == 400
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"binary_data_output": True}}, "the binary data extension is not served"),
        ({"parameters": {"sequence_id": 1}}, "'sequence_id' with the value 1"),
        ({"outputs": [{"name": "logits"}]}, "the endpoint answers 'predictions'"),
        ({"id": 7}, "The id is 7, not a string"),
        ({"inputs": []}, "no inputs"),
        ({"raw_input_contents": []}, "'raw_input_contents'"),
    ],
)
def test_a_request_that_asks_for_more_is_refused(
    cancer_endpoint: Served, change: dict[str, Any], message: str
) -> None:
    status, answer = infer(cancer_endpoint, {**matrix([[1.0] * 30]), **change})
    assert status == 400
    assert message in answer["error"]


def test_what_says_no_more_than_what_is_done_is_taken(cancer_endpoint: Served) -> None:
    request = matrix([[1.0] * 30], parameters={"content_type": "np"})
    request["outputs"] = [{"name": "predictions", "parameters": {"binary_data": False}}]
    assert infer(cancer_endpoint, request)[0] == 200


def test_binary_and_encoded_bodies_are_refused(cancer_endpoint: Served) -> None:
    request = matrix([[1.0] * 30])
    header = {"Inference-Header-Content-Length": "10"}
    status, answer = infer(cancer_endpoint, request, **header)
    assert (status, "binary data extension" in answer["error"]) == (400, True)
    assert infer(cancer_endpoint, request, **{"Content-Encoding": "gzip"})[0] == 415
    assert infer(cancer_endpoint, request, **{"Content-Type": "text/csv"})[0] == 415
    assert infer(cancer_endpoint, b"{")[0] == 400
    assert infer(cancer_endpoint, {"id": "\ud800", **request})[0] == 400
    assert infer(cancer_endpoint, b"[" * 99_999)[0] == 400
    assert infer(cancer_endpoint, [])[0] == 400


def test_the_limits_and_the_counters_are_those_of_invocations(cancer_endpoint: Served) -> None:
    def counted() -> tuple[int, int]:
        figures = get(cancer_endpoint, "/metrics.json")[1]
        return figures["requests"], figures["errors_4xx"]

    requests, errors = counted()
    body = json.dumps(matrix([[1.0] * 30])).encode()
    assert infer(cancer_endpoint, body.ljust(LIMIT))[0] == 200
    status, answer = infer(cancer_endpoint, body.ljust(LIMIT + 1))
    assert (status, list(answer)) == (413, ["error"])
    assert counted() == (requests + 2, errors + 1)


def test_workers_answer_it_too(serve: Callable[..., Served], cancer: Fitted) -> None:
    served = serve(cancer.model_dir, workers=2).wait()
    rows = cancer.frame.iloc[:2000]
    expected = cancer.estimator.predict(rows).tolist()
    assert infer(served, matrix(rows))[1]["outputs"][0]["data"] == expected
    assert get(served, "/v2/models/e")[1]["outputs"][0]["datatype"] == "INT64"


def test_a_call_that_takes_too_long_is_told(serve: Callable[..., Served], tmp_path: Path) -> None:
    code = (
        "import threading\ndef model_fn(d): return 0\n"
        "def predict_fn(data, model): threading.Event().wait(30)\n"
    )
    served = serve(script(tmp_path / "model", code), timeout_s=0.3).wait()
    status, answer = infer(served, matrix([[1.0]]))
    assert (status, answer["error"][:42]) == (504, "The model did not answer within 0.3 s. Sen")
