"""Backups that were changed, cut off, or are of another kind: nothing of them is restored."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.core.backup.restore import RestoreError
from jupyter_ml.testing import fresh_settings
from tests.core.backup.conftest import back_up, broken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.settings import Settings


def rewritten(backup: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Return a copy of a backup with some of its members changed, or left out."""
    changed = backup.with_name("changed")
    with tarfile.open(backup) as before, tarfile.open(changed, "w:gz") as after:
        for member in before:
            data = change(member.name, before.extractfile(member).read())
            if data is not None:
                member.size = len(data)
                after.addfile(member, io.BytesIO(data))
    return changed


def test_a_changed_event_is_found_in_the_backup_and_in_the_store(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(client, tmp_path / "backup")

    def forge(name: str, data: bytes) -> bytes:
        return data.replace(b'"tester"', b'"nobody"', 1) if "events" in name else data

    second = LocalClient(elsewhere)
    with pytest.raises(RestoreError, match=r"event 1 is not what was written"):
        second.restore(rewritten(tmp_path / "backup", forge))
    with client.runtime.workspace.store.write() as connection:
        connection.exec_driver_sql("UPDATE events SET principal = 'eve' WHERE seq = 2")
    assert back_up(client, tmp_path / "later")["BrokenEvent"] == 2
    with pytest.raises(RestoreError, match="event 2"):
        second.restore(tmp_path / "later")
    # Its owner may want it all the same; the mark stays.
    second.restore(tmp_path / "later", force=True)
    assert broken(second) == 2
    second.runtime.workspace.store.close()


def test_a_backup_that_is_cut_off_damaged_or_none_changes_nothing(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    back_up(client, backup, Files=True)
    whole = backup.read_bytes()
    flipped, sum_of_another = bytearray(whole), bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    sum_of_another[-8] ^= 1
    plain = gzip.decompress(whole)
    wrong = {
        "cut": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "sum of another": bytes(sum_of_another),
        "shorter": gzip.compress(plain[: len(plain) // 1024 // 2 * 512] + bytes(1024)),
        "none": b"something else",
        "empty": b"",
    }
    second = LocalClient(elsewhere)
    for name, data in wrong.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RestoreError, match="damaged"):
            second.restore(tmp_path / name)
        assert not elsewhere.workspace.exists()
    fewer = rewritten(backup, lambda name, data: None if "one.bin" in name else data)
    with pytest.raises(RestoreError, match="damaged"):
        second.restore(fewer)


@pytest.mark.parametrize(
    "name", ["files/../escaped", "/etc/escaped", "files/keys/database-password.json", "other/x"]
)
def test_a_file_that_leads_out_of_the_workspace_is_refused(tmp_path: Path, name: str) -> None:
    client = LocalClient(fresh_settings(tmp_path / "first"))
    client.call("CreateExperiment", {"ExperimentName": "e"})
    back_up(client, tmp_path / "backup")
    with tarfile.open(tmp_path / "backup") as before:
        members = {each.name: before.extractfile(each).read() for each in before}
    with tarfile.open(tmp_path / "evil", "w:gz") as after:
        for path, data in {**members, name: b"evil"}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            after.addfile(member, io.BytesIO(data))
    with pytest.raises(RestoreError, match="is not of a backup"):
        LocalClient(fresh_settings(tmp_path / "second")).restore(tmp_path / "evil")
    client.runtime.workspace.store.close()


def test_a_backup_of_a_newer_program_is_refused_and_one_of_an_older_told_what_to_do(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(client, tmp_path / "backup")
    for schema, says in ((99, "Upgrade jupyter_ml"), (1, "Restore it with that version")):

        def change(name: str, data: bytes, schema: int = schema) -> bytes:
            if name != "backup.json":
                return data
            return json.dumps({**json.loads(data), "schema": schema}).encode()

        with pytest.raises(RestoreError, match=says):
            LocalClient(elsewhere).restore(rewritten(tmp_path / "backup", change))
