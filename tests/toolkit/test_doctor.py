"""The doctor: it finds what is wrong, by doing, and changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.toolkit.doctor import (
    CHECKS,
    examine,
    installation,
    machine,
    probes,
    work,
    workspace,
)
from jupyter_ml.toolkit.doctor.finding import Finding, Place
from jupyter_ml.toolkit.verbs import dispatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_ml.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return fresh_settings(tmp_path)


@pytest.fixture
def used(settings: Settings) -> LocalClient:
    """A workspace in which something happened."""
    client = LocalClient(settings, "test")
    client.call("CreateExperiment", {"ExperimentName": "one"})
    return client


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what there is, with size and time of change, without SQLite's shared memory."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
        if not path.name.endswith("-shm")
    }


def test_every_check_has_a_name_a_status_and_a_reason(settings: Settings) -> None:
    found = examine(settings, patience_s=60)
    assert len(found) == len(CHECKS)
    assert len({each.name for each in found}) == len(found)
    for each in found:
        assert each.status in {"ok", "limited", "no"}
        assert each.why
        assert "check itself failed" not in each.why
        assert "not known in time" not in each.why
        assert each.why.endswith("."), each


def test_a_workspace_that_is_not_there_is_not_made(settings: Settings, tmp_path: Path) -> None:
    before = state(tmp_path)
    found = {each.name: each for each in examine(settings, patience_s=60)}
    assert state(tmp_path) == before
    assert not any(each.is_broken for each in found.values())
    assert "will be made" in found["workspace"].why


@pytest.mark.parametrize("is_open", [True, False])
def test_nothing_is_changed_by_looking(used: LocalClient, *, is_open: bool) -> None:
    if not is_open:
        used.runtime.workspace.store.close()
    root = used.settings.workspace
    before = state(root)
    found = {each.name: each for each in examine(used.settings, patience_s=60)}
    assert state(root) == before
    assert "1 events" in found["store"].why
    assert found["store"].why.endswith("intact.")


def test_a_store_of_any_kind_is_looked_at(tmp_path: Path, database: str | None) -> None:
    settings = fresh_settings(tmp_path, database=database)
    LocalClient(settings, "test").call("CreateExperiment", {"ExperimentName": "one"})
    for check in (workspace.store, work.timekeeper, work.attempts, machine.clock):
        found = check(Place(settings))
        assert found.status == "ok", found


def test_a_damaged_store_is_found_and_essential(used: LocalClient) -> None:
    used.runtime.workspace.store.close()
    file = used.settings.workspace / "jupyter_ml.db"
    data = bytearray(file.read_bytes())
    data[100:4096] = os.urandom(3996)
    file.write_bytes(data)
    found = workspace.store(Place(used.settings))
    assert found.is_broken
    assert "jupyter ml restore" in found.advice


def test_a_newer_store_is_refused_with_what_to_do(used: LocalClient) -> None:
    with used.runtime.workspace.store.write() as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    found = workspace.store(Place(used.settings))
    assert found.is_broken
    assert "99" in found.why
    assert "upgrade" in found.advice


def test_a_folder_that_cannot_be_made_is_essential(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = workspace.folder(Place(fresh_settings(tmp_path / "file")))
    assert found.is_broken
    assert "JUPYTER_ML_WORKSPACE" in found.advice


def test_a_folder_that_others_may_read_is_told(used: LocalClient) -> None:
    place = Place(used.settings)
    assert workspace.privacy(place).status == "ok"
    place.root.chmod(0o755)
    found = workspace.privacy(place)
    assert found.status == "limited"
    assert found.advice == f"chmod 700 {place.root}"


def test_a_disk_below_its_floor_is_told(settings: Settings) -> None:
    full = dataclasses.replace(settings, free_floor_mb=1 << 40)
    assert workspace.disk(Place(full)).status == "no"
    assert workspace.disk(Place(settings)).status == "ok"


def test_limits_are_what_jobs_get(settings: Settings) -> None:
    found = probes.limits(Place(settings))
    means = LocalEngine(settings.workspace).capabilities().memory
    assert f"Memory is held by {means}" in found.why
    assert not settings.workspace.exists()


def test_isolation_is_probed_by_leaving_the_network(settings: Settings) -> None:
    found = probes.network_isolation(Place(settings))
    works = subprocess.run(["unshare", "--user", "--net", "true"], check=False, capture_output=True)
    assert found.status == ("ok" if works.returncode == 0 else "no"), found
    assert probes.literal_paths(Place(settings)).status == found.status


def test_work_that_nothing_knows_and_work_that_was_lost_are_named(used: LocalClient) -> None:
    runtime = used.runtime
    sleep = (sys.executable, "-S", "-c", "import time; time.sleep(300)")
    engine = LocalEngine(used.settings.workspace)
    root = used.settings.workspace
    stray = AttemptRef("Experiment", "stray", 1, "a" * 32, root / "work/Experiment/stray/1")
    engine.submit(stray, Work(sleep, grace_s=0))
    with Context(runtime, Principal("ada", "test")).writing() as ctx:
        ctx.submit(ctx.get("Experiment", "one"), Work(sleep, grace_s=0))
    place = Place(used.settings)
    try:
        found = work.attempts(place)
        assert found.status == "limited"
        assert "stray runs, but nothing knows it" in found.why
        assert "one is" not in found.why
        told = work.timekeeper(place)
        assert told.status == "limited"
        assert "None may run" in told.why
    finally:
        engine.stop(stray, grace_s=0)
        eventually(lambda: engine.observe(stray).state == "ended")
    assert "1 waiting" in work.attempts(place).why


def test_what_the_package_requires_is_compared_with_what_is_installed() -> None:
    needed = installation.requirements()
    names = {each.name for each, extra in needed if not extra}
    assert {"sqlalchemy", "botocore", "jupyter-server"} <= names
    assert "sklearn" in {extra for _, extra in needed}
    sqlalchemy = next(each for each, _ in needed if each.name == "sqlalchemy")
    assert installation.misfit(sqlalchemy) is None
    sqlalchemy.specifier = type(sqlalchemy.specifier)(">=99")
    assert ">=99" in (installation.misfit(sqlalchemy) or "")
    sqlalchemy.name = "no-such-package-of-ours"
    assert "is missing" in (installation.misfit(sqlalchemy) or "")


def test_an_extension_that_is_switched_off_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config" / "jupyter_server_config.d"
    folder.mkdir(parents=True)
    (folder / "ours.json").write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": {"jupyter_ml": False}}})
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("JUPYTER_PREFER_ENV_PATH", raising=False)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    found = installation.server_extension(Place(settings))
    assert found.status == "no"
    assert "jupyter server extension enable" in found.advice


def test_a_check_that_fails_or_hangs_hides_no_other(settings: Settings, tmp_path: Path) -> None:
    fifo = tmp_path / "never"
    os.mkfifo(fifo)

    def broken_check(place: Place) -> Finding:
        raise RuntimeError(place.settings.region)

    def slow_check(place: Place) -> Finding:
        fifo.read_text()
        return Finding(place.settings.region, "ok", "It ended.")

    checks: list[Callable[[Place], Finding]] = [broken_check, slow_check, workspace.disk]
    broken, slow, other = examine(settings, checks, patience_s=1)
    fifo.write_text("")
    assert (broken.name, broken.status) == ("broken check", "no")
    assert "RuntimeError: us-east-1" in broken.why
    assert (slow.name, slow.status) == ("slow check", "limited")
    assert other.status == "ok"


def nobody() -> Any:
    raise AssertionError("the doctor needs no client")


def test_the_verb_ends_with_an_error_only_for_what_is_essential(
    used: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(used.settings.workspace))
    used.settings.workspace.chmod(0o755)
    text = dispatch("doctor --json", nobody)
    found = {each["Name"]: each for each in json.loads(repr(text))}
    assert found["privacy"]["Status"] == "limited"
    assert text.exit_status == 0  # type: ignore[attr-defined]
    with used.runtime.workspace.store.write() as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    table: Any = dispatch("doctor", nobody)
    assert table.exit_status == 1
    assert "nothing works without" in repr(table)
