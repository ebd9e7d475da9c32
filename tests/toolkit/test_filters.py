"""The language that runs are filtered with."""

from __future__ import annotations

import pytest

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.contract.validator import validate
from jupyter_ml.toolkit.filters import parse_filter, parse_order


def one(name, operator, value=None):
    return {"Name": name, "Operator": operator, **({} if value is None else {"Value": value})}


AUC = one("Metrics.auc.Last", "GreaterThan", "0.8")
DEPTH = one("Parameters.depth", "Equals", "3")
TEAM = one("Tags.team.Value", "Equals", "red")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("metrics.auc > 0.8", {"Filters": [AUC]}),
        ("metrics.auc>0.8", {"Filters": [AUC]}),
        ("metrics.auc > 0.8 AND params.depth = 3", {"Operator": "And", "Filters": [AUC, DEPTH]}),
        (
            "metrics.auc > 0.8 and (params.depth = '3' or tags.team == \"red\")",
            {
                "Operator": "And",
                "Filters": [AUC],
                "SubExpressions": [{"Operator": "Or", "Filters": [DEPTH, TEAM]}],
            },
        ),
        (
            "metrics.auc > 0.8 or params.depth = 3 and tags.team = 'red'",
            {
                "Operator": "Or",
                "Filters": [AUC],
                "SubExpressions": [{"Operator": "And", "Filters": [DEPTH, TEAM]}],
            },
        ),
        (
            'metrics."val loss" <= -1e-3',
            {"Filters": [one("Metrics.val loss.Last", "LessThanOrEqualTo", "-1e-3")]},
        ),
        ("metrics.`a.b` < 1", {"Filters": [one("Metrics.a.b.Last", "LessThan", "1")]}),
        ("metrics.val/loss < 1", {"Filters": [one("Metrics.val/loss.Last", "LessThan", "1")]}),
        (
            "params.model like '%forest%'",
            {"Filters": [one("Parameters.model", "Contains", "forest")]},
        ),
        (
            "tags.team in ('red', 'blue')",
            {"Operator": "Or", "Filters": [TEAM, one("Tags.team.Value", "Equals", "blue")]},
        ),
        ("tags.team is null", {"Filters": [one("Tags.team.Value", "NotExists")]}),
        ("metrics.auc is not null", {"Filters": [one("Metrics.auc.Last", "Exists")]}),
        (
            "params.depth != 3",
            {
                "Operator": "And",
                "Filters": [
                    one("Parameters.depth", "NotEquals", "3"),
                    one("Parameters.depth", "Exists"),
                ],
            },
        ),
        ("status = 'FINISHED'", {"Filters": [one("Status.PrimaryStatus", "Equals", "Completed")]}),
        ("attributes.run_name = 'a'", {"Filters": [one("RunName", "Equals", "a")]}),
        (
            "attributes.start_time > 1664067852747",
            {"Filters": [one("StartTime", "GreaterThan", "1664067852.747")]},
        ),
        (
            "created >= '2030-01-31'",
            {"Filters": [one("CreationTime", "GreaterThanOrEqualTo", "2030-01-31")]},
        ),
        ("experiment = 'churn'", {"Filters": [one("Parents.ExperimentName", "Equals", "churn")]}),
    ],
)
def test_a_filter_becomes_a_search_expression(text, expression):
    parsed = parse_filter(text)
    assert parsed.expression == expression
    validate("Search", {"Resource": "TrainingJob", "SearchExpression": parsed.expression})


def test_the_columns_of_a_filter_are_what_it_names():
    parsed = parse_filter(
        "metrics.auc > 0.8 and (param.depth = 3 or metric.auc < 1) and name = 'a'"
    )
    assert parsed.columns == ("metrics.auc", "params.depth")


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("metrics.auc >", 14, "the filter ends where a number or a text in quotes is expected"),
        ("metric.auc > 'high'", 14, "metrics are numbers"),
        ("metrcs.auc > 1", 1, "Did you mean metrics?"),
        ("statos = 'Failed'", 1, "Did you mean status?"),
        ("auc > 1", 1, "metrics, params and tags have a prefix"),
        ("status = 'Faild'", 10, "Did you mean failed?"),
        ("params.act = relu", 14, "Texts are in quotes: 'relu'"),
        ("params.act lke '%a%'", 12, "Did you mean like?"),
        ("params.act like 'a%'", 17, "finds a text anywhere: '%a%'"),
        ("params.act > 'a'", 14, "texts are compared by"),
        ("status > 3", 10, "texts are compared by"),
        ("metrics.auc > 1 metrics.b > 1", 17, "an `and`, an `or` or the end"),
        ("(metrics.auc > 1", 17, "a closing parenthesis"),
        ("metrics.auc in 1", 16, "a list in parentheses"),
        ("metrics. > 1", 1, "a name is missing behind 'metrics.'"),
        ("params.a = 'b", 12, "never closed"),
        ("params.a = 1 & 2", 14, "'&' means nothing here"),
        ("", 1, "a name such as metrics.auc"),
        ("metrics.auc is 3", 16, "`null` or `not null`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_a_near_miss(text, position, says):
    with pytest.raises(UsageError) as refused:
        parse_filter(text)
    message, line, mark = str(refused.value).splitlines()
    assert message.startswith(f"At position {position} of the filter, ")
    assert says in message
    assert line == f"  {text}"
    assert mark == " " * (position + 1) + "^"


def test_a_filter_of_any_depth_is_read_or_refused():
    depth = 5000
    with pytest.raises(UsageError, match="nested too deeply"):
        parse_filter("(" * depth + "name = 'a'" + ")" * depth)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("metrics.auc desc", ("Metrics.auc.Last", "Descending")),
        ("params.depth", ("Parameters.depth", "Ascending")),
        ("created ASC", ("CreationTime", "Ascending")),
    ],
)
def test_an_order_names_a_property_and_a_direction(text, order):
    assert parse_order(text) == order


def test_an_order_that_cannot_be_read_is_refused():
    with pytest.raises(UsageError, match="Did you mean created"):
        parse_order("crated")
