"""Other clients, and that objects are channels and outputs of jobs."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from training_code import INFERENCE, SCRIPT, source_archive, training_request

Connect = Callable[..., Any]


@pytest.fixture
def arrow(address: str, keys: dict[str, str]) -> fs.S3FileSystem:
    """Return pyarrow's S3, which is written in C++ on an SDK of its own."""
    parts = urlsplit(address)
    return fs.S3FileSystem(
        access_key=keys["AccessKeyId"],
        secret_key=keys["SecretAccessKey"],
        region=keys["Region"],
        scheme=parts.scheme,
        endpoint_override=f"{parts.netloc}{parts.path}",
    )


def test_pyarrow_writes_reads_lists_moves_and_removes(
    arrow: fs.S3FileSystem, bucket: str, s3: Any
) -> None:
    arrow.create_dir(f"{bucket}/table/part=1")
    table = pa.table({"x": list(range(1000))})
    pq.write_table(table, f"{bucket}/table/part=1/data.parquet", filesystem=arrow)
    assert pq.read_table(f"{bucket}/table", filesystem=arrow).column("x") == table.column("x")
    found = arrow.get_file_info(fs.FileSelector(f"{bucket}/table", recursive=True))
    assert [(info.path, info.type) for info in found] == [
        (f"{bucket}/table/part=1", fs.FileType.Directory),
        (f"{bucket}/table/part=1/data.parquet", fs.FileType.File),
    ]
    arrow.move(f"{bucket}/table/part=1/data.parquet", f"{bucket}/moved to/é.parquet")
    assert s3.head_object(Bucket=bucket, Key="moved to/é.parquet")["ContentLength"] > 0
    assert arrow.get_file_info(f"{bucket}/none").type == fs.FileType.NotFound
    arrow.delete_dir(f"{bucket}/table")
    arrow.delete_dir(f"{bucket}/moved to")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_pyarrow_streams_in_parts(arrow: fs.S3FileSystem, bucket: str, s3: Any) -> None:
    content = bytes(range(256)) * (12 << 12)
    with arrow.open_output_stream(
        f"{bucket}/stream", metadata={"Content-Type": "text/plain", "who": "ann"}
    ) as stream:
        for start in range(0, len(content), 1 << 20):
            stream.write(content[start : start + (1 << 20)])
    with arrow.open_input_file(f"{bucket}/stream") as file:
        file.seek(1 << 20)
        assert file.read(100) == content[1 << 20 :][:100]
    got = s3.get_object(Bucket=bucket, Key="stream")
    assert got["Body"].read() == content
    assert got["ContentType"] == "text/plain"


def test_boto3_alone_uploads_trains_and_reads_the_model(
    connect: Connect, s3: Any, tmp_path: Any
) -> None:
    sagemaker = connect("sagemaker")
    s3.create_bucket(Bucket="my-project")
    archive = source_archive(tmp_path / "sourcedir.tar.gz", train=SCRIPT, inference=INFERENCE)
    s3.upload_file(str(archive), "my-project", "code/sourcedir.tar.gz")
    s3.put_object(Bucket="my-project", Key="data/points.csv", Body=b"1\n2\n3\n4\n")
    source = "s3://my-project/code/sourcedir.tar.gz"
    request = training_request("s3-trained", "my-project", source, "train.py")
    sagemaker.create_training_job(**request)
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="s3-trained", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    described = sagemaker.describe_training_job(TrainingJobName="s3-trained")
    assert described["TrainingJobStatus"] == "Completed"
    metrics = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
    assert metrics == {"train:points": 4.0}
    location = urlsplit(described["ModelArtifacts"]["S3ModelArtifacts"])
    model = s3.get_object(Bucket=location.netloc, Key=location.path.removeprefix("/"))
    with tarfile.open(fileobj=io.BytesIO(model["Body"].read())) as packed:
        slope = packed.extractfile("slope.json")
        assert slope is not None
        assert json.load(slope) == 2.5
    listed = s3.list_objects_v2(Bucket="my-project", Delimiter="/")
    prefixes = [each["Prefix"] for each in listed["CommonPrefixes"]]
    assert prefixes == ["code/", "data/", "output/"]
