"""The validator: what it finds, how it says so, and what it lets pass with a reason."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import botocore.model
import botocore.validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_ml.contract import drawing, model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.validator import relaxations, required_members, validate

TRAINING = {
    "TrainingJobName": "cancer-1",
    "RoleArn": "arn:aws:iam::000000000000:role/anyone",
    "AlgorithmSpecification": {"TrainingImage": "xgboost", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/prefix"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
ORACLE = {
    service: botocore.model.ServiceModel(model.document(service), service)
    for service in model.SERVICES
    if service != "jupyter-ml"
}
OPERATIONS = sorted(name for name, one in model.operations().items() if one.service in ORACLE)
drawn = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def refusal(operation: str, request: dict[str, Any]) -> str:
    """Return the message that a request is refused with."""
    with pytest.raises(ValidationException) as caught:
        validate(operation, request)
    return str(caught.value)


def test_every_violation_is_named_in_aws_s_words() -> None:
    """One answer is enough to repair the whole request."""
    request = {"TrainingJobName": "bad name", "StoppingCondition": {"MaxRuntimeInSeconds": 0}}
    assert refusal("CreateTrainingJob", request) == (
        "2 validation errors detected: Value 'bad name' at 'trainingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}; Value '0' at 'stoppingCondition.maxRuntimeInSeconds' "
        "failed to satisfy constraint: Member must have value greater than or equal to 1"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"TrainingJobName": "a" * 64},
            "at 'trainingJobName' failed to satisfy constraint: Member must have length less",
        ),
        ({"TrainingJobName": ""}, "length greater than or equal to 1"),
        ({"TrainingJobName": 7}, "Member must be of type string, not int"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "of type integer, not bool"),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "Tape"}},
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "a"}]},
            "Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be",
        ),
        ({"HyperParameters": {"depth": 3}}, "at 'hyperParameters.depth' failed"),
        ({"HyperParameters": []}, "Member must be of type map, not list"),
        (
            {"TrainingJobname": "a"},
            "not in the model of CreateTrainingJobRequest; did you mean TrainingJobName?",
        ),
        ({"RoleArn": "me"}, "Member must have length greater than or equal to 20"),
    ],
)
def test_each_kind_of_violation_is_found_at_its_place(change: dict[str, Any], said: str) -> None:
    """Paths are AWS's: lower camel case, list elements from one."""
    assert said in refusal("CreateTrainingJob", TRAINING | change)


def test_a_missing_member_is_said_to_be_null() -> None:
    """As AWS says it."""
    assert refusal("DescribeTrainingJob", {}) == (
        "1 validation error detected: Value null at 'trainingJobName' failed to satisfy "
        "constraint: Member must not be null"
    )


def test_a_union_takes_exactly_one_member() -> None:
    """Two at once contradict each other."""
    union = next(
        (name, member)
        for name in OPERATIONS
        if (shape := model.operation(name).input) is not None
        for member, inner in shape.members.items()
        if inner.is_union
    )
    name, member = union
    assert "Member must have exactly one of [" in refusal(name, {member: {}})


def test_a_secret_is_never_shown() -> None:
    """Messages end up in logs."""
    secret = "x" * 5000
    sensitive = next(
        (name, member, shape)
        for name in OPERATIONS
        if (shape := model.operation(name).input) is not None
        for member, inner in shape.members.items()
        if inner.is_sensitive and inner.type == "string"
    )
    name, member, shape = sensitive
    assert secret[:20] not in refusal(name, {member: secret})
    assert shape.members[member].is_sensitive


def test_a_long_value_is_cut_short_in_the_message() -> None:
    """A megabyte in a message helps nobody."""
    assert len(refusal("DescribeTrainingJob", {"TrainingJobName": "é" * 10_000})) < 500


def test_an_operation_that_takes_nothing_refuses_members() -> None:
    """Some have no request shape at all."""
    nothing = next(name for name in OPERATIONS if not model.operation(name).input.members)
    assert "'foo'" in refusal(nothing, {"Foo": 1})
    assert validate(nothing, {}) == {}


def test_times_become_epoch_seconds_and_absent_members_are_left_out() -> None:
    """The store holds JSON."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    request = {"CreationTimeAfter": moment, "CreationTimeBefore": "2026-01-03", "NextToken": None}
    assert validate("ListTrainingJobs", request) == {
        "CreationTimeAfter": moment.timestamp(),
        "CreationTimeBefore": moment.timestamp() + 86_400,
    }


@pytest.mark.parametrize("time", [10**12, -(10**12), math.nan, math.inf, True, "soon", []])
def test_a_time_that_no_calendar_has_is_refused(time: Any) -> None:
    assert "Member must be a time" in refusal("ListTrainingJobs", {"CreationTimeAfter": time})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_metrics_that_are_not_finite_arrive_as_botocore_writes_them(text: str) -> None:
    """JSON has no word for them."""
    point = {"MetricName": "loss", "Timestamp": 0, "Value": text}
    request = {"TrialComponentName": "run-1", "MetricData": [point]}
    assert str(float(text)) == str(validate("BatchPutMetrics", request)["MetricData"][0]["Value"])


@pytest.mark.parametrize(
    "change",
    [
        {"RoleArn": None},
        {"OutputDataConfig": None},
        {"OutputDataConfig": {"CompressionType": "NONE"}},
        {"AlgorithmSpecification": {"TrainingImage": "xgboost"}},
        {"ResourceConfig": {"InstanceType": "ml.local", "InstanceCount": 1}},
        {"ResourceConfig": {"InstanceType": "ml.mine.huge", "InstanceCount": 1}},
        {"OutputDataConfig": {"S3OutputPath": "/home/me/results"}},
        {"OutputDataConfig": {"S3OutputPath": "file:///home/me/results"}},
    ],
)
def test_what_is_relaxed_passes(change: dict[str, Any]) -> None:
    """Each deviation has its reason in relaxations.json."""
    validate("CreateTrainingJob", TRAINING | change)


def test_every_relaxation_relaxes_something_that_the_model_has() -> None:
    """A newer botocore may have relaxed it itself."""
    patterns = {
        definition.get("pattern") for definition in model.document("sagemaker")["shapes"].values()
    }
    for entry in relaxations()["optional"]:
        assert set(entry["members"]) <= set(model.shape(entry["shape"]).required)
    for entry in relaxations()["values"]:
        assert all(model.shape(name).type == "string" for name in entry["shapes"])
    for entry in relaxations()["patterns"]:
        assert entry["pattern"] in patterns
    assert all(entry["reason"] for entries in relaxations().values() for entry in entries)


@drawn
@given(st.data())
def test_requests_drawn_from_the_shapes_are_valid_and_stay_as_they_are(data: st.DataObject) -> None:
    """Checking what was checked changes nothing."""
    operation = data.draw(st.sampled_from(OPERATIONS))
    request = data.draw(drawing.requests(operation))
    checked = validate(operation, request)
    assert checked == request
    assert validate(operation, checked) == checked


@drawn
@given(st.data())
def test_whatever_botocore_refuses_is_refused(data: st.DataObject) -> None:
    """Botocore's own validator is the oracle for types, required members and least lengths."""
    operation = data.draw(st.sampled_from(OPERATIONS))
    request = data.draw(drawing.broken_requests(operation))
    shape = ORACLE[model.service_of(operation)].operation_model(operation).input_shape
    if shape is None or _is_relaxed(model.operation(operation).input):
        return
    report = botocore.validate.ParamValidator().validate(request, shape)
    if report.has_errors():
        refusal(operation, request)


def _is_relaxed(shape: model.Shape | None) -> bool:
    """Return whether a member that botocore requires is optional here, at the top or below."""
    todo, seen = [shape], set()
    while todo:
        one = todo.pop()
        if one is None or one in seen:
            continue
        seen.add(one)
        if required_members(one) != one.required:
            return True
        todo += one.members.values()
        if one.type in {"list", "map"}:
            todo.append(one.element)
    return False


def test_a_request_that_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"SubExpressions": [deep]}
    request = {"Resource": "TrainingJob", "SearchExpression": deep}
    assert "nested too deeply" in refusal("Search", request)


@pytest.mark.parametrize(
    ("text", "says"), [("a\0b", "the character NUL"), ("a\ud800", "half of a surrogate pair")]
)
def test_text_that_no_file_and_no_database_can_hold_is_refused(text: str, says: str) -> None:
    for request in ({"HyperParameters": {"a": text}}, {"HyperParameters": {text: "a"}}):
        message = refusal("CreateTrainingJob", {**TRAINING, **request})
        assert says in message
        message.encode()
