"""Settings: the configuration over the environment over the defaults."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from traitlets.config import Config

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.configuration import JupyterML
from jupyter_ml.core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def settings(**values: object) -> object:
    """Return the settings for a configuration."""
    return JupyterML(config=Config({"JupyterML": values})).settings()


def test_the_environment_fills_what_the_configuration_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("JUPYTER_ML_REGION", "eu-env-1")
    made = JupyterML(config=Config({"JupyterML": {"region": "eu-conf-1"}})).settings()
    assert made.region == "eu-conf-1"
    assert made.workspace == tmp_path
    assert made.account_id == "000000000000"


def test_what_is_configured_reaches_kernels_but_no_secret_does(
    jp_serverapp: object, workspace: Path
) -> None:
    assert os.environ["JUPYTER_ML_WORKSPACE"] == str(workspace)
    assert os.environ["JUPYTER_ML_REGION"] == "eu-test-1"
    pinned = JupyterML(access_key_id="key", secret_access_key="secret", oversize=True)
    assert pinned.environment() == {"JUPYTER_ML_OVERSIZE": "True"}
    shared = JupyterML(database="postgresql://ann:secret@host/db")
    assert shared.environment() == {"JUPYTER_ML_DATABASE": "postgresql+psycopg://ann@host/db"}


def test_external_buckets_are_configured_as_a_dictionary_and_reach_kernels(
    tmp_path: Path,
) -> None:
    lake = {"lake": {"endpoint_url": "https://s3.example.org", "profile": "team"}}
    configured = JupyterML(workspace=str(tmp_path), external_buckets=lake)
    external = configured.settings().externals["lake"]
    assert (external.bucket, external.profile) == ("lake", "team")
    handed_on = Settings.from_environment(configured.environment())
    assert handed_on.externals == configured.settings().externals
    assert Settings.from_json(handed_on.to_json()).externals == handed_on.externals


def test_every_setting_that_a_user_may_set_can_be_configured() -> None:
    internal = {"user", "timekeeper", "database_password"}
    assert {each.name for each in fields(Settings)} - internal == set(
        JupyterML.class_trait_names(config=True)
    )


def test_a_value_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationException, match="'12'"):
        settings(workspace=str(tmp_path), account_id="12")
