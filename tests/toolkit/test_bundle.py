"""The support bundle: it helps, and gives no secret away."""

from __future__ import annotations

import json
import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.composition import attend
from jupyter_ml.contract.errors import MLError, UsageError
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.store import Store
from jupyter_ml.testing import eventually, fresh_settings
from jupyter_ml.toolkit.bundle import collect, write
from jupyter_ml.toolkit.redaction import redacted_log
from jupyter_ml.toolkit.verbs import dispatch

if TYPE_CHECKING:
    from pathlib import Path

# One of each kind, none of which may be anywhere in a bundle.
PINNED = "pinnedSecretAccessKey0123456789abcdefghi"
OF_THE_ENVIRONMENT = {
    "DB_PASSWORD": "correct horse battery",
    "OPENAI_API_KEY": "env-openai-0123456789",
    "JUPYTERHUB_API_TOKEN": "hub-token-0123456789",
    "JUPYTER_ML_TOKEN": "shared-token-0123456789",
    "PYTHON_INDEX": "https://ann:index-password-1@pypi.example/simple",
    "JUPYTER_LOOKS": "ghp_0123456789abcdefghijABCDEFGHIJ0123",
}
PRINTED = """
import os, sys
print("password: printed-after-colon")
print("api_key=printed-after-equals other=fine")
print('{"client_secret": "printed-in-json", "depth": 3}')
print("Authorization: Bearer printed-bearer")
print("connecting to postgres://ann:printed-in-address@db/x")
print("running tool --password printed-after-flag --depth 3")
print("AKIAPRINTEDACCESSKEY")
print("-----BEGIN RSA PRIVATE KEY-----\\nprinted-private-key\\n-----END RSA PRIVATE KEY-----")
print("of the environment:", "correct horse battery", "env-openai-0123456789")
print("my token is printed-after-is")
print("epoch 3 loss 0.25 max_tokens=512")
sys.exit("the data has no column 'target'")
"""
OF_THE_LOG = [
    "printed-after-colon",
    "printed-after-equals",
    "printed-in-json",
    "printed-bearer",
    "printed-in-address",
    "printed-after-flag",
    "AKIAPRINTEDACCESSKEY",
    "printed-private-key",
    "printed-after-is",
]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalClient:
    """A workspace with secrets in every corner, and a job that failed and printed some."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    settings = fresh_settings(
        tmp_path, access_key_id="AKIDEXAMPLEOFTESTS01", secret_access_key=PINNED
    )
    client = LocalClient(settings, "test")
    artifacts = client.runtime.workspace.artifacts
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(PRINTED)
    client.call(
        "CreateTrainingJob",
        {
            "TrainingJobName": "leaky",
            "AlgorithmSpecification": {
                "TrainingImage": "jupyter-ml/python",
                "TrainingInputMode": "File",
            },
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": artifacts.tar(
                    source, artifacts.uri("a", "source", "sourcedir.tar.gz")
                ),
                "wandb_api_key": "hyper-parameter-secret",
            },
            "Environment": {"SMTP_PASSWORD": "of-the-job-secret", "DEPTH": "3"},
        },
    )

    def status() -> str:
        attend(client.runtime)
        described = client.call("DescribeTrainingJob", {"TrainingJobName": "leaky"})
        return str(described["TrainingJobStatus"])

    eventually(lambda: status() == "Failed", 60)
    for name, value in OF_THE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return client


def planted(client: LocalClient, tmp_path: Path) -> list[str]:
    """Plant more, and return all that there are."""
    root = client.settings.workspace
    with Context(client.runtime, Principal("ada", "test")).reading() as ctx:
        token = ctx.attempts(ctx.get("TrainingJob", "leaky"))[0].token
    client.runtime.workspace.key_dir.joinpath("made.json").write_text(
        json.dumps({"SecretAccessKey": "made-secret-of-the-workspace"})
    )
    endpoint = root / "work" / "Endpoint" / "e" / "1"
    endpoint.mkdir(parents=True)
    (endpoint / "token").write_text("endpoint-token-0123456789")
    runtime = tmp_path / "runtime"
    runtime.mkdir(exist_ok=True)
    (runtime / "jpserver-1.json").write_text(json.dumps({"token": "server-token-0123456789"}))
    known = [token, "endpoint-token-0123456789", "server-token-0123456789", PINNED]
    (root / "background.log").write_text(
        "\n".join(["2026 WARNING work could not be started", *known, "DB_PASS=logged-secret-1"])
    )
    return [
        *known,
        "made-secret-of-the-workspace",
        "logged-secret-1",
        "hyper-parameter-secret",
        "of-the-job-secret",
        "index-password-1",
        "AKIDEXAMPLEOFTESTS01",
        *OF_THE_LOG,
        *(value for name, value in OF_THE_ENVIRONMENT.items() if name != "PYTHON_INDEX"),
    ]


def test_no_secret_of_any_corner_is_in_it(client: LocalClient, tmp_path: Path) -> None:
    secrets = planted(client, tmp_path)
    path, _ = write(tmp_path / "bundle.zip", client.settings, lambda: client)
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    leaks = [(name, secret) for name, text in texts.items() for secret in secrets if secret in text]
    assert leaks == []


def test_it_says_what_helps(client: LocalClient, tmp_path: Path) -> None:
    planted(client, tmp_path)
    path, parts = write(tmp_path / "bundle.zip", client.settings, lambda: client)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [part.name for part in parts]
        readme = archive.read("README.txt").decode()
        read = {
            name: json.loads(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".json")
        }
        log = archive.read("failed/leaky.log").decode()
        background = archive.read("background.log").decode()
    assert all(f"{part.name}: {part.about}" in readme for part in parts[1:])
    assert "epoch 3 loss 0.25 max_tokens=512\n" in log
    assert "the data has no column 'target'" in log
    failed = read["failed/leaky.json"]
    assert failed["HyperParameters"]["sagemaker_program"] == "train.py"
    assert "CreateTrainingJob" in {event["eventName"] for event in read["events.json"]}
    assert read["status.json"]["Jobs"][0]["TrainingJobStatus"] == "Failed"
    assert "sqlalchemy" in {name.lower() for name in read["versions.json"]["Packages"]}
    assert read["settings.json"]["workspace"] == str(client.settings.workspace)
    assert "DB_PASSWORD" in read["environment.json"]["OtherVariables"]
    assert {each["Name"] for each in read["doctor.json"]} > {"store", "limits"}
    assert "work could not be started" in background


def test_it_is_for_its_owner_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    path = tmp_path / "bundle.zip"
    write(path, settings, unused)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        write(path, settings, unused)
    assert path.read_bytes() == before
    with pytest.raises(MLError, match="cannot be written"):
        write(tmp_path / "missing" / "bundle.zip", settings, unused)


def unused() -> Any:
    raise AssertionError("there is no workspace to ask")


def test_a_workspace_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path)
    names = [part.name for part in collect(settings, unused)]
    assert "doctor.json" in names
    assert not settings.workspace.exists()


def test_a_store_that_cannot_be_opened_leaves_the_rest(client: LocalClient, tmp_path: Path) -> None:
    client.runtime.workspace.store.close()
    (client.settings.workspace / "jupyter_ml.db").write_bytes(b"no database")

    def open_it() -> LocalClient:
        Store.at(client.settings.workspace / "jupyter_ml.db")
        return client

    parts = {part.name: part for part in collect(client.settings, open_it)}
    found = {each["Name"]: each for each in json.loads(parts["doctor.json"].data)}
    assert found["store"]["Status"] == "no"
    assert "versions.json" in parts


def test_the_verb_says_what_is_in_it(
    client: LocalClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_ML_WORKSPACE", str(client.settings.workspace))
    folder = tmp_path / "here"
    folder.mkdir()
    text = repr(dispatch(f"bundle {folder}", unused))
    (path,) = folder.iterdir()
    assert str(path) in text
    assert "failed/leaky.log" in text
    assert "Read it before you send it" in text


def test_output_that_tells_nothing_stays_as_it_is() -> None:
    text = "step 1: loss=0.5\nmax_tokens: 512\nthe key is in the door\n  File 'a.py', line 3\n"
    assert redacted_log(text) == text


def test_a_key_that_is_cut_off_at_either_end_is_hidden() -> None:
    text = "step 1\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"
    assert redacted_log(text) == "step 1\n***"
    text = "c2VjcmV0\nb2YgYQ==\n-----END RSA PRIVATE KEY-----\nstep 1\n"
    assert redacted_log(text) == "***\nstep 1\n"
