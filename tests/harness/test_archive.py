from __future__ import annotations

import io
import os
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


@pytest.fixture(params=["data filter", "none"])
def _python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try both: Python 3.11.0 to 3.11.3 have no filters for archives."""
    if request.param == "none":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def linking(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, to
    return link


def archive_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


@pytest.mark.usefixtures("_python")
@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    source = archive_of(tmp_path / "x.tar.gz", tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="leaves the folder"):
        unpack(source, tmp_path / "out")


@pytest.mark.usefixtures("_python")
@pytest.mark.parametrize(
    "members",
    [
        [linking("link", "../../etc")],
        [linking("link", "/etc")],
        [linking("deep/link", "../../x")],
        [linking("hard", "../x", tarfile.LNKTYPE)],
        # Each link stays inside by its words, but the second lies elsewhere than it seems to.
        [linking("deep", "."), linking("deep/link", "../x")],
    ],
)
def test_a_link_that_leaves_the_folder_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    source = archive_of(tmp_path / "x.tar.gz", *members)
    with pytest.raises(ValueError, match=r"leaves the folder|cannot be unpacked"):
        unpack(source, tmp_path / "out")
    assert not (tmp_path / "out" / "link").is_symlink()


@pytest.mark.usefixtures("_python")
def test_a_link_inside_of_the_folder_is_kept(tmp_path: Path) -> None:
    blob = tarfile.TarInfo("blobs/one")
    blob.size, blob.uid, blob.mode = 3, 4242, 0o4777
    source = archive_of(tmp_path / "x.tar.gz", blob, linking("snapshots/main/w", "../../blobs/one"))
    unpack(source, tmp_path / "out")
    assert (tmp_path / "out" / "snapshots" / "main" / "w").read_bytes() == b"xxx"
    # Whoever packed it says nothing about owners and rights here.
    found = (tmp_path / "out" / "blobs" / "one").stat()
    assert (found.st_uid, found.st_mode & 0o7022) == (os.getuid(), 0)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_text("no")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")
