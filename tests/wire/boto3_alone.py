"""A program of somebody who has boto3 and nothing else, run with what `jupyter ml env` says."""

import io
import json
import tarfile
from urllib.request import urlopen

import boto3
import loopback_only  # noqa: F401  (before boto3 opens anything)

TRAIN = """
import json, os, pathlib, sys
numbers = [float(line) for line in open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "points.csv"))]
for number in numbers:
    print("saw", number)
print("train:total=%s;" % sum(numbers))
print("a word to stderr", file=sys.stderr)
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
(model / "factor.json").write_text(json.dumps(sum(numbers)))
"""
INFERENCE = """
import json, pathlib

def model_fn(folder):
    factor = json.loads((pathlib.Path(folder) / "factor.json").read_text())
    print("loaded the factor", factor)
    return factor

def predict_fn(data, factor):
    return data * factor
"""
FAST = {"Delay": 1, "MaxAttempts": 300}


def main() -> dict[str, object]:
    """Go the whole way; return what was seen on it."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    role = boto3.client("iam").get_role(RoleName="jupyter-ml")["Role"]["Arn"]
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="from-nothing")
    s3.put_object(Bucket="from-nothing", Key="data/points.csv", Body=b"1\n2\n4\n")
    s3.upload_fileobj(code(), "from-nothing", "code/sourcedir.tar.gz")
    source = "s3://from-nothing/code/sourcedir.tar.gz"
    sagemaker.create_training_job(**training_request(role, source))
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="alone", WaiterConfig=FAST)
    job = sagemaker.describe_training_job(TrainingJobName="alone")
    seen: dict[str, object] = {
        "account": account,
        "status": job["TrainingJobStatus"],
        "metrics": {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]},
        "log": read_log("alone"),
        "errors": find_log("/aws/sagemaker/TrainingJobs", "stderr"),
    }
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    seen["answer"] = deploy_and_ask(role, model, source)
    seen["endpoint"] = find_log("/aws/sagemaker/Endpoints/alone", '"the factor" -job')
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    seen["groups"] = [group["logGroupName"] for group in groups]
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": "from-nothing", "Key": "data/points.csv"}
    )
    with urlopen(url) as answer:
        seen["presigned"] = answer.read().decode()
    seen["left"] = clean_up()
    return seen


def code() -> io.BytesIO:
    """Return a source archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in {"train.py": TRAIN, "inference.py": INFERENCE}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer


def training_request(role: str, source: str) -> dict[str, object]:
    """Return what SageMaker wants of a job in script mode."""
    return {
        "TrainingJobName": "alone",
        "AlgorithmSpecification": {
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "train:total", "Regex": r"train:total=([\d.]+);"}],
        },
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": source,
        },
        "RoleArn": role,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://from-nothing/data/",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://from-nothing/output"},
        "ResourceConfig": {
            "InstanceType": "ml.local",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def read_log(job: str) -> list[str]:
    """Return the log of a job, two events at a time, as it is read forwards and backwards."""
    logs = boto3.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")[
        "logStreams"
    ]
    where = {"logGroupName": group, "logStreamName": stream["logStreamName"], "limit": 2}
    forwards: list[dict] = []
    page = logs.get_log_events(**where, startFromHead=True)
    while page["events"]:
        forwards += page["events"]
        page = logs.get_log_events(**where, nextToken=page["nextForwardToken"])
    backwards: list[dict] = []
    page = logs.get_log_events(**where)
    while page["events"]:
        backwards = page["events"] + backwards
        page = logs.get_log_events(**where, nextToken=page["nextBackwardToken"])
    assert forwards == backwards, (forwards, backwards)
    times = [each["timestamp"] for each in forwards]
    assert times == sorted(times)
    assert stream["firstEventTimestamp"] == times[0]
    since = logs.get_log_events(**{**where, "limit": 10_000}, startTime=times[-1])["events"]
    assert since == [each for each in forwards if each["timestamp"] >= times[-1]]
    return [each["message"] for each in forwards]


def find_log(group: str, pattern: str) -> list[str]:
    """Return the messages of a group that match, page by page."""
    pages = (
        boto3.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, filterPattern=pattern, PaginationConfig={"PageSize": 1})
    )
    return [each["message"] for page in pages for each in page["events"]]


def deploy_and_ask(role: str, model: str, source: str) -> object:
    """Return what the deployed model answers."""
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="alone",
        ExecutionRoleArn=role,
        PrimaryContainer={
            "Image": "jupyter-ml/python",
            "ModelDataUrl": model,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": source,
            },
        },
    )
    variant = {"VariantName": "AllTraffic", "ModelName": "alone"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="alone",
        ProductionVariants=[{**variant, "InstanceType": "ml.local", "InitialInstanceCount": 1}],
    )
    sagemaker.create_endpoint(EndpointName="alone", EndpointConfigName="alone")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="alone", WaiterConfig=FAST)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="alone", Body=b"[[1], [3]]", ContentType="application/json"
    )
    return json.loads(answer["Body"].read())


def clean_up() -> list[str]:
    """Delete everything; return what is left."""
    sagemaker, s3 = boto3.client("sagemaker"), boto3.resource("s3")
    sagemaker.delete_endpoint(EndpointName="alone")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="alone", WaiterConfig=FAST)
    sagemaker.delete_endpoint_config(EndpointConfigName="alone")
    sagemaker.delete_model(ModelName="alone")
    sagemaker.delete_training_job(TrainingJobName="alone")
    bucket = s3.Bucket("from-nothing")
    bucket.objects.delete()
    bucket.delete()
    left = [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]]
    left += [each["ModelName"] for each in sagemaker.list_models()["Models"]]
    jobs = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    return [*left, *(job["TrainingJobName"] for job in jobs)]


if __name__ == "__main__":
    print(json.dumps(main()))
