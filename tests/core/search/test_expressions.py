"""Search expressions: what each operator means for each type, and what is refused."""

from __future__ import annotations

import pytest

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.search.expressions import parse
from jupyter_ml.core.search.properties import resolve

RECORD = {
    "TrainingJobName": "cancer-1",
    "CreationTime": 1_900_000_000.25,
    "BillableTimeInSeconds": 90,
    "EnableNetworkIsolation": False,
    "HyperParameters": {"depth": "3", "act": "relu"},
    "FinalMetricDataList": [
        {"MetricName": "auc", "Value": 0.9},
        {"MetricName": "loss", "Value": float("nan")},
    ],
    "InputDataConfig": [
        {"ChannelName": "train", "ContentType": "text/csv"},
        {"ChannelName": "test", "ContentType": "application/json"},
    ],
    "Tags": [{"Key": "team", "Value": "red"}],
}


def named(name):
    return resolve(model.shape("SearchRecord").members["TrainingJob"], name)


def holds(expression):
    return parse(expression, named).holds(RECORD)


def one(name, operator, value=None):
    return {"Name": name, "Operator": operator, **({} if value is None else {"Value": value})}


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("TrainingJobName", "Equals", "cancer-1", True),
        ("TrainingJobName", "Equals", "Cancer-1", False),
        ("TrainingJobName", "NotEquals", "cancer-2", True),
        ("TrainingJobName", "Contains", "cer", True),
        ("TrainingJobName", "In", "other, cancer-1", True),
        ("TrainingJobName", "In", "other,cancer", False),
        ("FailureReason", "NotEquals", "any", True),
        ("FailureReason", "Equals", "any", False),
        ("FailureReason", "Exists", None, False),
        ("FailureReason", "NotExists", None, True),
        ("Tags", "Exists", None, True),
        ("Tags", "Contains", "red", True),
        ("BillableTimeInSeconds", "Equals", "90.0", True),
        ("BillableTimeInSeconds", "GreaterThan", "89.5", True),
        ("BillableTimeInSeconds", "GreaterThanOrEqualTo", "90", True),
        ("BillableTimeInSeconds", "LessThan", "90", False),
        ("BillableTimeInSeconds", "LessThanOrEqualTo", "90", True),
        ("EnableNetworkIsolation", "Equals", "false", True),
        ("EnableNetworkIsolation", "NotEquals", "True", True),
        ("HyperParameters.depth", "GreaterThan", "2.5", True),
        ("HyperParameters.depth", "Equals", "3", True),
        ("HyperParameters.act", "GreaterThan", "2.5", False),
        ("HyperParameters.act", "In", "tanh,relu", True),
        ("FinalMetricDataList.auc", "GreaterThan", "0.8", True),
        ("FinalMetricDataList.loss", "LessThan", "100", False),
        ("FinalMetricDataList.loss", "Exists", None, True),
        ("CreationTime", "GreaterThan", "2030-03-17T17:46:40", True),
        ("CreationTime", "Equals", "2030-03-17T17:46:40", True),
        ("CreationTime", "Equals", "2030-03-17T17:46:40Z", True),
        ("CreationTime", "LessThan", "2030-03-17T18:46:40+01:00", False),
        ("InputDataConfig.ContentType", "Equals", "application/json", True),
    ],
)
def test_a_filter_means_what_its_operator_says(name, operator, value, expected):
    assert holds({"Filters": [one(name, operator, value)]}) is expected


@pytest.mark.parametrize(
    ("name", "operator", "value", "text"),
    [
        ("TrainingJobName", "GreaterThan", "a", "is for numbers and times"),
        ("BillableTimeInSeconds", "Contains", "9", "is for text"),
        ("BillableTimeInSeconds", "In", "9", "is for text"),
        ("BillableTimeInSeconds", "Equals", "many", "an integer or a decimal"),
        ("BillableTimeInSeconds", "LessThan", "nan", "an integer or a decimal"),
        ("HyperParameters.depth", "GreaterThan", "deep", "an integer or a decimal"),
        ("CreationTime", "LessThan", "yesterday", "ISO 8601"),
        ("EnableNetworkIsolation", "Equals", "yes", "true or false"),
        ("ResourceConfig", "Equals", "a", "compares single values"),
        ("TrainingJobName", "Equals", None, "needs a Value"),
        ("TrainingJobName", "Exists", "a", "takes no Value"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(name, operator, value, text):
    with pytest.raises(ValidationException, match=text):
        holds({"Filters": [one(name, operator, value)]})


def test_an_operator_that_is_not_given_is_equals():
    assert holds({"Filters": [{"Name": "TrainingJobName", "Value": "cancer-1"}]})


def test_and_and_or_join_filters_and_subexpressions():
    true, false = one("Tags.team", "Equals", "red"), one("Tags.team", "Equals", "blue")
    assert not holds({"Filters": [true, false]})
    assert holds({"Filters": [true, false], "Operator": "Or"})
    both = {"Filters": [true], "SubExpressions": [{"Filters": [false, true], "Operator": "Or"}]}
    assert holds(both)
    assert not holds({"SubExpressions": [both, {"Filters": [false]}]})


def test_nested_filters_are_fulfilled_by_one_element_together():
    def nested(content_type):
        filters = [
            one("InputDataConfig.ChannelName", "Equals", "train"),
            one("InputDataConfig.ContentType", "Equals", content_type),
        ]
        return {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}

    assert holds(nested("text/csv"))
    assert not holds(nested("application/json"))
    separate = nested("application/json")["NestedFilters"][0]["Filters"]
    assert holds({"Filters": separate})


@pytest.mark.parametrize(
    ("name", "inner", "text"),
    [
        ("ResourceConfig", "ResourceConfig.InstanceType", "no list of structures"),
        ("InputDataConfig", "ChannelName", "begins with 'InputDataConfig.'"),
        ("InputDataConfig", "InputDataConfig.Chanel", "Did you mean 'ChannelName'"),
    ],
)
def test_nested_filters_that_cannot_be_meant_are_refused(name, inner, text):
    nested = {"NestedPropertyName": name, "Filters": [one(inner, "Equals", "a")]}
    with pytest.raises(ValidationException, match=text):
        holds({"NestedFilters": [nested]})


def test_an_empty_expression_is_refused():
    with pytest.raises(ValidationException, match="at least one"):
        holds({})
    with pytest.raises(ValidationException, match="at least one"):
        holds({"SubExpressions": [{}]})


def test_more_than_fifty_conditions_are_refused_however_deep():
    deep = {"Filters": [one("TrainingJobName", "Exists")]}
    for _ in range(49):
        deep = {"SubExpressions": [deep]}
    assert holds(deep)
    with pytest.raises(ValidationException, match="50 are allowed"):
        holds({"SubExpressions": [deep]})
    for _ in range(5000):
        deep = {"SubExpressions": [deep]}
    with pytest.raises(ValidationException, match="50 are allowed"):
        holds(deep)


def test_what_is_necessary_is_said_only_of_what_every_record_must_fulfil():
    name, tag = one("TrainingJobName", "Equals", "a"), one("Tags.team", "Equals", "red")
    every = parse({"Filters": [name, tag]}, named)
    assert [found.subject.name for found in every.necessary] == ["TrainingJobName", "Tags.team"]
    assert parse({"Filters": [name, tag], "Operator": "Or"}, named).necessary == ()
    assert every.members == {"TrainingJobName", "Tags"}
