"""Records as Google's own protobuf writes them, read without it."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from scipy import sparse

from jupyter_ml.algorithms.recordio import CONTENT_TYPE, NotRecords, read_records
from jupyter_ml.algorithms.tables import DataError, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.training.conftest import HarnessRun

FIELD = descriptor_pb2.FieldDescriptorProto
MAGIC = 0xCED7230A


def _message(file: Any, name: str, *fields: tuple[str, int, Any, str | None]) -> Any:
    message = file.message_type.add(name=name)
    for each, number, kind, of in fields:
        made = message.field.add(name=each, number=number, label=FIELD.LABEL_OPTIONAL)
        if isinstance(kind, str):
            made.type, made.type_name = FIELD.TYPE_MESSAGE, f".data.{kind}"
        else:
            made.type = kind
        if of:
            made.label = FIELD.LABEL_REPEATED
            if of != "bare":
                made.options.packed = of == "packed"
    return message


def _record_class(packed: str) -> Any:
    """Return the class of a record, as the documentation of its format declares it."""
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="data", syntax="proto2")
    for name, kind in (("32", FIELD.TYPE_FLOAT), ("64", FIELD.TYPE_DOUBLE)):
        _tensor(file, f"Float{name}Tensor", kind, packed)
    _tensor(file, "Int32Tensor", FIELD.TYPE_INT32, packed)
    _message(file, "Bytes", ("value", 1, FIELD.TYPE_BYTES, "bare"))
    value = _message(
        file,
        "Value",
        ("float32_tensor", 2, "Float32Tensor", None),
        ("float64_tensor", 3, "Float64Tensor", None),
        ("int32_tensor", 7, "Int32Tensor", None),
        ("bytes", 9, "Bytes", None),
    )
    value.oneof_decl.add(name="value")
    for each in value.field:
        each.oneof_index = 0
    record = _message(
        file,
        "Record",
        ("features", 1, "Record.FeaturesEntry", "bare"),
        ("label", 2, "Record.LabelEntry", "bare"),
        ("uid", 3, FIELD.TYPE_STRING, None),
    )
    for name in ("FeaturesEntry", "LabelEntry"):
        entry = record.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
        entry.field.add(
            name="value",
            number=2,
            type=FIELD.TYPE_MESSAGE,
            type_name=".data.Value",
            label=FIELD.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("data.Record"))


def _tensor(file: Any, name: str, kind: Any, packed: str) -> None:
    _message(
        file,
        name,
        ("values", 1, kind, packed),
        ("keys", 2, FIELD.TYPE_UINT64, packed),
        ("shape", 3, FIELD.TYPE_UINT64, packed),
    )


RECORD = _record_class("packed")
TENSORS = {"f4": "float32_tensor", "f8": "float64_tensor", "i4": "int32_tensor"}


def written(features: Any, labels: Any, kind: str = "f4", record_class: Any = RECORD) -> bytes:
    """Return rows as SageMaker's SDK writes them, dense or sparse."""
    file = io.BytesIO()
    for row, label in zip(features, labels, strict=True):
        record = record_class()
        tensor = getattr(record.features["values"], TENSORS[kind])
        if sparse.issparse(features):
            tensor.values.extend(row.data.tolist())
            tensor.keys.extend(row.indices.tolist())
            tensor.shape.append(features.shape[1])
        else:
            tensor.values.extend(row.tolist())
        getattr(record.label["values"], TENSORS[kind]).values.append(label)
        framed(file, record.SerializeToString())
    return file.getvalue()


def framed(file: io.BytesIO, data: bytes) -> None:
    file.write(struct.pack("<II", MAGIC, len(data)) + data + bytes(-len(data) % 4))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "train").mkdir()
    return tmp_path / "train" / "data.recordio"


@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
@pytest.mark.parametrize("packed", ["packed", "unpacked"])
def test_dense_rows_come_back(path: Path, kind: str, packed: str) -> None:
    rows = np.arange(-20, 40).reshape(12, 5)
    rows[3, 2] = 2_000_000_000 if kind == "i4" else 1
    content = written(rows, range(12), kind, _record_class(packed))
    assert content.startswith(b"\x0a\x23\xd7\xce")
    path.write_bytes(content)
    features, labels = read_records(path)
    assert features.dtype == labels.dtype == np.float32
    np.testing.assert_array_equal(features, rows.astype(np.float32))
    np.testing.assert_array_equal(labels, np.arange(12))


def test_sparse_rows_come_back_with_those_that_are_empty(path: Path) -> None:
    rows = sparse.random(40, 300, density=0.01, format="csr", random_state=1, dtype=np.float32)
    assert 0 in np.diff(rows.indptr)
    path.write_bytes(written(rows, np.arange(40) % 2))
    features, labels = read_records(path)
    assert features.shape == (40, 300)
    np.testing.assert_array_equal(features.toarray(), rows.toarray())
    np.testing.assert_array_equal(labels, np.arange(40) % 2)


@pytest.mark.parametrize("content_type", [CONTENT_TYPE, None])
def test_a_channel_may_hold_several_files_of_records(path: Path, content_type: str | None) -> None:
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    path.write_bytes(written(rows[:4], range(4)))
    path.with_name("more.pbr").write_bytes(written(rows[4:], range(4, 10)))
    table = read_table(path.parent, content_type)
    np.testing.assert_array_equal(table.features, rows)
    np.testing.assert_array_equal(table.labels, np.arange(10))


@pytest.mark.parametrize(
    ("algorithm", "given", "metric"),
    [
        ("linear_learner", {"predictor_type": "binary_classifier"}, "train:objective_loss"),
        ("xgboost", {"num_round": "5", "objective": "binary:logistic"}, "train:logloss"),
    ],
)
def test_a_job_trains_on_records(
    harness: HarnessRun, algorithm: str, given: dict[str, str], metric: str
) -> None:
    labels = np.arange(300) % 2
    rows = np.column_stack([labels * 2.0 - 1, np.arange(300) % 7])
    harness.use_algorithm(algorithm, {"train.recordio": written(rows, labels)}, **given)
    code, output = harness.run()
    assert code == 0, output
    assert harness.metrics[metric].values[-1] < 0.3


def _bare(**tensors: Any) -> bytes:
    record, file = RECORD(), io.BytesIO()
    for member, (name, kind, values) in tensors.items():
        value = getattr(record, member)[name]
        if kind == "bytes":
            value.bytes.value.append(values)
        else:
            getattr(value, TENSORS[kind]).values.extend(values)
    framed(file, record.SerializeToString())
    return file.getvalue()


def _wide() -> bytes:
    record, file = RECORD(), io.BytesIO()
    tensor = record.features["values"].float32_tensor
    tensor.values.append(1.0)
    tensor.keys.append(1 << 63)
    record.label["values"].float32_tensor.values.append(1.0)
    framed(file, record.SerializeToString())
    return file.getvalue()


ROW = ("values", "f4", [1.0, 2.0])
LABEL = ("values", "f4", [1.0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"1,2,3\n4,5,6\n", "byte 0 does not begin a record"),
        (b"", "has no records"),
        (written(np.ones((2, 2)), [0, 1])[:-3], "last record is cut off"),
        (written(np.ones((2, 2)), [0, 1]) + b"\x0a", "last record is cut off"),
        (struct.pack("<II", MAGIC, 1 << 29), "in several parts"),
        (struct.pack("<II", MAGIC, 4) + b"\xff\xff\xff\xff", "record 1 is no record"),
        (_bare(features=ROW), "record 1 has no label"),
        (_bare(label=LABEL), "record 1 has no features"),
        (_bare(features=ROW, label=("values", "f4", [1.0, 2.0])), "2 labels, not one"),
        (_bare(features=("image", "f4", [1.0]), label=LABEL), "names a tensor b'image'"),
        (_wide(), "columns; 2,147,483,647 are taken at most"),
        (_bare(features=("values", "bytes", b"x"), label=LABEL), "no tensor of numbers"),
        (
            _bare(features=ROW, label=LABEL) + written(np.ones((1, 3)), [1]),
            "record 2 has 3 features, not 2",
        ),
    ],
)
def test_what_is_not_records_is_said_to_be_none(path: Path, content: bytes, says: str) -> None:
    path.write_bytes(content)
    with pytest.raises(NotRecords, match=says):
        read_records(path)
    with pytest.raises(DataError, match=rf"data\.recordio cannot be read .*{says}"):
        read_table(path.parent, CONTENT_TYPE)


def test_bytes_that_are_cut_or_turned_anywhere_are_an_error_or_other_numbers(path: Path) -> None:
    content = written(sparse.csr_matrix(np.eye(3, dtype=np.float32)), range(3))
    cut = [content[:at] for at in range(len(content))]
    turned = [
        content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        for at in range(len(content))
        for bit in range(8)
    ]
    for changed in (*cut, *turned):
        path.write_bytes(changed)
        try:
            read_table(path.parent, CONTENT_TYPE)
        except DataError:
            continue
