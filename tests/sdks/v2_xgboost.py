"""SDK v2: the XGBoost estimator, once with a script and once as the built-in algorithm."""

import contextlib
import io
import tempfile
from pathlib import Path

import loopback_only  # noqa: F401  (first of all)
import numpy as np
import pandas as pd
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.xgboost import XGBoost

import jupyter_ml as ml

TRAIN = """
import argparse, os
import pandas as pd, xgboost

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "model.ubj"))
    return booster

def predict_fn(data, booster):
    return booster.predict(xgboost.DMatrix(data))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    data = pd.read_csv(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "points.csv"), header=None)
    rows = xgboost.DMatrix(data[[1]].to_numpy(), label=data[0])
    booster = xgboost.train({"max_depth": 3}, rows, args.rounds, evals=[(rows, "train")])
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "model.ubj"))
"""


def main() -> None:
    """Go both ways."""
    ml.use_boto3()
    session = sagemaker.Session()
    role = sagemaker.get_execution_role(session)
    work = Path(tempfile.mkdtemp())
    xs = np.arange(60.0)
    pd.DataFrame({"y": xs > 29, "x": xs}).astype(float).to_csv(
        work / "points.csv", index=False, header=False
    )
    data = session.upload_data(str(work / "points.csv"), key_prefix="v2-xgboost/points")
    (work / "train.py").write_text(TRAIN)
    scripted = XGBoost(
        entry_point="train.py",
        source_dir=str(work),
        framework_version="1.7-1",
        instance_type="ml.m5.large",
        instance_count=1,
        role=role,
        hyperparameters={"rounds": 5},
        metric_definitions=[{"Name": "train:rmse", "Regex": r"train-rmse:([\d.]+)"}],
        sagemaker_session=session,
    )
    built_in = Estimator(
        sagemaker.image_uris.retrieve("xgboost", "us-east-1", "1.7-1"),
        role,
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"objective": "binary:logistic", "num_round": 5},
        sagemaker_session=session,
    )
    for name, estimator in {"script": scripted, "built-in": built_in}.items():
        streamed = io.StringIO()
        with contextlib.redirect_stdout(streamed):
            estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs="All")
        described = session.sagemaker_client.describe_training_job(
            TrainingJobName=estimator.latest_training_job.name
        )
        metrics = {each["MetricName"] for each in described["FinalMetricDataList"]}
        assert any(metric.startswith("train:") for metric in metrics), metrics
        assert "train" in streamed.getvalue(), streamed.getvalue()
        predictor = estimator.deploy(
            1,
            "ml.m5.large",
            serializer=sagemaker.serializers.CSVSerializer(),
            deserializer=sagemaker.deserializers.CSVDeserializer(),
        )
        answers = [float(value) for row in predictor.predict([[2.0], [50.0]]) for value in row]
        assert answers[0] < 0.5 < answers[1], answers
        predictor.delete_model()
        predictor.delete_endpoint()
        print(f"XGBoost ({name}) of SDK {sagemaker.__version__} trained, deployed and predicted")


if __name__ == "__main__":
    main()
