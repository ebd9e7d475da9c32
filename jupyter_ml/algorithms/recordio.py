"""Records as SageMaker's algorithms take them: RecordIO frames, each a record of protobuf.

A frame is the magic number, the length and the record, padded to four bytes. A record maps names to
tensors: features and label are both called ``values``. A tensor has values, and where it is sparse
keys, the columns of them, and a shape.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT_TYPE: Final = "application/x-recordio-protobuf"
_FRAME = struct.Struct("<II")
_MAGIC: Final = 0xCED7230A
_LONGEST: Final = (1 << 29) - 1
_WIDEST: Final = (1 << 31) - 1
_NAME: Final = b"values"
_FEATURES, _LABEL = 1, 2
_KEY, _VALUE = 1, 2
_VALUES, _KEYS, _SHAPE = 1, 2, 3
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_INT_32: Final = "int32"
# Which tensor of a value has which type; there are bytes, too, which no built-in algorithm takes.
_TYPES: Final = {2: "<f4", 3: "<f8", 7: _INT_32}


class NotRecords(ValueError):
    """A file or a record is not what it must be; says what and where."""


@dataclass
class _Tensor:
    values: Any
    keys: list[int] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)

    @property
    def is_sparse(self) -> bool:
        is_full = not self.shape or int(np.prod(self.shape)) == len(self.values)
        return bool(self.keys) or not is_full

    @property
    def width(self) -> int:
        return max([*self.shape[-1:], *(key + 1 for key in self.keys), 0])


def read_records(path: Path) -> tuple[Any, Any]:
    """Return the features and the labels of all records in a file.

    Returns
    -------
    features : of shape (n_records, n_columns), float32
        Dense, or a CSR matrix where any record is sparse.
    labels : ndarray of shape (n_records,), float32

    Raises
    ------
    NotRecords
        It has none, or one that is cut off, lacks a label or is as long as no other.
    """
    tensors, labels = [], []
    for number, record in enumerate(_frames(path.read_bytes()), 1):
        try:
            features, label = _record(record)
        except (IndexError, ValueError) as error:
            reason = str(error) if isinstance(error, NotRecords) else "is no record"
            msg = f"record {number} {reason}"
            raise NotRecords(msg) from None
        tensors.append(features)
        labels.append(label)
    if not tensors:
        msg = "it has no records"
        raise NotRecords(msg)
    if any(tensor.is_sparse for tensor in tensors):
        return _sparse(tensors), np.asarray(labels, np.float32)
    width = len(tensors[0].values)
    for number, tensor in enumerate(tensors, 1):
        if len(tensor.values) != width:
            msg = f"record {number} has {len(tensor.values)} features, not {width}"
            raise NotRecords(msg)
    return np.stack([tensor.values for tensor in tensors]), np.asarray(labels, np.float32)


def _frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if len(data) - at < _FRAME.size:
            msg = "its last record is cut off"
            raise NotRecords(msg)
        magic, length = _FRAME.unpack_from(data, at)
        at += _FRAME.size
        if magic != _MAGIC:
            msg = f"byte {at - _FRAME.size} does not begin a record of RecordIO"
            raise NotRecords(msg)
        if length > _LONGEST:
            msg = "a record is in several parts, which no SDK of SageMaker writes"
            raise NotRecords(msg)
        if at + length > len(data):
            msg = "its last record is cut off"
            raise NotRecords(msg)
        yield data[at : at + length]
        at += length + -length % 4


def _record(data: bytes) -> tuple[_Tensor, float]:
    found = {_FEATURES: None, _LABEL: None}
    for number, entry in _fields(data):
        if number in found:
            named = dict(_fields(entry))
            if named.get(_KEY) != _NAME:
                msg = f"names a tensor {named.get(_KEY)!r}; only {_NAME!r} is taken"
                raise NotRecords(msg)
            found[number] = named.get(_VALUE, b"")
    features, label = found[_FEATURES], found[_LABEL]
    if features is None or label is None:
        msg = f"has no {'features' if features is None else 'label'}"
        raise NotRecords(msg)
    values = _tensor(label).values
    if len(values) != 1:
        msg = f"has {len(values)} labels, not one"
        raise NotRecords(msg)
    return _tensor(features), float(values[0])


def _tensor(data: bytes) -> _Tensor:
    for number, content in _fields(data):
        if number not in _TYPES:
            continue
        values: list[Any] = []
        tensor = _Tensor(np.empty(0, np.float32))
        for part, value in _fields(content):
            if part == _VALUES:
                values.append(_numbers(value, _TYPES[number]))
            elif part == _KEYS:
                tensor.keys += _whole(value)
            elif part == _SHAPE:
                tensor.shape += _whole(value)
        if values:
            tensor.values = np.concatenate(values).astype(np.float32)
        if tensor.width > _WIDEST:
            msg = f"has {tensor.width:,} columns; {_WIDEST:,} are taken at most"
            raise NotRecords(msg)
        if tensor.is_sparse and len(tensor.keys) != len(tensor.values):
            msg = f"has {len(tensor.keys)} keys for {len(tensor.values)} values"
            raise NotRecords(msg)
        return tensor
    msg = "has a value that is no tensor of numbers"
    raise NotRecords(msg)


def _sparse(tensors: list[_Tensor]) -> Any:
    columns = [
        np.asarray(tensor.keys if tensor.is_sparse else range(len(tensor.values)), np.int64)
        for tensor in tensors
    ]
    width = max(tensor.width if tensor.is_sparse else len(tensor.values) for tensor in tensors)
    starts = np.concatenate([[0], np.cumsum([len(each) for each in columns])])
    values = np.concatenate([tensor.values for tensor in tensors])
    return csr_matrix((values, np.concatenate(columns), starts), shape=(len(tensors), width))


def _numbers(value: Any, kind: str) -> Any:
    """Return the numbers of a field: packed together, or one that stands alone."""
    if kind != _INT_32:
        return np.frombuffer(_message(value), kind)
    # A negative one is written as the 64 bits of it.
    return np.asarray([each - (each >> 63 << 64) for each in _whole(value)], np.float64)


def _whole(value: bytes | int) -> list[int]:
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _message(value: Any) -> bytes:
    if not isinstance(value, bytes):
        msg = "has a number where there must be more"
        raise NotRecords(msg)
    return value


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a message: numbers as they are, all else as bytes."""
    data, at = _message(message), 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED_32, _FIXED_64):
            length = 4 if kind == _FIXED_32 else 8
        else:
            raise IndexError(kind)
        if at + length > len(data):
            raise IndexError(at)
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
