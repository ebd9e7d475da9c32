"""Names of properties, resolved against the shapes of what is searched."""

from __future__ import annotations

import pytest

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.search.properties import names, resolve

JOB = {
    "TrainingJobName": "a",
    "HyperParameters": {"depth": "3", "a.b": "dotted"},
    "InputDataConfig": [
        {"DataSource": {"S3DataSource": {"S3Uri": "s3://one"}}},
        {"DataSource": {"S3DataSource": {"S3Uri": "s3://two"}}},
        {"DataSource": {}},
    ],
    "FinalMetricDataList": [{"MetricName": "val.loss", "Value": 0.5, "Timestamp": 7.0}],
    "Tags": [{"Key": "team", "Value": "red"}],
    "AlgorithmSpecification": {"ContainerArguments": ["x", "y"]},
}
COMPONENT = {
    "Parameters": {"lr": {"NumberValue": 0.1}, "act": {"StringValue": "relu"}},
    "Metrics": [{"MetricName": "auc", "Last": 0.9, "Max": 0.95}],
    "OutputArtifacts": {"model": {"MediaType": "m", "Value": "s3://m"}},
}


def record(kind):
    return model.shape("SearchRecord").members[kind]


@pytest.mark.parametrize(
    ("name", "values", "type_"),
    [
        ("TrainingJobName", ["a"], "text"),
        ("trainingjobname", ["a"], "text"),
        ("HyperParameters.depth", ["3"], "free"),
        ("HyperParameters.a.b", ["dotted"], "free"),
        ("HyperParameters.missing", [], "free"),
        ("InputDataConfig.DataSource.S3DataSource.S3Uri", ["s3://one", "s3://two"], "text"),
        ("FinalMetricDataList.val.loss", [0.5], "number"),
        ("FinalMetricDataList.val.loss.Timestamp", [7.0], "time"),
        ("FinalMetricDataList.MetricName", ["val.loss"], "text"),
        ("Tags.team", ["red"], "free"),
        ("Tags.Key", ["team"], "text"),
        ("Tags.key", [], "free"),
        ("Tags.Key.Value", [], "free"),
        ("AlgorithmSpecification.ContainerArguments", ["x", "y"], "text"),
        ("ResourceConfig.InstanceCount", [], "number"),
        ("EnableNetworkIsolation", [], "boolean"),
        ("CreationTime", [], "time"),
        ("ResourceConfig", [], "whole"),
    ],
)
def test_a_name_of_a_training_job_reads_its_values(name, values, type_):
    found = resolve(record("TrainingJob"), name)
    assert list(found.values(JOB)) == values
    assert found.type == type_


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Parameters.lr", [0.1]),
        ("Parameters.lr.NumberValue", [0.1]),
        ("Parameters.lr.StringValue", []),
        ("parameters.act", ["relu"]),
        ("Metrics.auc", [0.9]),
        ("metrics.auc.max", [0.95]),
        ("OutputArtifacts.model", ["s3://m"]),
        ("OutputArtifacts.model.MediaType", ["m"]),
    ],
)
def test_a_name_of_a_run_reads_its_values(name, values):
    assert list(resolve(record("TrialComponent"), name).values(COMPONENT)) == values


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TrainingJobNam", "Did you mean 'TrainingJobName'"),
        ("TrainingJobName.More", "a string has no 'More'"),
        ("ResourceConfig.InstanceTyp", "Did you mean 'InstanceType'"),
        ("", "no property"),
        ("..", "no property"),
    ],
)
def test_a_name_that_there_is_not_is_refused_with_what_it_resembles(name, hint):
    with pytest.raises(ValidationException, match=hint):
        resolve(record("TrainingJob"), name)


def test_names_of_a_record_are_those_of_its_shape_and_of_its_entries():
    static = set(names(record("TrainingJob")))
    assert {"TrainingJobName", "ResourceConfig.InstanceType", "HyperParameters"} <= static
    entries = set(names(record("TrainingJob"), JOB))
    assert {"HyperParameters.depth", "FinalMetricDataList.val.loss", "Tags.team"} <= entries
    for name in static | entries:
        resolve(record("TrainingJob"), name)
