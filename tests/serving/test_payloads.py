"""Rows of each content type: read alike, and explained where they are none."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from jupyter_ml.serving.columns import PayloadError, Schema
from jupyter_ml.serving.dtypes import Dtype
from jupyter_ml.serving.payloads import decode, encode, written_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.conftest import Fitted, Served


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


LONG = "x" * 6_000_000


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_a_value_of_megabytes_is_refused_in_a_sentence(content_type: str) -> None:
    body = f"a\n{LONG}" if content_type == "text/csv" else json.dumps([[LONG]])
    for schema in (
        Schema(("a",), 1),
        Schema(("a",), 1, as_frame=True, dtypes={"a": Dtype("float64")}),
        Schema(("a",), 1, as_frame=True, dtypes={"a": Dtype("category", ("b", "c"))}),
    ):
        with pytest.raises(PayloadError, match=r"Row 1, column .*'xxx.*\.\.\.' is not") as refused:
            decode(body.encode(), content_type, schema)
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"columns": ["a", "b", "a"], "data": [[1, 2, 3]]}, "The column 'a' is named twice."),
        ([[1, None], [10**400, 2]], "A number in the columns '0' is too large."),
    ],
)
def test_a_frame_of_a_model_that_names_no_columns_is_looked_at(body: Any, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        decode(json.dumps(body).encode(), "application/json", Schema(as_frame=True))


def test_a_number_that_no_type_of_a_frame_holds_is_named() -> None:
    schema = Schema(("a",), 1, as_frame=True, dtypes={"a": Dtype("float32")})
    with pytest.raises(PayloadError, match=r"Row 2, column 'a': 1000.*\.\.\. is not"):
        decode(json.dumps([[1], [10**400]]).encode(), "application/json", schema)


def test_a_text_of_megabytes_is_read() -> None:
    schema = Schema(("a", "b"), 2, as_frame=True, dtypes={"a": Dtype("object")})
    frame = decode(f'"{LONG}",1\n"{LONG}",2'.encode(), "text/csv", schema)
    assert frame["a"].map(len).tolist() == [len(LONG)] * 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([[1.0, 2.0]], "The model takes 30 columns ('mean radius', "),
        ([[1.0] * 30, [1.0] * 29], "Row 2 has 29 values, not 30."),
        ([[1.0] * 29 + ["tall"]], "Row 1, column 30: 'tall' is not a number."),
        ([[1.0] * 29 + [10**400]], "Row 1, column 30: 1000"),
        (b"{", "The body is not JSON"),
        ({"columns": 5, "data": [[1.0]]}, "The columns are 5, not a list of names."),
        ({"columns": "ab", "data": [[1.0, 2.0]]}, "The columns are 'ab', not a list of names."),
        ([{"features": [1.0] * 30}, {"x": 3}], "Record 2 has other columns than the first one: "),
        ([{"features": [1.0] * 30}, 5], "Record 2 has other columns than the first one: 5."),
        ([{"features": [1.0] * 30}, {"features": 5}], "Row 2 is 5, not a list of values."),
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
        (npy(np.zeros((1, 30)))[:10] + b"(" * 118, "is not a .npy array"),
        (npy(np.zeros((1, 30)))[:10] + b"-" * 117 + b"1", "is not a .npy array"),
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


@pytest.mark.parametrize(
    "kind", ["float64", "float32", "float16", "int64", "int32", "int8", "bool"]
)
@pytest.mark.parametrize("width", [None, 0, 1, 3])
def test_rows_that_are_written_together_look_as_if_each_was_alone(
    kind: str, width: int | None
) -> None:
    drawn = np.random.default_rng(0).normal(0, 3, (7, 9))
    drawn[1:3, :2] = np.nan, np.inf
    drawn[3] = 0.1
    with np.errstate(invalid="ignore"):
        whole = drawn.astype(kind)
    array = whole[:, 0] if width is None else whole[:, :width]
    forms = [array, array.copy(), np.asfortranarray(array), array[:1]]
    if width is None:
        forms.append(pd.Series(array))
    for predictions in forms:
        together = written_each(predictions)
        alone = [
            encode(predictions[at : at + 1], "application/json")[0]
            for at in range(len(predictions))
        ]
        assert together in (alone, None)
        assert (together is None) == (kind in {"float16", "int8"})


@pytest.mark.parametrize(
    "predictions",
    [np.array(["a", "b"]), np.zeros((2, 2, 2)), [1.0, 2.0], np.array([{}, 1], dtype=object)],
)
def test_what_is_no_plain_array_is_not_written_together(predictions: Any) -> None:
    assert written_each(predictions) is None
