"""What a source archive says of where it came from."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from jupyter_ml.core import provenance

TOLD = {"notebook": "work.ipynb", "cell_id": "a1"}


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", [provenance.PROVENANCE, f"./{provenance.PROVENANCE}"])
def test_the_provenance_of_an_archive_is_read(tmp_path, name):
    files = {"train.py": b"pass", name: json.dumps(TOLD).encode()}
    assert provenance.read_provenance(archive(tmp_path / "s.tar.gz", files)) == TOLD


def test_what_is_far_behind_is_not_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "FAR_BYTES", 10_000)
    files = {"data.bin": bytes(20_000), provenance.PROVENANCE: json.dumps(TOLD).encode()}
    assert provenance.read_provenance(archive(tmp_path / "s.tar.gz", files)) == {}


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00 cut off"])
def test_what_is_no_archive_has_no_provenance(tmp_path, content):
    (tmp_path / "s.tar.gz").write_bytes(content)
    assert provenance.read_provenance(tmp_path / "s.tar.gz") == {}


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff"])
def test_a_provenance_that_cannot_be_read_counts_as_none(tmp_path, text):
    path = archive(tmp_path / "s.tar.gz", {provenance.PROVENANCE: text})
    assert provenance.read_provenance(path) == {}
