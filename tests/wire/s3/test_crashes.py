"""Killed under way: what was there stays, and nothing half done is seen."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from jupyter_process import environment, session_of, start

from jupyter_ml.aws.s3.buckets import Buckets
from jupyter_ml.aws.s3.objects import find_record, open_object
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "sagemaker-us-east-1-000000000000"

# Replaces one object again and again, and says which version is in place.
WRITER = """
import itertools, sys
from pathlib import Path
from jupyter_ml.aws.s3.buckets import Buckets
from jupyter_ml.aws.s3.objects import put_object
from jupyter_ml.aws.s3.records import Record
from jupyter_ml.core.settings import Settings
from jupyter_ml.core.workspace import Workspace

workspace = Workspace.open(Settings(workspace=Path(sys.argv[1]), free_floor_mb=0))
bucket = Buckets(workspace.artifacts).get(sys.argv[2])
for version in itertools.count():
    body = (f"{version:08}" * 1000).encode()
    draft = bucket.draft()
    draft.write(body)
    record = Record(0, 0, draft.md5, {}, {"version": f"{version:08}"})
    put_object(bucket, "a/b", draft, record, lambda _: None)
    print(version, flush=True)
"""


def connect(url: str) -> Any:
    once = Config(retries={"total_max_attempts": 1}, read_timeout=20)
    return session_of(url).client("s3", endpoint_url=f"{url}jupyter-ml/aws/s3", config=once)


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_a_whole_object_with_its_own_metadata(
    tmp_path: Path,
) -> None:
    workspace = Workspace.open(fresh_settings(tmp_path))
    bucket = Buckets(workspace.artifacts).get(BUCKET)
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(workspace.root), BUCKET],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(1 + os.urandom(1)[0] % 16):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        opened = open_object(bucket, "a/b")
        assert opened.file is not None
        version = opened.record.metadata["version"]
        assert opened.file.read() == (version * 1000).encode()
        opened.close()


@pytest.mark.slow
def test_a_server_killed_during_an_upload_leaves_what_was_there(tmp_path: Path) -> None:
    server = start(tmp_path / "home")
    s3 = connect(server.url)
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"first", Metadata={"x": "1"})
    buckets = server.home / "workspace" / "buckets"
    drafts = buckets / ".s3" / BUCKET / "drafts"
    reader, writer = socket.socketpair()

    class Slow:
        """A body that stops in the middle until it is let go on."""

        def __init__(self) -> None:
            self.left = 64

        def __len__(self) -> int:
            return 64 << 20

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            if self.left == 32:
                reader.recv(1)
            self.left -= 1
            return bytes(1 << 20) if self.left >= 0 else b""

    def upload() -> None:
        parts = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "a"}))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        headers = {"Content-Length": str(64 << 20)}
        with suppress(OSError, http.client.HTTPException):
            connection.request("PUT", f"{parts.path}?{parts.query}", Slow(), headers)
            connection.getresponse()
        connection.close()

    thread = threading.Thread(target=upload)
    thread.start()
    eventually(lambda: sum(each.stat().st_size for each in drafts.glob("*")) > 16 << 20)
    server.process.kill()
    server.process.wait()
    writer.send(b"x")
    thread.join()
    again = start(tmp_path / "home")
    try:
        s3 = connect(again.url)
        got = s3.get_object(Bucket=BUCKET, Key="a")
        assert (got["Body"].read(), got["Metadata"]) == (b"first", {"x": "1"})
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["a"]
    finally:
        again.stop()
        reader.close()
        writer.close()


def test_a_reader_that_goes_away_leaves_the_server_well(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=bytes(32 << 20))
    for _ in range(3):
        body = s3.get_object(Bucket=bucket, Key="a")["Body"]
        body.read(1000)
        body.close()
    assert s3.get_object(Bucket=bucket, Key="a", Range="bytes=0-9")["Body"].read() == bytes(10)


def test_an_upload_whose_client_goes_away_leaves_nothing(
    s3: Any, bucket: str, buckets: Path
) -> None:
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a"})
    host, _, rest = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    drafts = buckets / ".s3" / bucket / "drafts"
    with socket.create_connection((name, int(port))) as client:
        client.sendall(
            f"PUT /{rest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000000\r\n\r\n".encode()
        )
        client.sendall(bytes(4_000_000))
        eventually(lambda: any(each.stat().st_size for each in drafts.glob("*")))
    eventually(lambda: not list(drafts.iterdir()))
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="a")


def test_a_record_that_a_power_cut_tore_is_as_good_as_none(tmp_path: Path) -> None:
    bucket = Buckets(Workspace.open(fresh_settings(tmp_path)).artifacts).get(BUCKET)
    bucket.make_folder(bucket.folder)
    (bucket.folder / "a").write_bytes(b"x")
    path = bucket.records._path("a")
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"key": "a", "rec')
    record = find_record(bucket, "a")
    assert record is not None
    assert record.size == 1
