"""External buckets: the S3 of another workspace is the object storage elsewhere."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from jupyter_process import TOKEN, JupyterProcess, session_of, start
from training_code import INFERENCE, SCRIPT, source_archive, training_request

from jupyter_ml.client_http import HttpClient
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.externals import External, Place
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.harness.channels import NotEnoughSpace
from jupyter_ml.harness.external import TransferFailed, fetch, fetch_exactly
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

OWN = "sagemaker-us-east-1-000000000000"
Train = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def lake(s3: Any) -> str:
    """Return a bucket with data, elsewhere."""
    s3.create_bucket(Bucket="data-lake")
    s3.put_object(Bucket="data-lake", Key="data/points.csv", Body=b"1\n2\n3\n4\n5\n")
    s3.put_object(Bucket="data-lake", Key="data/deep/er.csv", Body=b"x")
    s3.put_object(Bucket="data-lake", Key="data-2/points.csv", Body=b"1\n")
    return "data-lake"


@pytest.fixture(scope="module")
def here(
    address: str, keys: dict[str, str], lake: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterProcess]:
    """Return a server whose workspace knows that bucket by another name."""
    home = tmp_path_factory.mktemp("here")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        f"[far]\naws_access_key_id = {keys['AccessKeyId']}\n"
        f"aws_secret_access_key = {keys['SecretAccessKey']}\n"
        f"[wrong]\naws_access_key_id = {keys['AccessKeyId']}\naws_secret_access_key = wrong\n"
    )
    far = {"endpoint_url": address, "bucket": lake}
    externals = {
        "lake": {**far, "profile": "far"},
        "keyless": far,
        "wrongly": {**far, "profile": "wrong"},
        "profileless": {**far, "profile": "none"},
        "nowhere": {"endpoint_url": address, "bucket": "none-such", "profile": "far"},
    }
    server = start(home, JUPYTER_ML_EXTERNAL_BUCKETS=json.dumps(externals))
    archive = home / "workspace" / "buckets" / OWN / "code" / "sourcedir.tar.gz"
    source_archive(archive, train=SCRIPT)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sagemaker(here: JupyterProcess) -> Any:
    """Return a client of that server."""
    return session_of(here.url).client("sagemaker", endpoint_url=f"{here.url}jupyter-ml/aws")


@pytest.fixture(scope="module")
def train(sagemaker: Any) -> Train:
    """Return what runs a job on a channel to its end and describes it."""

    def run(
        name: str,
        channel: str,
        output: str = f"s3://{OWN}/output",
        source: str = f"s3://{OWN}/code/sourcedir.tar.gz",
    ) -> dict[str, Any]:
        request: Any = training_request(name, OWN, source, "train.py")
        request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = channel
        request["OutputDataConfig"] = {"S3OutputPath": output}
        sagemaker.create_training_job(**request)
        waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
        with suppress(WaiterError):  # that it failed is in its description
            waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        return described

    return run


def test_a_job_reads_from_an_external_bucket_and_writes_to_it(
    train: Train, s3: Any, lake: str, here: JupyterProcess
) -> None:
    described = train("far-away", "s3://lake/data/", "s3://lake/made")
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    metrics = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
    assert metrics == {"train:points": 5.0}
    model = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert model == "s3://lake/made/far-away/output/model.tar.gz"
    body = s3.get_object(Bucket=lake, Key="made/far-away/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as packed:
        assert "slope.json" in packed.getnames()
    folder = here.home / "workspace" / "work" / "TrainingJob" / "far-away" / "1"
    assert (folder / "ml" / "input" / "data" / "train" / "deep" / "er.csv").read_text() == "x"
    assert list((folder / "out").iterdir()) == []
    shown = HttpClient(here.url, TOKEN).call("WatchTrainingJob", {"TrainingJobName": "far-away"})
    (artifact,) = shown["Artifacts"]
    assert (artifact["Uri"], artifact["Bytes"]) == (model, len(body))


@pytest.mark.parametrize(
    ("name", "uri", "points"),
    [("one-object", "s3://lake/data/points.csv", 5.0), ("folder", "s3://lake/data-2", 1.0)],
)
def test_a_channel_is_an_object_or_what_lies_below_a_prefix(
    train: Train, name: str, uri: str, points: float
) -> None:
    described = train(name, uri)
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    metrics = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
    assert metrics == {"train:points": points}


def test_a_prefix_may_end_in_a_name_and_members_share_what_it_has(
    lake: str, address: str, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    place = Place(External("lake", lake, endpoint_url=address), "dat")
    assert fetch(place, tmp_path / "all", [0, 1], 0) == 13
    found = [path for path in (tmp_path / "all").rglob("*") if path.is_file()]
    names = ["data-2/points.csv", "data/deep/er.csv", "data/points.csv"]
    assert sorted(path.relative_to(tmp_path / "all").as_posix() for path in found) == names
    fetch(place, tmp_path / "half", [1, 2], 0)
    assert [path.name for path in (tmp_path / "half").rglob("*.csv")] == ["er.csv"]
    with pytest.raises(NotEnoughSpace, match="13 bytes"):
        fetch(place, tmp_path / "none", [0, 1], 1 << 60)


@pytest.mark.parametrize(
    ("bucket", "key", "says"),
    [
        ("lake", "nothing/", "There are no objects"),
        ("keyless", "data/", "There are no AWS credentials"),
        ("wrongly", "data/", "Check what the credentials may do"),
        ("profileless", "data/", "none"),
        ("nowhere", "data/", "external_buckets"),
    ],
)
def test_what_cannot_be_read_ends_the_job_with_the_reason(
    train: Train, bucket: str, key: str, says: str
) -> None:
    described = train(f"from-{bucket}", f"s3://{bucket}/{key}")
    assert described["TrainingJobStatus"] == "Failed"
    assert f"s3://{bucket}/{key}" in described["FailureReason"]
    assert says in described["FailureReason"]


def test_an_output_that_cannot_be_written_is_kept_and_the_reason_said(
    train: Train, here: JupyterProcess
) -> None:
    described = train("unwritable", "s3://lake/data/", "s3://wrongly/made")
    assert described["TrainingJobStatus"] == "Failed"
    assert "It is kept as" in described["FailureReason"]
    folder = here.home / "workspace" / "work" / "TrainingJob" / "unwritable" / "1"
    assert (folder / "out" / "model.tar.gz").is_file()
    assert "ModelArtifacts" not in described or not described["ModelArtifacts"].get(
        "S3ModelArtifacts"
    )


def test_code_is_read_from_an_external_bucket(
    train: Train, s3: Any, lake: str, tmp_path: Path
) -> None:
    archive = source_archive(tmp_path / "sourcedir.tar.gz", train=SCRIPT)
    s3.put_object(Bucket=lake, Key="code/sourcedir.tar.gz", Body=archive.read_bytes())
    described = train("far-code", "s3://lake/data/", source="s3://lake/code/sourcedir.tar.gz")
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    # A part of its name is not its name.
    described = train("part-of-code", "s3://lake/data/", source="s3://lake/code/sourcedir.tar")
    assert described["TrainingJobStatus"] == "Failed"
    assert "s3://lake/code/sourcedir.tar: There is no such object" in described["FailureReason"]
    described = train("folder-of-code", "s3://lake/data/", source="s3://lake/code/")
    assert "is a folder; put a sourcedir.tar.gz there" in described["FailureReason"]


@pytest.fixture
def deploy(sagemaker: Any, s3: Any, lake: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what serves a location with a script that is elsewhere, too, and describes it."""
    archive = source_archive(tmp_path / "sourcedir.tar.gz", inference=INFERENCE)
    s3.put_object(Bucket=lake, Key="code/inference.tar.gz", Body=archive.read_bytes())

    def run(name: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
        environment = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "s3://lake/code/inference.tar.gz",
        }
        container = {"Image": "jupyter-ml/python", "Environment": environment, **data}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, **more)
        variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.local"}
        variant["InitialInstanceCount"] = 1
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

        def settled() -> dict[str, Any] | None:
            described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
            return described if described["EndpointStatus"] in {"InService", "Failed"} else None

        return eventually(settled, timeout_s=60, poll_s=0.2)

    return run


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_a_model_is_deployed_from_an_external_bucket(
    deploy: Callable[..., dict[str, Any]], here: JupyterProcess, s3: Any, lake: str, kind: str
) -> None:
    content = b"3"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("slope.json")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    data: dict[str, Any] = {"ModelDataUrl": "s3://lake/models/model.tar.gz"}
    if kind == "archive":
        s3.put_object(Bucket=lake, Key="models/model.tar.gz", Body=buffer.getvalue())
    else:
        s3.put_object(Bucket=lake, Key="folders/one/slope.json", Body=content)
        source = {"S3Uri": "s3://lake/folders/one/", "S3DataType": "S3Prefix"}
        data = {"ModelDataSource": {"S3DataSource": {**source, "CompressionType": "None"}}}
    described = deploy(f"far-{kind}", data)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    client = HttpClient(here.url, TOKEN)
    answer = client.call("InvokeEndpoint", {"EndpointName": f"far-{kind}", "Body": b"[1, 2]"})
    assert json.loads(answer["Body"]) == [3, 6]
    brought = here.home / "workspace" / "work" / "Endpoint" / f"far-{kind}" / "1" / "brought"
    assert sorted(path.name for path in brought.iterdir()) == ["model", "source"]
    client.call("DeleteEndpoint", {"EndpointName": f"far-{kind}"})


def test_a_model_that_cannot_be_brought_fails_its_endpoint_with_the_reason(
    deploy: Callable[..., dict[str, Any]], sagemaker: Any
) -> None:
    described = deploy("far-none", {"ModelDataUrl": "s3://lake/models/none.tar.gz"})
    assert described["EndpointStatus"] == "Failed"
    assert "s3://lake/models/none.tar.gz: There are no objects" in described["FailureReason"]
    sagemaker.delete_endpoint(EndpointName="far-none")


def test_a_model_without_a_network_takes_a_copy_here(
    deploy: Callable[..., dict[str, Any]],
) -> None:
    with pytest.raises(ClientError, match="Copy it to a bucket of the workspace"):
        deploy("alone", {"ModelDataUrl": "s3://lake/m.tar.gz"}, EnableNetworkIsolation=True)


def test_what_is_replaced_while_it_is_read_is_not_taken(
    s3: Any,
    lake: str,
    address: str,
    keys: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    for number in range(200):
        s3.put_object(Bucket=lake, Key=f"changing/{number:03}", Body=b"before")
    place = Place(External("lake", lake, endpoint_url=address), "changing/")
    target = tmp_path / "folder"

    def replace() -> None:
        eventually(lambda: list(target.rglob("*")), poll_s=0)
        s3.put_object(Bucket=lake, Key="changing/000", Body=b"another length")

    thread = threading.Thread(target=replace)
    thread.start()
    with pytest.raises(TransferFailed, match="replaced while it was read"):
        fetch_exactly(place, target, 0)
    thread.join()


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "options by name"),
        ('{"lake": 1}', "needs options"),
        ('{"A": {}}', "no name of"),
        ('{"lake": {"secret_access_key": "x"}}', "~/.aws/credentials"),
        ('{"lake": {"endpoint_url": "https://me:secret@host"}}', "without a password"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(
    tmp_path: Path, declared: str, says: str
) -> None:
    with pytest.raises(ValidationException, match=says):
        fresh_settings(tmp_path, external_buckets=declared)


def test_a_declaration_of_a_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ValidationException) as refused:
        fresh_settings(tmp_path, external_buckets='{"lake": {"endpoint_url": "http://a:pw@b"}}')
    assert "pw" not in str(refused.value)


def test_a_place_is_known_by_its_bucket_alone(tmp_path: Path) -> None:
    settings = fresh_settings(tmp_path, external_buckets='{"lake": {"region": "eu-west-1"}}')
    artifacts = Workspace.open(settings).artifacts
    place = artifacts.external("s3://lake/a/b")
    assert place is not None
    assert (place.external.bucket, place.external.region, place.key) == ("lake", "eu-west-1", "a/b")
    assert artifacts.external("s3://other/a") is None
    assert artifacts.external("/lake/a") is None
