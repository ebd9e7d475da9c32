"""Files of a workspace as older and newer versions of this program write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.aws.s3.records import Record
from jupyter_ml.aws.s3.uploads import Upload
from jupyter_ml.core.externals import External, Place
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.marker import (
    begin_restoration,
    read_marker,
    read_restoration,
)
from jupyter_ml.core.versions import known
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.harness.channels import Channel
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.testing import fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

RECORD = {"size": 1, "mtime_ns": 2, "etag": "e"}


def change(path: Path, **more: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def test_settings_of_another_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    values = json.loads(settings.to_json())
    assert Settings.from_json(json.dumps({**values, "colour": "blue"})) == settings
    first = {name: values[name] for name in ("workspace", "account_id", "region", "user")}
    assert Settings.from_json(json.dumps(first)).workspace == settings.workspace


def test_a_workspace_whose_folder_says_more_is_refused_with_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(fresh_settings(tmp_path))
    workspace.store.close()
    marker = workspace.root / "workspace.json"
    change(marker, colour="")
    assert read_marker(workspace.root) is not None
    change(marker, encrypted="with a key")
    with pytest.raises(StoreError, match=r"workspace\.json .*newer.*'encrypted'.*Upgrade"):
        _ = Workspace(fresh_settings(tmp_path)).store


def test_a_restoration_of_a_newer_version_is_left_to_it(tmp_path: Path) -> None:
    begun = begin_restoration(tmp_path, tmp_path / "backup")
    assert read_restoration(tmp_path) == begun
    change(tmp_path / "restoring.json", parts=3)
    with pytest.raises(StoreError, match=r"restoring\.json .*'parts'"):
        read_restoration(tmp_path)


def test_a_file_that_lacks_what_every_version_writes_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").write_text('{"id": "a"}')
    with pytest.raises(StoreError, match=r"workspace\.json is damaged: it lacks 'store'"):
        read_marker(tmp_path)


def test_records_of_objects_are_read_whichever_version_wrote_them() -> None:
    assert Record.from_json(RECORD) == Record(1, 2, "e")
    assert Record.from_json({**RECORD, "locked_until": None}) == Record(1, 2, "e")
    with pytest.raises(StoreError, match="'encryption'"):
        Record.from_json({**RECORD, "encryption": {"key": "k"}})
    first = {"id": "i", "key": "k", "initiated_at": 1.0, "headers": {}, "metadata": {}}
    assert Upload(**known(Upload, first, "An upload")).kind == "COMPOSITE"


def test_what_a_job_or_an_endpoint_was_told_by_an_older_version_is_enough(tmp_path: Path) -> None:
    channel = Channel.from_json({"name": "train", "uri": "s3://b/k", "path": "/p"})
    assert (channel.kind, channel.sharded, channel.external) == ("S3Prefix", False, None)
    place = Place.from_json({"external": {"name": "n", "bucket": "b"}, "key": "k"})
    assert place == Place(External("n", "b"), "k")
    (tmp_path / "serve.json").write_text('{"endpoint": "e", "token": "t", "of the future": 1}')
    (tmp_path / "work.json").write_text('{"work": {"memory_mb": 5}}')
    config = ServeConfig.read(tmp_path)
    assert (config.endpoint, config.workers, config.memory_mb, config.tick) == ("e", 1, 5, ())
