"""SDK v3: ModelTrainer trains with streamed logs, ModelBuilder deploys what it made."""

import json
import logging
import tempfile
from pathlib import Path

import loopback_only  # noqa: F401  (first of all)
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

import jupyter_ml as ml

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=float)
args = parser.parse_args()
points = open("/opt/ml/input/data/train/points.csv").read().split()
print("points seen:", len(points))
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w") as file:
    json.dump(args.factor * len(points), file)
"""
INFERENCE = """
import json, os

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.json")) as file:
        return json.load(file)

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(numbers, factor):
    return [factor * number for number in numbers]

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


class Streamed(logging.Handler):
    """Keeps what the SDK says, and with it what it streams of the job's log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(record.getMessage())


def main() -> None:
    """Go the whole way."""
    session = Session(boto_session=ml.use_boto3())
    role = get_execution_role(session)
    work = Path(tempfile.mkdtemp())
    for folder, files in {
        "train": {"train.py": TRAIN},
        "serve": {"inference.py": INFERENCE},
        "data": {"points.csv": "1\n2\n3\n"},
    }.items():
        (work / folder).mkdir()
        for name, text in files.items():
            (work / folder / name).write_text(text)
    data = session.upload_data(str(work / "data"), key_prefix="v3/points")
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(work / "train"), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters={"factor": 2.5},
        base_job_name="v3",
        role=role,
        sagemaker_session=session,
    )
    streamed = Streamed()
    logging.getLogger("sagemaker.core.resources").addHandler(streamed)
    trainer.train([InputData(channel_name="train", data_source=data)], wait=True, logs=True)
    assert any("points seen: 3" in line for line in streamed.lines), streamed.lines
    job = trainer._latest_training_job
    job.refresh()
    assert job.training_job_status == "Completed"

    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=job.model_artifacts.s3_model_artifacts,
        source_code=SourceCode(source_dir=str(work / "serve"), entry_script="inference.py"),
        role_arn=role,
        instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    model = builder.build()
    endpoint = builder.deploy(endpoint_name="v3-endpoint", instance_type="ml.m5.large")
    answer = endpoint.invoke(body=json.dumps([1, 2]), content_type="application/json")
    assert json.loads(answer.body.read()) == [7.5, 15.0]
    endpoint.delete()
    model.delete()
    print("ModelTrainer and ModelBuilder of SDK v3 trained, deployed and predicted")


if __name__ == "__main__":
    main()
