"""Which file system holds a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_ml.core.store.mounts import file_system

MOUNTS = r"""overlay / overlay rw 0 0
proc /proc proc rw 0 0
/dev/sda1 /home ext4 rw 0 0
auto.home /home/ann autofs rw 0 0
server:/ann /home/ann 9p rw 0 0
server:/share /mnt/the\040share nfs4 rw 0 0
/dev/sdb1 /srv nfs rw 0 0
/dev/sdc1 /srv ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/bob/data", "ext4"),
        ("/home/ann/jupyter", "9p"),
        ("/home/anna", "ext4"),
        ("/mnt/the share/workspace", "nfs4"),
        ("/mnt/the", "overlay"),
        ("/srv/workspace", "ext4"),
    ],
)
def test_the_mount_that_covers_a_folder_is_found(tmp_path: Path, folder: str, kind: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    assert file_system(Path(folder), table) == kind


def test_without_a_table_nothing_is_said(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") == ""


def test_the_machine_itself_is_understood() -> None:
    assert file_system(Path("/proc/self")) == "proc"
