"""Settings: what the environment may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.settings import Settings


def test_the_environment_sets_what_it_names() -> None:
    settings = Settings.from_environment(
        {"JUPYTER_ML_WORKSPACE": "/data/ml", "JUPYTER_ML_ACCOUNT_ID": "123456789012"}
    )
    assert settings.workspace == Path("/data/ml")
    assert settings.account_id == "123456789012"
    assert settings.region == "us-east-1"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("JUPYTER_ML_ACCOUNT_ID", "12", "12 digits"),
        ("JUPYTER_ML_FREE_FLOOR_MB", "lots", "not a number"),
        ("JUPYTER_ML_OVERSIZE", "maybe", "not true or false"),
        ("JUPYTER_ML_ACCESS_KEY_ID", "AKIA", "both"),
        ("JUPYTER_ML_REGION", "not a/region", "like us-east-1"),
        ("JUPYTER_ML_FREE_FLOOR_MB", "-1", "0 or more"),
        # Everything would be older than that.
        ("JUPYTER_ML_RETENTION_DAYS", "-3", "0 or more"),
        ("JUPYTER_ML_RETENTION_DAYS", "nan", "0 or more"),
    ],
)
def test_what_cannot_be_used_is_refused(variable: str, value: str, says: str) -> None:
    with pytest.raises(ValidationException, match=says):
        Settings.from_environment({variable: value})


def test_another_process_gets_the_settings_but_not_the_secret(tmp_path: Path) -> None:
    settings = Settings(tmp_path, access_key_id="id", secret_access_key="a secret")
    assert "a secret" not in settings.to_json()
    assert Settings.from_json(settings.to_json()) == Settings(tmp_path)
