"""Whatever a database selects beforehand, a search finds all that its expression says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import postgresql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_ml.contract import model
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.search.expressions import parse
from jupyter_ml.core.search.properties import resolve
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.services import registry
from jupyter_ml.testing import ManualClock, ScriptedEngine, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
RECORD = model.shape("SearchRecord").members["TrialComponent"]
NUMBERS = (0, -0.0, 3, 3.0, 0.1, 1e16, 10**16, -2.5, 1e-7)
TEXTS = ("3", "3.0", "relu", "ReLU", "50%", "a_b", "é 雪", '"quoted"', "back\\slash", "", "NaN")
TIMES = ("1700000003", "1700000003.5", "2023-11-14T22:13:23", "2023-11-14T22:13:24+00:00")
PROPERTIES = {
    "Parameters.x": (*map(repr, NUMBERS), *TEXTS),
    "Parameters.x.NumberValue": tuple(map(repr, NUMBERS)),
    "Parameters.x.StringValue": TEXTS,
    "Parameters.e-ä": TEXTS,
    "Metrics.auc": tuple(map(repr, NUMBERS)),
    "Metrics.auc.Max": tuple(map(repr, NUMBERS)),
    "Tags.team": TEXTS,
    "TrialComponentName": ("run-1", "RUN-1", "run", "run-1,run-2", "nobody"),
    "RunName": ("run-1", "run"),
    "DisplayName": TEXTS,
    "CreationTime": TIMES,
    "LastModifiedTime": TIMES,
    "Status.PrimaryStatus": ("Completed", "Failed"),
}
ORDERED = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
OPERATORS = {
    "Parameters.x": ("Equals", "NotEquals", "Contains", "In"),
    "Parameters.x.NumberValue": ("Equals", "NotEquals", *ORDERED),
    "Metrics.auc": ("Equals", "NotEquals", *ORDERED),
    "Metrics.auc.Max": ("Equals", *ORDERED),
    "CreationTime": ("Equals", "NotEquals", *ORDERED),
    "LastModifiedTime": ("Equals", "NotEquals", *ORDERED),
}


@st.composite
def filters(draw: st.DrawFn) -> Json:
    name = draw(st.sampled_from([*PROPERTIES]))
    if draw(st.integers(0, 4)) == 0:
        return {"Name": name, "Operator": draw(st.sampled_from(["Exists", "NotExists"]))}
    known = OPERATORS.get(name, ("Equals", "NotEquals", "Contains", "In"))
    value = draw(st.sampled_from([one for one in PROPERTIES[name] if one]))
    return {"Name": name, "Operator": draw(st.sampled_from(known)), "Value": value}


EXPRESSIONS = st.recursive(
    st.builds(
        lambda some, operator: {"Filters": some, "Operator": operator},
        st.lists(filters(), min_size=1, max_size=3),
        st.sampled_from(["And", "Or"]),
    ),
    lambda inner: st.builds(
        lambda subs, some, operator: {
            "SubExpressions": subs,
            "Operator": operator,
            **({"Filters": some} if some else {}),
        },
        st.lists(inner, min_size=1, max_size=2),
        st.lists(filters(), max_size=2),
        st.sampled_from(["And", "Or"]),
    ),
    max_leaves=4,
)


class Searched:
    """A workspace with runs of all kinds of values, and their records."""

    def __init__(self, root: Path, database: str | None) -> None:
        self.workspace = Workspace(fresh_settings(root, database=database))
        self.clock = ManualClock()
        self.runtime = Runtime(self.workspace, registry(), ScriptedEngine(), clock=self.clock)
        values = [
            *({"NumberValue": number} for number in NUMBERS),
            *({"StringValue": text} for text in TEXTS),
        ]
        for number, value in enumerate(values):
            self.clock.advance(0.7)
            self._add(f"run-{number}", value, TEXTS[number % len(TEXTS)], number)
        self.clock.advance(1)
        changed = {"x": {"StringValue": "changed"}}
        self.call("UpdateTrialComponent", TrialComponentName="run-3", Parameters=changed)
        self.records = [one["TrialComponent"] for one in self.search({"MaxResults": 100})]
        assert len(self.records) == len(values)

    def _add(self, name: str, value: Json, text: str, number: int) -> None:
        self.call(
            "CreateTrialComponent",
            TrialComponentName=name,
            Parameters={"x": value, **({"e-ä": {"StringValue": text}} if number % 3 else {})},
            **({"DisplayName": "relu-3"} if number % 4 == 0 else {}),
            **({"Tags": [{"Key": "team", "Value": "relu"}]} if number % 2 else {}),
        )
        if number % 3:
            metric = {"MetricName": "auc", "Last": NUMBERS[number % len(NUMBERS)], "Count": 1}
            ended = {"PrimaryStatus": "Completed" if number % 2 else "Failed"}
            metrics = [{**metric, "Max": 3}] if number % 5 else []
            self.call("EndRun", RunName=name, Status=ended, Metrics=metrics)

    def call(self, operation: str, **request: Any) -> Json:
        return Context(self.runtime, Principal("ada", "test")).call(operation, request)

    def search(self, request: Json) -> list[Json]:
        found: list[Json] = []
        token: Json = {}
        while True:
            page = self.call("Search", Resource="ExperimentTrialComponent", **request, **token)
            found += page["Results"]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def searched(request: pytest.FixtureRequest) -> Iterator[Searched]:
    root = Path(tempfile.mkdtemp())
    database = postgresql.server().new_database() if request.param == "postgresql" else None
    house = Searched(root, database)
    yield house
    house.workspace.store.close()
    if database is not None:
        postgresql.server().drop_database(database)
    shutil.rmtree(root)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    expression=EXPRESSIONS,
    by=st.sampled_from(["CreationTime", "TrialComponentName", "Metrics.auc", "Parameters.x"]),
    size=st.integers(1, 30),
)
def test_a_search_finds_what_its_expression_says(
    searched: Searched, expression: Json, by: str, size: int
) -> None:
    holds = parse(expression, lambda name: resolve(RECORD, name)).holds
    expected = {one["TrialComponentName"] for one in searched.records if holds(one)}
    request = {"SearchExpression": expression, "SortBy": by, "MaxResults": size}
    names = [one["TrialComponent"]["TrialComponentName"] for one in searched.search(request)]
    assert len(names) == len(set(names))
    assert set(names) == expected
