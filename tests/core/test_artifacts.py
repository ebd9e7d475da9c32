"""Buckets: where a location leads, and that nothing is ever there by half."""

from __future__ import annotations

import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.contract import errors
from jupyter_ml.core.artifacts import Artifacts
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "buckets", fresh_settings(tmp_path))


def test_an_object_is_a_file_of_its_bucket(artifacts: Artifacts) -> None:
    location = artifacts.put_bytes(b"abc", artifacts.uri("a", "b.txt"))
    assert location == "s3://sagemaker-us-east-1-000000000000/a/b.txt"
    assert artifacts.resolve(location).read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("s3://elsewhere/key", "not in this workspace"),
        ("s3://sagemaker-us-east-1-000000000000/../../x", "leaves its bucket"),
        ("s3://UPPER/key", "no bucket"),
        ("relative/path", "not a location"),
        ("https://host/key", "not a location"),
    ],
)
def test_other_locations_are_refused(artifacts: Artifacts, location: str, says: str) -> None:
    with pytest.raises(errors.ValidationException, match=says):
        artifacts.resolve(location)


def test_the_same_folder_may_be_stored_by_many_at_once(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.csv").write_text("1,2")
    at_once = threading.Barrier(8)

    def store(_: int) -> int:
        at_once.wait(30)
        stored = artifacts.resolve(artifacts.put_cached(folder))
        at_once.wait(30)
        return len([file.read_text() for file in stored.iterdir()])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(store, range(8))) == [50] * 8
    assert [file.name for file in artifacts.resolve(artifacts.uri("inputs")).glob("*/*")] == [
        "data"
    ]


def test_the_same_content_is_stored_once(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2")
    first = artifacts.put_cached(tmp_path / "data.csv")
    written = artifacts.resolve(first).stat().st_mtime_ns
    assert artifacts.put_cached(tmp_path / "data.csv") == first
    assert artifacts.resolve(first).stat().st_mtime_ns == written


def test_a_write_that_fails_leaves_nothing(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        artifacts.tar(tmp_path / "missing", artifacts.uri("a.tar.gz"))
    assert [path for path in artifacts.root.rglob("*") if path.is_file()] == []


def test_what_would_fill_the_disk_is_refused_with_the_numbers(tmp_path: Path) -> None:
    crowded = Artifacts(tmp_path, fresh_settings(tmp_path, free_floor_mb=1 << 40))
    with pytest.raises(errors.ResourceLimitExceeded, match=r"3 bytes and [0-9,]+ are free"):
        crowded.put_bytes(b"abc", crowded.uri("a"))


def test_publishing_twice_is_harmless(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("m")
    artifacts.publish(tmp_path / "model", artifacts.uri("model"))
    artifacts.publish(tmp_path / "model", artifacts.uri("model"))
    assert artifacts.resolve(artifacts.uri("model")).read_text() == "m"


def test_a_folder_is_packed_with_its_content_at_the_top(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("pass")
    location = artifacts.tar(tmp_path / "source", artifacts.uri("source.tar.gz"))
    with tarfile.open(artifacts.resolve(location)) as archive:
        assert archive.getnames() == ["train.py"]
