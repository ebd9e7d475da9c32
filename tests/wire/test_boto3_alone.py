"""From an empty workspace with boto3 alone, without a request that leaves the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jupyter_process import JupyterProcess, environment, start, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """Return a server on a workspace in which nothing has been done yet."""
    server = start(tmp_path_factory.mktemp("alone"))
    yield server
    server.stop()


def run(environ: dict[str, str], *argv: str) -> str:
    """Run a program that may not leave the machine; return what it printed."""
    done = subprocess.run(
        [sys.executable, *argv], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_boto3_alone_uploads_trains_reads_logs_deploys_invokes_and_cleans_up(
    server: JupyterProcess,
) -> None:
    seen = json.loads(run(variables(server), str(HERE / "boto3_alone.py")))
    log = seen.pop("log")
    assert [line for line in log if line.startswith("saw")] == ["saw 1.0", "saw 2.0", "saw 4.0"]
    assert seen == {
        "account": "000000000000",
        "status": "Completed",
        "metrics": {"train:total": 7.0},
        "errors": ["a word to stderr"],
        "answer": {"predictions": [[7.0], [21.0]]},
        "endpoint": ["loaded the factor 7.0"],
        "groups": ["/aws/sagemaker/Endpoints/alone", "/aws/sagemaker/TrainingJobs"],
        "presigned": "1\n2\n4\n",
        "left": [],
    }


def test_one_line_has_every_client_talk_to_the_workspace(server: JupyterProcess) -> None:
    code = """
import loopback_only
import boto3, os
import jupyter_ml as ml
ml.use_boto3()
session = ml.use_boto3()  # again, as after a restart of the server
amazon = "https://sts.us-east-1.amazonaws.com"
for sts in (boto3.client("sts"), session.client("sts", "us-east-1", endpoint_url=amazon)):
    assert sts.get_caller_identity()["Account"] == "000000000000"
assert [each.name for each in boto3.resource("s3").buckets.all()] == [
    "sagemaker-us-east-1-000000000000"
]
assert boto3.Session().client("iam").get_role(RoleName="me")["Role"]["RoleName"] == "me"
elsewhere = session.client("s3", endpoint_url="http://localhost:1")
assert elsewhere.meta.endpoint_url == "http://localhost:1"
try:
    boto3.client("ecr").describe_repositories()
except Exception as refused:
    print(refused.response["Error"]["Code"])
assert os.path.isfile(os.environ["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"])
"""
    environ = environment(server.home)
    environ["PYTHONPATH"] += f":{HERE}"
    assert run(environ, "-c", code) == "NotImplementedException\n"


def test_a_program_that_tries_to_leave_the_machine_is_noticed(server: JupyterProcess) -> None:
    code = """
import loopback_only, urllib.request
try:
    urllib.request.urlopen("https://sts.us-east-1.amazonaws.com")
except OSError:
    pass
"""
    environ = {**environment(server.home), "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "sts.us-east-1.amazonaws.com" in done.stderr
