"""A real Jupyter server in a process of its own, as users start it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.client_http import HttpClient
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    import boto3

ROOT = Path(__file__).parents[2]
BASE_URL = "/user/ann/"
TOKEN = "token-of-the-tests"


@dataclass
class JupyterProcess:
    """A running server; everything that it reads or writes is below `home`."""

    process: subprocess.Popen[bytes]
    home: Path
    url: str

    def stop(self) -> None:
        """End it as Ctrl-C twice would, and wait."""
        self.process.terminate()
        self.process.wait(30)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return (self.home / "server.log").read_text()


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which Jupyter and jupyter_ml see only `home`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "JUPYTER", "JPY_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    folders = {
        f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    return {
        **kept,
        **folders,
        "HOME": str(home),
        "JUPYTER_NO_CONFIG": "1",  # of all extensions that are installed, only ours is loaded
        "PYTHONPATH": str(ROOT),
        "JUPYTER_ML_WORKSPACE": str(home / "workspace"),
        "JUPYTER_ML_FREE_FLOOR_MB": "1",
        "JUPYTER_ML_WARM_MEMORY_MB": "0",
        **more,
    }


def start(home: Path, *options: str, extension: bool = True, **more: str) -> JupyterProcess:
    """Start a server on a free port, with more options, and wait until it answers."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                "--no-browser",
                "--allow-root",
                "--ServerApp.port=0",
                f"--ServerApp.base_url={BASE_URL}",
                f"--IdentityProvider.token={TOKEN}",
                f"--ServerApp.root_dir={home}",
                f"--ServerApp.jpserver_extensions=jupyter_ml={extension}",
                *options,
            ],
            cwd=home,
            env=environment(home, **more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def info() -> dict[str, Any] | None:
        if process.poll() is not None:
            raise AssertionError((home / "server.log").read_text())
        for file in (home / "runtime").glob("jpserver-*.json"):
            try:
                found: dict[str, Any] = json.loads(file.read_text())
            except ValueError:
                continue
            if found["pid"] == process.pid:
                return found
        return None

    found = eventually(info, timeout_s=90)
    eventually(lambda: _listens(found["port"]), timeout_s=60)
    return JupyterProcess(process, home, found["url"])


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of localhost that nobody else has signed; return its file, its key's."""
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-out", str(files[0]), "-keyout", str(files[1])),
        ],
        check=True,
        capture_output=True,
    )
    return files


def keys_of(url: str) -> dict[str, str]:
    """Return what a server hands to those with its token: a key pair and the region."""
    _, content = HttpClient(url, TOKEN).send("GET", "credentials", None, {})
    keys: dict[str, str] = json.loads(content)
    return keys


def session_of(url: str) -> boto3.Session:
    """Return a session of boto3 with the keys of a server."""
    import boto3  # noqa: PLC0415  (who does without it need not wait for it)

    keys = keys_of(url)
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name=keys["Region"])


def variables(server: JupyterProcess) -> dict[str, str]:
    """Return an environment in which a shell has done what `jupyter ml env` says."""
    said = _output([sys.executable, "-m", "jupyter_ml.cli", "env"], server)
    shell = _output(["sh", "-c", f"set -e\n{said}\nenv -0"], server)
    return dict(line.split("=", 1) for line in shell.split("\0") if line)


def _output(argv: list[str], server: JupyterProcess) -> str:
    done = subprocess.run(
        argv, env=environment(server.home), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), timeout=5).close()
    except OSError:
        return False
    return True
