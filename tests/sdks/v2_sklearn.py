"""SDK v2: the SKLearn estimator trains with streamed logs, is deployed, predicts and goes."""

import contextlib
import io
import tempfile
from pathlib import Path

import loopback_only  # noqa: F401  (first of all)
import numpy as np
import pandas as pd
import sagemaker
from sagemaker.sklearn import SKLearn

import jupyter_ml as ml

TRAIN = """
import argparse, os
import joblib, pandas as pd
from sklearn.linear_model import LinearRegression
from scaling import scaled

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    args = parser.parse_args()
    data = pd.read_csv(os.path.join(args.train, "points.csv"))
    model = LinearRegression().fit(data[["x"]].to_numpy(), scaled(data["y"], args.scale))
    print(f"train:score={model.score(data[['x']].to_numpy(), scaled(data['y'], args.scale)):.3f};")
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
"""
SCALING = """
def scaled(values, factor):
    return values * factor
"""


def main() -> None:
    """Go the whole way."""
    ml.use_boto3()
    session = sagemaker.Session()
    role = sagemaker.get_execution_role(session)
    work = Path(tempfile.mkdtemp())
    (work / "code").mkdir()
    (work / "code" / "train.py").write_text(TRAIN)
    (work / "code" / "scaling.py").write_text(SCALING)
    xs = np.arange(20.0)
    pd.DataFrame({"x": xs, "y": 2 * xs}).to_csv(work / "points.csv", index=False)
    data = session.upload_data(str(work / "points.csv"), key_prefix="v2/points")

    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(work / "code"),
        framework_version="1.2-1",
        py_version="py3",
        instance_type="ml.m5.large",
        role=role,
        hyperparameters={"scale": 2},
        metric_definitions=[{"Name": "train:score", "Regex": r"train:score=([\d.]+)"}],
        sagemaker_session=session,
    )
    streamed = io.StringIO()
    with contextlib.redirect_stdout(streamed):
        estimator.fit({"train": data}, logs="All")
    assert "train:score=1.000" in streamed.getvalue(), streamed.getvalue()
    described = estimator.latest_training_job.describe()
    assert described["TrainingJobStatus"] == "Completed"
    metrics = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
    assert metrics == {"train:score": 1.0}, metrics

    predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
    assert np.allclose(predictor.predict(np.array([[1.0], [2.5]])), [4.0, 10.0])
    predictor.delete_model()
    predictor.delete_endpoint()
    left = session.sagemaker_client.list_endpoints(StatusEquals="InService")["Endpoints"]
    assert left == [], left
    print(f"SKLearn of SDK {sagemaker.__version__} trained, deployed and predicted")


if __name__ == "__main__":
    main()
