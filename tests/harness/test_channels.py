from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.core import artifacts
from jupyter_ml.harness import channels
from jupyter_ml.harness.channels import Channel, NoData, digest, fetch, items_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "buckets" / "data-bucket"
    for name in ("set/train/a.csv", "set/train/deep/b.csv", "set/train.csv", "set/test.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _names(bucket: Path, key: str, **more: Any) -> list[str]:
    rank, members = more.pop("rank", 0), more.pop("members", 1)
    channel = Channel("train", f"s3://data-bucket/{key}", bucket / key.rstrip("/"), **more)
    return [item.name for item in items_of(channel, bucket.parent, rank, members)]


def test_a_prefix_that_is_a_folder_brings_what_is_below(bucket: Path) -> None:
    assert _names(bucket, "set/train/") == ["a.csv", "deep/b.csv"]


def test_a_prefix_that_is_a_file_brings_it(bucket: Path) -> None:
    assert _names(bucket, "set/train.csv") == ["train.csv"]


def test_a_prefix_may_end_within_a_name(bucket: Path) -> None:
    assert _names(bucket, "set/tr") == ["train/a.csv", "train/deep/b.csv", "train.csv"]


@pytest.mark.parametrize("key", ["set/x", "set/train.csv/", "nothing/at/all"])
def test_a_prefix_of_nothing_is_refused(bucket: Path, key: str) -> None:
    with pytest.raises(NoData, match="No S3 objects found"):
        _names(bucket, key)


def test_members_get_shares_that_are_disjoint_and_complete(bucket: Path) -> None:
    shares = [_names(bucket, "set/", sharded=True, rank=rank, members=3) for rank in range(3)]
    assert sorted(name for share in shares for name in share) == _names(bucket, "set/")
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_manifest_brings_what_it_names(bucket: Path) -> None:
    manifest = [{"prefix": "s3://data-bucket/set/"}, "test.csv", "train/a.csv"]
    (bucket / "m.json").write_text(json.dumps(manifest))
    assert _names(bucket, "m.json", kind="ManifestFile") == ["test.csv", "train/a.csv"]


def test_a_manifest_that_names_nothing_there_is_refused(bucket: Path) -> None:
    (bucket / "m.json").write_text(json.dumps([{"prefix": "s3://data-bucket/set/"}, "no.csv"]))
    with pytest.raises(NoData, match=r"set/no\.csv"):
        _names(bucket, "m.json", kind="ManifestFile")


def test_a_manifest_that_is_none_is_refused(bucket: Path) -> None:
    (bucket / "m.json").write_text("{}")
    with pytest.raises(NoData, match="must be a JSON list"):
        _names(bucket, "m.json", kind="ManifestFile")


def test_what_is_fetched_is_a_copy_that_can_be_changed(bucket: Path, tmp_path: Path) -> None:
    (bucket / "set" / "test.csv").chmod(0o400)
    channel = Channel("train", "s3://data-bucket/set/", bucket / "set")
    items = items_of(channel, bucket.parent)
    assert fetch(items, tmp_path / "out") == sum(item.size for item in items)
    for item in items:
        assert (tmp_path / "out" / item.name).read_bytes() == item.path.read_bytes()
    (tmp_path / "out" / "test.csv").write_text("changed")
    assert (bucket / "set" / "test.csv").read_text() == "set/test.csv"


@pytest.mark.parametrize("key", ["set/test.csv", "set"])
def test_data_has_the_hash_that_it_has_when_it_is_sent(bucket: Path, key: str) -> None:
    (bucket / "set" / "train-2").mkdir()
    (bucket / "set" / "train-2" / "c.csv").write_text("c")
    channel = Channel("train", f"s3://data-bucket/{key}", bucket / key, sharded=True)
    known = digest(channel, bucket.parent)
    assert known == artifacts.digest(bucket / key)
    (bucket / "set" / "test.csv").write_text("SET/TEST.CSV")
    assert digest(channel, bucket.parent) != known


def test_too_much_data_is_not_hashed(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel("train", "s3://data-bucket/set", bucket / "set")
    monkeypatch.setattr(channels, "MOST_HASHED_BYTES", 10)
    assert digest(channel, bucket.parent) is None
