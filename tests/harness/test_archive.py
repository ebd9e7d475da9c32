from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.harness.archive import pack, unpack

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_packed_is_unpacked_again(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a").write_text("1")
    assert pack(tmp_path / "in", tmp_path / "x.tar.gz")
    unpack(tmp_path / "x.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "deep" / "a").read_text() == "1"


def test_nothing_makes_an_empty_archive(tmp_path: Path) -> None:
    assert not pack(tmp_path / "nothing", tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        assert tar.getmembers() == []


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(ValueError, match="leaves the folder"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "../../etc"
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(link)
    with pytest.raises(ValueError, match="leaves the folder"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_text("no")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")
