"""What the jobs of these tests run: script mode, as the SageMaker SDKs send it."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import argparse, json, os, pathlib, pickle

parser = argparse.ArgumentParser()
parser.add_argument("--slope", type=float)
args = parser.parse_args()
data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "points.csv").read_text().split()
print(f"train_points={len(data)};")
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
(model / "slope.json").write_text(json.dumps(args.slope))
"""

INFERENCE = """
import json, os, pathlib

def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "slope.json").read_text())

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(numbers, slope):
    return [slope * number for number in numbers]

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""

FAILING = "raise ValueError('this script always fails')\n"


def source_archive(path: Path, **files: str) -> Path:
    """Write ``sourcedir.tar.gz`` with files by name (without ``.py``) and text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            content = text.encode()
            info = tarfile.TarInfo(f"{name}.py")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def training_request(name: str, bucket: str, source: str, program: str) -> dict[str, object]:
    """Return a CreateTrainingJob request as the SageMaker SDK would send it."""
    return {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::000000000000:role/service-role/Anyone",
        "AlgorithmSpecification": {
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "train:points", "Regex": "train_points=([0-9]+);"}],
        },
        "HyperParameters": {
            "sagemaker_program": json.dumps(program),
            "sagemaker_submit_directory": json.dumps(source),
            "slope": "2.5",
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/output"},
        "ResourceConfig": {"InstanceType": "ml.local", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    }
