"""Settings: what the environment may say, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.events.events import redact
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.store.address import recall_password
from jupyter_ml.engine.environment import inheritable


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


PASSWORD = "s3cret/word"
ADDRESS = "postgresql://ann:s3cret%2Fword@db.lab:5433/ml?sslmode=require"
SHOWN = "postgresql+psycopg://ann@db.lab:5433/ml?sslmode=require"


@pytest.mark.parametrize(
    "address",
    [ADDRESS, "postgres://ann@db.lab:5433/ml?password=s3cret%2Fword&sslmode=require"],
)
def test_the_password_of_a_database_goes_nowhere(tmp_path: Path, address: str) -> None:
    settings = Settings.from_environment(
        {"JUPYTER_ML_WORKSPACE": str(tmp_path), "JUPYTER_ML_DATABASE": address}
    )
    assert settings.database == SHOWN
    assert settings.database_password == PASSWORD
    for text in (repr(settings), settings.to_json(), str(Settings.from_json(settings.to_json()))):
        assert "s3cret" not in text
    assert "s3cret" not in str(redact({"Address": address, "detail": f"failed at {address}"}))
    assert "JUPYTER_ML_DATABASE" not in inheritable({"JUPYTER_ML_DATABASE": address})
    assert inheritable({"JUPYTER_ML_DATABASE": SHOWN}) == {"JUPYTER_ML_DATABASE": SHOWN}


def test_processes_that_are_not_told_the_password_find_it_with_the_keys(tmp_path: Path) -> None:
    settings = Settings(tmp_path, database=ADDRESS)
    settings.leave_password()
    (file,) = (tmp_path / "keys").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (
        0o600,
        0o700,
    )
    assert recall_password(tmp_path / "keys", str(settings.database)) == PASSWORD
    # It is that of one address alone.
    assert recall_password(tmp_path / "keys", SHOWN.replace("db.lab", "elsewhere")) is None


@pytest.mark.parametrize(
    "address",
    ["mysql://ann:s3cret@h/db", "postgresql://ann:s3cret@h", "h:s3cret", "postgresql://h:x/s3cret"],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValidationException, match="JUPYTER_ML_DATABASE") as refused:
        Settings.from_environment({"JUPYTER_ML_DATABASE": address})
    assert "s3cret" not in str(refused.value)


def test_locks_are_kept_apart_where_machines_share_the_store(tmp_path: Path) -> None:
    assert Settings(tmp_path, host="one").locks == tmp_path / "locks"
    assert Settings(tmp_path, host="one", database=SHOWN).locks == tmp_path / "locks" / "one"
    with pytest.raises(ValidationException, match="JUPYTER_ML_HOST"):
        Settings(tmp_path, host="../one")
