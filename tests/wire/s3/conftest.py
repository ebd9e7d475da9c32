"""Unmodified boto3 clients of the S3 that a Jupyter server answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_process import JupyterProcess

# Helpers of this folder are imported by name, whatever import mode pytest runs in.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def address(jupyter: JupyterProcess) -> str:
    """Return where S3 answers."""
    return f"{jupyter.url}jupyter-ml/aws/s3"


@pytest.fixture(scope="session")
def connect(address: str, keys: dict[str, str]) -> Callable[..., Any]:
    """Return a maker of clients: of S3, or of another service of the server."""

    def make(service: str = "s3", config: Config | None = None, **other: str) -> Any:
        known = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "region_name": keys["Region"],
        }
        once = Config(retries={"total_max_attempts": 1})
        return boto3.Session(**{**known, **other}).client(
            service,
            endpoint_url=address if service == "s3" else address.removesuffix("/s3"),
            config=once.merge(config) if config else once,
        )

    return make


@pytest.fixture(scope="session")
def s3(connect: Callable[..., Any]) -> Any:
    """Return a client."""
    return connect()


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    """Return a bucket of the test's own."""
    name = f"test-{abs(hash(request.node.nodeid)) % 10**12}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def buckets(jupyter: JupyterProcess) -> Path:
    """Return the folder of the server's buckets."""
    return jupyter.home / "workspace" / "buckets"
