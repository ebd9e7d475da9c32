"""An unmodified script of SageMaker's script mode, wherever its data lies."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from desk import BUCKET
from sklearn.datasets import load_breast_cancer

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk

pytestmark = pytest.mark.slow

# As in the SageMaker documentation: nothing in it knows of this package.
SCRIPT = """
import argparse
import os
import time

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

if __name__ == "__main__":
    print("first line at %.6f" % time.time())
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--min-samples-leaf", type=int, default=3)
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--train-file", type=str, default="cancer.csv")
    args, _ = parser.parse_known_args()
    path = os.path.join(args.train, args.train_file)
    print("bytes=%d;" % os.path.getsize(path))
    frame = pd.read_csv(path)
    features, target = frame.drop(columns="target"), frame["target"]
    model = RandomForestClassifier(
        n_estimators=args.n_estimators, min_samples_leaf=args.min_samples_leaf, random_state=0
    ).fit(features[::2], target[::2])
    print("auc=%.12f;" % roc_auc_score(target[1::2], model.predict_proba(features[1::2])[:, 1]))
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
"""


@pytest.fixture
def data(desk: Desk) -> Path:
    """A folder with one CSV file, large enough that a copy takes time."""
    folder = desk.folder / "data with spaces"
    folder.mkdir()
    load_breast_cancer(as_frame=True).frame.to_csv(folder / "cancer.csv", index=False)
    return folder


def request(uri: str) -> dict[str, Any]:
    """Return the members that the SageMaker SDK sends for an SKLearn estimator."""
    return {
        "RoleArn": "arn:aws:iam::111122223333:role/SageMakerRole",
        "AlgorithmSpecification": {
            "TrainingImage": (
                "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
            ),
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+);"}],
        },
        "HyperParameters": {
            "n-estimators": "20",
            "sagemaker_container_log_level": "20",
            "sagemaker_region": '"us-east-1"',
            "sagemaker_job_name": '"anything"',
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3DataDistributionType": "FullyReplicated",
                        "S3Uri": uri,
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {
            "InstanceType": "ml.local",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "EnableNetworkIsolation": False,
    }


def test_the_place_of_the_data_changes_nothing(desk: Desk, data: Path) -> None:
    artifacts = desk.client.runtime.workspace.artifacts
    artifacts.put_file(data / "cancer.csv", f"s3://{BUCKET}/data/cancer.csv")
    places = {
        "object": f"s3://{BUCKET}/data",
        "prefix": f"s3://{BUCKET}/data/can",
        "url": f"file://{str(data).replace(' ', '%20')}",
        "path": str(data),
        "file": str(data / "cancer.csv"),
    }
    metrics = {}
    for name, uri in places.items():
        job = desk.run(name, SCRIPT, **request(uri))
        assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
        (metric,) = job["FinalMetricDataList"]
        metrics[name] = metric["Value"]
        assert f"bytes={(data / 'cancer.csv').stat().st_size};" in desk.log(name)
        with tarfile.open(artifacts.resolve(job["ModelArtifacts"]["S3ModelArtifacts"])) as tar:
            assert "model.joblib" in tar.getnames()
    assert len(set(metrics.values())) == 1, metrics
    assert 0.9 < metrics["path"] < 1


def test_training_begins_after_the_last_byte_was_downloaded(desk: Desk, data: Path) -> None:
    with (data / "ballast.bin").open("wb") as file:
        file.write(bytes(range(256)) * 4096 * 100)
    job = desk.run("ordered", SCRIPT, **request(str(data)))
    assert job["TrainingJobStatus"] == "Completed"
    steps = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps if step["Status"] != "Pending"] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    by_name = {step["Status"]: step for step in steps}
    started = float(desk.log("ordered").split("first line at ")[1].split()[0])
    assert started >= by_name["Downloading"]["EndTime"] >= by_name["Downloading"]["StartTime"]
    assert by_name["Training"]["StartTime"] == by_name["Downloading"]["EndTime"]
    attempt = desk.client.runtime.workspace.work_dir("TrainingJob", "ordered", 1)
    copies = [file for file in attempt.rglob("ballast.bin") if file.is_file()]
    assert copies
    assert all(copy.stat().st_size == 256 * 4096 * 100 for copy in copies)
    assert all(copy.stat().st_mtime <= started for copy in copies)
