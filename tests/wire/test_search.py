"""Unmodified boto3 searches: the paginator, filters, nested expressions, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from jupyter_process import JupyterProcess, session_of


@pytest.fixture(scope="module")
def sagemaker(jupyter: JupyterProcess) -> Any:
    """Return a client of a server that has seven runs of two trials."""
    client = session_of(jupyter.url).client(
        "sagemaker",
        endpoint_url=f"{jupyter.url}jupyter-ml/aws",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_experiment(ExperimentName="searched")
    for trial in ("odd", "even"):
        client.create_trial(TrialName=f"searched-{trial}", ExperimentName="searched")
    for number in range(7):
        client.create_trial_component(
            TrialComponentName=f"searched-{number}",
            Parameters={"depth": {"NumberValue": number}, "act": {"StringValue": "relu"}},
            Tags=[{"Key": "team", "Value": "red" if number < 3 else "blue"}],
        )
        client.associate_trial_component(
            TrialComponentName=f"searched-{number}",
            TrialName=f"searched-{'odd' if number % 2 else 'even'}",
        )
    return client


def names(client: Any, page_size: int = 100, **expression: Any) -> list[str]:
    pages = client.get_paginator("search").paginate(
        Resource="ExperimentTrialComponent",
        SearchExpression=expression,
        SortBy="Parameters.depth",
        SortOrder="Ascending",
        PaginationConfig={"PageSize": page_size},
    )
    found = [one["TrialComponent"] for page in pages for one in page["Results"]]
    return [one["TrialComponentName"].removeprefix("searched-") for one in found]


RED = {"Name": "Tags.team", "Operator": "Equals", "Value": "red"}
OURS = {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": "searched"}
DEEP = {"Name": "Parameters.depth", "Operator": "GreaterThan", "Value": "4"}


def test_the_paginator_shows_everything_once(sagemaker: Any) -> None:
    assert names(sagemaker, Filters=[OURS]) == list("0123456")
    assert names(sagemaker, 2, Filters=[OURS]) == list("0123456")


def test_filters_are_joined_and_nested(sagemaker: Any) -> None:
    assert names(sagemaker, Filters=[OURS, RED]) == list("012")
    either = {"Filters": [RED, DEEP], "Operator": "Or"}
    assert names(sagemaker, Filters=[OURS], SubExpressions=[either]) == list("01256")
    odd = {
        "NestedPropertyName": "Parents",
        "Filters": [{"Name": "Parents.TrialName", "Operator": "Contains", "Value": "odd"}],
    }
    assert names(sagemaker, Filters=[DEEP], NestedFilters=[odd]) == ["5"]


def test_the_results_are_what_a_client_reads(sagemaker: Any) -> None:
    answer = sagemaker.search(
        Resource="ExperimentTrial",
        SearchExpression={"Filters": [{"Name": "TrialName", "Value": "searched-odd"}]},
    )
    (trial,) = (one["Trial"] for one in answer["Results"])
    assert trial["ExperimentName"] == "searched"
    assert trial["CreationTime"].year >= 2026
    assert len(trial["TrialComponentSummaries"]) == 3
    suggested = sagemaker.get_search_suggestions(
        Resource="ExperimentTrialComponent",
        SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": "Parameters.de"}},
    )
    assert suggested["PropertyNameSuggestions"] == [{"PropertyName": "Parameters.depth"}]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"Filters": [{"Name": "Parameter.depth", "Value": "3"}]}, "Did you mean 'Parameters'"),
        ({"Filters": [{**DEEP, "Value": "deep"}]}, "an integer or a decimal"),
        ({}, "at least one"),
    ],
)
def test_what_cannot_be_meant_is_refused(sagemaker: Any, expression: Any, text: str) -> None:
    with pytest.raises(ClientError, match=text) as refused:
        names(sagemaker, **expression)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
