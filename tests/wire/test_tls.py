"""A Jupyter server with a certificate: everything that goes through it is encrypted."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from jupyter_process import TOKEN, JupyterProcess, certificate, environment, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

BOTO3 = (
    "import boto3; print(boto3.client('sagemaker').list_training_jobs()['TrainingJobSummaries'])"
)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secure(
    pem: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterProcess]:
    options = (f"--ServerApp.certfile={pem[0]}", f"--ServerApp.keyfile={pem[1]}")
    server = start(tmp_path_factory.mktemp("home"), *options)
    yield server
    server.stop()


def run(command: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_boto3_is_led_to_the_encrypted_address(
    secure: JupyterProcess, pem: tuple[Path, Path]
) -> None:
    env = f"{sys.executable} -m jupyter_ml.cli env"
    printed = run(env, secure.home, SSL_CERT_FILE=str(pem[0])).stdout
    assert "https://" in printed
    assert "http://" not in printed
    program = f'eval "$({env})" && {sys.executable} -c "{BOTO3}"'
    assert run(program, secure.home, SSL_CERT_FILE=str(pem[0])).stdout == "[]\n"


def test_a_certificate_that_is_not_trusted_is_named_with_what_to_do(secure: JupyterProcess) -> None:
    refused = run(f"{sys.executable} -m jupyter_ml.cli env", secure.home)
    assert refused.returncode != 0
    assert "The certificate of https://localhost:" in refused.stderr
    assert "SSL_CERT_FILE" in refused.stderr


def test_the_client_checks_the_certificate(
    secure: JupyterProcess, pem: tuple[Path, Path], tmp_path: Path
) -> None:
    url = secure.url.replace("http://", "https://")
    known = {"JUPYTER_ML_URL": url, "JUPYTER_ML_TOKEN": TOKEN}
    status = f"{sys.executable} -m jupyter_ml.cli status"
    assert run(status, tmp_path, **known, SSL_CERT_FILE=str(pem[0])).returncode == 0
    refused = run(status, tmp_path, **known)
    assert refused.returncode != 0
    assert "SSL_CERT_FILE" in refused.stderr
    assert TOKEN not in refused.stderr


def test_plain_http_is_not_answered(secure: JupyterProcess) -> None:
    address = urlsplit(secure.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as plain:
        plain.sendall(f"GET /api?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b""
