"""Search follows from the declaration: every kind that the contract can search is found alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.validator import validate_shape
from jupyter_ml.core.search.search import searchable
from jupyter_ml.services import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {resource.kind: type_ for type_, resource in searchable(registry().resources).items()}
NAMES = ["c", "a", "e", "b", "d"]


@pytest.fixture
def found(subject: Any, kind: str) -> Any:
    """Return a function that searches among five of a kind; their names in order."""
    for number, name in enumerate(NAMES):
        subject.create(name, Tags=[{"Key": "team", "Value": f"team {number % 2}"}])

    def search(*filters: tuple[str, ...], **members: Any) -> list[str]:
        spelled = [dict(zip(("Name", "Operator", "Value"), one, strict=False)) for one in filters]
        expression = {"SearchExpression": {"Filters": spelled}} if spelled else {}
        names = []
        for page in pages(subject, kind, {**expression, **members}):
            validate_shape(model.operation("Search").output, page)
            names += [named(subject, record) for record in page["Results"]]
        return [name for name in names if name in NAMES]

    return search


def pages(subject: Any, kind: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = subject.house.call("Search", Resource=TYPES[kind], **request, **token)
        yield page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def named(subject: Any, record: dict[str, Any]) -> str:
    (content,) = record.values()
    return str(content.get("Model", content)[subject.resource.key])


def test_everything_is_found_last_modified_first(found: Any, kind: str) -> None:
    assert found(MaxResults=100) == NAMES[::-1]
    assert found(MaxResults=2) == NAMES[::-1]
    assert found(SortOrder="Ascending", MaxResults=3) == NAMES


def test_one_is_found_by_its_name(subject: Any, found: Any, kind: str) -> None:
    key = subject.resource.key
    assert found((key, "Equals", "b")) == ["b"]
    assert found((key, "In", "a, b"), SortBy=key, SortOrder="Ascending") == ["a", "b"]
    assert found((key, "Equals", "B")) == []


def test_some_are_found_by_a_tag(found: Any, kind: str) -> None:
    assert sorted(found(("Tags.team", "Equals", "team 1"))) == ["a", "b"]
    assert len(found(("Tags.team", "Exists"))) == 5
    assert found(("Tags.other", "Exists")) == []
    conditions = [{"Key": "Tags.team", "Value": "team 0"}]
    assert sorted(found(VisibilityConditions=conditions)) == ["c", "d", "e"]


def test_some_are_found_by_the_time_of_their_creation(subject: Any, found: Any, kind: str) -> None:
    described = subject.describe("e")
    at = str(described["CreationTime"])
    assert "a" not in found(("CreationTime", "GreaterThanOrEqualTo", at))
    assert "e" in found(("CreationTime", "GreaterThanOrEqualTo", at))
    assert found(("CreationTime", "Equals", str(int(float(at))))) == ["e"]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_show_everything_once_in_the_order_of_any_property(
    subject: Any, found: Any, kind: str, order: str
) -> None:
    for by in (subject.resource.key, "CreationTime", "Tags.team", "Tags.nobody"):
        whole = found(SortBy=by, SortOrder=order, MaxResults=100)
        assert sorted(whole) == sorted(NAMES)
        assert found(SortBy=by, SortOrder=order, MaxResults=2) == whole
    teams = [NAMES.index(name) % 2 for name in found(SortBy="Tags.team", SortOrder=order)]
    assert teams == sorted(teams, reverse=order == "Descending")


def test_a_page_token_of_another_order_is_refused(subject: Any, found: Any, kind: str) -> None:
    first = subject.house.call("Search", Resource=TYPES[kind], MaxResults=1)
    for by in (subject.resource.key, "Tags.team"):
        with pytest.raises(ValidationException, match="NextToken"):
            subject.house.call(
                "Search", Resource=TYPES[kind], SortBy=by, NextToken=first["NextToken"]
            )


def test_a_property_that_there_is_not_is_refused(subject: Any, found: Any, kind: str) -> None:
    with pytest.raises(ValidationException, match="no property that can be searched"):
        found(("Nonsense", "Exists"))
    with pytest.raises(ValidationException, match="no property that can be searched"):
        found(SortBy="Nonsense")


def test_every_suggested_property_can_be_searched(subject: Any, found: Any, kind: str) -> None:
    answer = subject.house.call("GetSearchSuggestions", Resource=TYPES[kind])
    names = [one["PropertyName"] for one in answer["PropertyNameSuggestions"]]
    assert names
    for name in names:
        found((name, "Exists"))
    hint = {"PropertyNameQuery": {"PropertyNameHint": "tags.t"}}
    answer = subject.house.call("GetSearchSuggestions", Resource=TYPES[kind], SuggestionQuery=hint)
    assert [one["PropertyName"] for one in answer["PropertyNameSuggestions"]] == (
        [] if kind == "Model" else ["Tags.team"]
    )


def test_what_this_version_lacks_is_refused_with_what_there_is(house: Any) -> None:
    with pytest.raises(ValidationException, match=r"Pipeline cannot be searched .* TrainingJob"):
        house.call("Search", Resource="Pipeline")
    with pytest.raises(ValidationException, match="other accounts"):
        house.call("Search", Resource="Model", CrossAccountFilterOption="CrossAccount")
    assert house.call("Search", Resource="Model", CrossAccountFilterOption="SameAccount")


@pytest.mark.parametrize(
    "text", ["50%_/\\", 'é "quoted" 雪', "[1, 2]", "0.1", "  spaced  ", "a\tb"]
)
def test_a_value_is_found_whatever_characters_it_has(house: Any, text: str) -> None:
    parameters = {text: {"StringValue": text}}
    house.call("CreateTrialComponent", TrialComponentName="odd", Parameters=parameters)
    house.call("CreateTrialComponent", TrialComponentName="even", Parameters={})
    condition = {"Name": f"Parameters.{text}", "Operator": "Equals", "Value": text}
    answer = house.call(
        "Search",
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": [condition]},
    )
    assert [one["TrialComponent"]["TrialComponentName"] for one in answer["Results"]] == ["odd"]
