"""Backup and restore: whole or not at all, from and into each kind of store."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import signal
import stat
import sys
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from jupyter_ml.client import LocalClient
from jupyter_ml.contract.errors import ResourceInUse, ValidationException
from jupyter_ml.core.backup.restore import RestoreError
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.chain import verify
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.failures import StoreError, StoreLostError
from jupyter_ml.core.store.tables import metadata
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
ADA = Principal("ada", "test")
# What a process does that another can see of it, as Python's audit hooks name it.
STEPS = {"open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.utime", "sqlite3.connect"}


@pytest.fixture
def client(tmp_path: Path, database: str | None) -> Iterator[LocalClient]:
    """A client of a workspace with a little of everything in it."""
    client = LocalClient(fresh_settings(tmp_path / "first", database=database))
    for name in ("a", "b", "c"):
        client.call("CreateExperiment", {"ExperimentName": f"e{name}", "Description": "for x"})
    client.call("DeleteExperiment", {"ExperimentName": "eb"})
    artifacts = client.runtime.workspace.artifacts
    artifacts.put_bytes(b"model", artifacts.uri("models", "one.bin"))
    yield client
    client.runtime.workspace.store.close()


@pytest.fixture
def elsewhere(tmp_path: Path, new_database: Callable[[], str | None]) -> Settings:
    """Settings of an empty workspace of the same kind."""
    return fresh_settings(tmp_path / "second", database=new_database())


def back_up(client: LocalClient, path: Path, **request: Any) -> Json:
    return client.call("BackUpWorkspace", {"Path": str(path), **request})


def contents(store: Any) -> Json:
    """Return all rows of all tables, but for the identity."""
    with store.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name != "workspace"
        }


def broken(client: LocalClient) -> int | None:
    with Context(client.runtime, ADA).reading() as ctx:
        return next((flaw.seq for flaw in verify(ctx.connection).flaws), None)


def test_what_was_backed_up_is_restored_as_it_was(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    before = contents(client.runtime.workspace.store)
    told = back_up(client, tmp_path / "backup", Files=True)
    assert (told["Resources"], told["Files"], told["FileBytes"]) == (2, 1, 5)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    second = LocalClient(elsewhere)
    assert second.restore(tmp_path / "backup").ended == []
    store = second.runtime.workspace.store
    assert contents(store) == before
    assert store.identity() != client.runtime.workspace.store.identity()
    artifacts = second.runtime.workspace.artifacts
    assert artifacts.resolve(artifacts.uri("models", "one.bin")).read_bytes() == b"model"
    # It goes on from there: with the next event, and no number that was given before.
    with Context(second.runtime, ADA).reading() as ctx:
        highest = max(row.id for row in ctx.rows("Experiment"))
    second.call("CreateExperiment", {"ExperimentName": "next"})
    with Context(second.runtime, ADA).reading() as ctx:
        assert ctx.get("Experiment", "next").id > highest
    assert broken(second) is None
    store.close()


@pytest.mark.parametrize("way", ["into postgresql", "into sqlite"])
def test_a_store_moves_from_one_kind_into_the_other(
    tmp_path: Path, new_postgresql: Callable[[], str], way: str
) -> None:
    kinds = [None, new_postgresql()] if way == "into postgresql" else [new_postgresql(), None]
    first, second = (
        LocalClient(fresh_settings(tmp_path / str(number), database=kind))
        for number, kind in enumerate(kinds)
    )
    with Context(first.runtime, ADA).writing() as ctx:
        value = {"Loss": float("inf"), "Note": "nul\0 and é", "Big": 2**70}
        ctx.add("Experiment", "e", request={}, observed=value)
        ctx.emit("Something", ctx.get("Experiment", "e"), {"Value": 0.1 + 0.2})
    before = contents(first.runtime.workspace.store)
    back_up(first, tmp_path / "backup")
    second.restore(tmp_path / "backup")
    after = contents(second.runtime.workspace.store)
    assert after["rows"] == before["rows"]
    assert after["events"] == before["events"]
    assert broken(second) is None
    for each in (first, second):
        each.runtime.workspace.store.close()


def test_a_backup_is_one_snapshot_while_others_write(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            client.call("CreateExperiment", {"ExperimentName": f"busy-{number}"})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = back_up(client, tmp_path / "backup")
    finally:
        stop.set()
        writer.join(30)
    second = LocalClient(elsewhere)
    second.restore(tmp_path / "backup")
    rows, events = (contents(second.runtime.workspace.store)[name] for name in ("rows", "events"))
    assert (len(rows), len(events)) == (told["Resources"], told["Events"])
    # Each resource with the event of its creation, and the reverse.
    created = [event for event in events if event[4] == "CreateExperiment"]
    assert len(created) == len(rows) + 1
    second.runtime.workspace.store.close()


def test_work_that_was_under_way_is_over_and_says_so(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import time; time.sleep(300)")
    artifacts = client.runtime.workspace.artifacts
    request = {
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": artifacts.tar(source, artifacts.uri("source.tar.gz")),
        },
    }
    client.call("CreateTrainingJob", {"TrainingJobName": "running", **request})
    with Context(client.runtime, ADA).writing() as ctx:
        ctx.submit(ctx.add("Experiment", "waiting", request={}), Work(argv=("/bin/true",)))
    back_up(client, tmp_path / "backup")
    client.call("StopTrainingJob", {"TrainingJobName": "running"})
    second = LocalClient(elsewhere)
    assert sorted(second.restore(tmp_path / "backup").ended) == ["running", "waiting"]
    job = second.call("DescribeTrainingJob", {"TrainingJobName": "running"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "when the backup was made" in job["FailureReason"]
    run = second.call("DescribeTrialComponent", {"TrialComponentName": "running-aws-training-job"})
    assert run["Status"]["PrimaryStatus"] == "Failed"
    with Context(second.runtime, ADA).reading() as ctx:
        assert ctx.live_attempts() == []
    assert broken(second) is None
    eventually(lambda: client.attend() and not _live(client))
    second.runtime.workspace.store.close()


def _live(client: LocalClient) -> list[Any]:
    with Context(client.runtime, ADA).reading() as ctx:
        return ctx.live_attempts()


def test_no_file_is_written_over_and_none_where_it_cannot_be(
    client: LocalClient, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("precious")
    with pytest.raises(ResourceInUse, match="not written over"):
        back_up(client, taken)
    assert taken.read_text() == "precious"
    with pytest.raises(ValidationException, match="in a folder that exists"):
        back_up(client, tmp_path / "nowhere" / "backup")
    with pytest.raises(RestoreError, match="There is no backup"):
        LocalClient(fresh_settings(tmp_path / "third")).restore(tmp_path / "missing")


def test_a_workspace_that_is_used_is_not_restored_into(
    client: LocalClient, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(client, tmp_path / "backup")
    with pytest.raises(RestoreError, match="is not empty"):
        client.restore(tmp_path / "backup")
    if elsewhere.database is not None:
        other = fresh_settings(tmp_path / "other", database=client.settings.database)
        with pytest.raises(RestoreError, match="has been used"):
            LocalClient(other).restore(tmp_path / "backup")
        # It was not taken for one that is restored.
        with pytest.raises(StoreError, match="another workspace folder"):
            Workspace(other).store  # noqa: B018
    assert broken(client) is None


def test_arns_of_another_account_are_not_mixed_in(client: LocalClient, tmp_path: Path) -> None:
    back_up(client, tmp_path / "backup")
    other = LocalClient(fresh_settings(tmp_path / "third", account_id="123456789012"))
    with pytest.raises(RestoreError, match="JUPYTER_ML_ACCOUNT_ID=000000000000"):
        other.restore(tmp_path / "backup")
    assert not (other.settings.workspace / "jupyter_ml.db").exists()


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


def dies(left: int, within: Path, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed before its nth step on a folder's files.

    Returns whether it was; `False` is for one that came to its end before.
    """

    def die(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and str(within) in str(arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.addaudithook(die)
            work()
            status = 0
        finally:
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_backup_that_is_killed_at_any_step_leaves_no_file_of_its_name(tmp_path: Path) -> None:
    client = LocalClient(fresh_settings(tmp_path / "first"))
    client.call("CreateExperiment", {"ExperimentName": "e"})
    target = tmp_path / "backups" / "backup"
    target.parent.mkdir()
    deaths = 0
    while dies(deaths, target.parent, lambda: back_up(client, target)):
        if target.exists():
            # The last step but one gave it its name: it is whole.
            LocalClient(fresh_settings(tmp_path / str(deaths))).restore(target)
            target.unlink()
        deaths += 1
    assert deaths >= 3
    assert [path.name for path in target.parent.iterdir()] == ["backup"], "parts were swept"
    client.runtime.workspace.store.close()


def test_a_restoration_that_is_killed_at_any_step_is_finished_by_the_next(
    client: LocalClient, new_database: Callable[[], str | None], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    before = contents(client.runtime.workspace.store)
    back_up(client, backup, Files=True)
    deaths, survived = 0, False
    while not survived:
        root = tmp_path / f"try-{deaths}"
        settings = fresh_settings(root, database=new_database())
        survived = not dies(deaths, root, lambda s=settings: LocalClient(s).restore(backup))
        if not survived:
            _is_whole_or_refused(settings)
            if (settings.workspace / "restoring.json").exists() or not _has_store(settings):
                LocalClient(settings).restore(backup)
        store = Workspace(settings).store
        assert contents(store) == before
        assert [*(settings.workspace / "buckets").rglob("*.bin")]
        assert not [*(settings.workspace / "buckets").rglob(".*.part")]
        store.close()
        deaths += 1
    assert deaths >= 5


def _has_store(settings: Settings) -> bool:
    return (settings.workspace / "workspace.json").exists()


def _is_whole_or_refused(settings: Settings) -> None:
    if not (settings.workspace / "restoring.json").exists():
        return
    with contextlib.suppress(StoreError):
        Workspace(settings).store.close()
        assert not (settings.workspace / "restoring.json").exists(), "all of it was there"


def test_a_store_that_was_lost_is_restored_beside_the_files_that_are_there(tmp_path: Path) -> None:
    client = LocalClient(fresh_settings(tmp_path))
    client.call("CreateExperiment", {"ExperimentName": "e"})
    artifacts = client.runtime.workspace.artifacts
    back_up(client, tmp_path / "backup", Files=True)
    artifacts.put_bytes(b"since", artifacts.uri("since the backup"))
    client.runtime.workspace.store.close()
    for path in client.settings.workspace.glob("jupyter_ml.db*"):
        path.unlink()
    again = LocalClient(fresh_settings(tmp_path, user="again"))
    with pytest.raises(StoreLostError, match="1 object"):
        again.call("ListExperiments")
    with pytest.raises(RestoreError, match="--keep-files"):
        again.restore(tmp_path / "backup")
    again.restore(tmp_path / "backup", keep_files=True)
    assert len(again.call("ListExperiments")["ExperimentSummaries"]) == 1
    assert artifacts.resolve(artifacts.uri("since the backup")).read_bytes() == b"since"
    again.runtime.workspace.store.close()


def test_the_verbs_say_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jupyter_ml.cli import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "first"))
    monkeypatch.setenv("JUPYTER_ML_TIMEKEEPER", "false")
    assert main(["status"]) == 0
    assert main(["backup", "one.backup"]) == 0
    assert main(["backup", "one.backup"]) == 1
    assert "not written over" in capsys.readouterr().err
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path / "second"))
    assert main(["restore", "one.backup"]) == 0
    assert "0 resources" in capsys.readouterr().out
    assert (tmp_path / "second" / "workspace.json").exists()
