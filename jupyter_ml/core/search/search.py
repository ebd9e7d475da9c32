"""Search: resources of one kind by what their records hold.

It follows from the declarations: whatever kind has a member in `SearchRecord` is found, by
the members of its description, its tags and what the declaration adds. A database selects by
name, time and tags; the rest of an expression is decided here, over rows that are read without
what is private to them. In the order of a column rows are read only until the page is full.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.projection import project
from jupyter_ml.core.listing import after_token, decoded, encoded, foreign, token_of
from jupyter_ml.core.operations import reader
from jupyter_ml.core.rows import DOCUMENTS
from jupyter_ml.core.search.expressions import EVERYTHING, Expression, both, condition, parse
from jupyter_ml.core.search.properties import TIME, Property, names, resolve
from jupyter_ml.core.store.tables import rows, tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyter_ml.contract.model import Shape
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.resources import Resource
    from jupyter_ml.core.rows import Row
    from jupyter_ml.core.search.expressions import Condition

Json = dict[str, Any]
MEMBERS: Final = {
    "Search": {
        "Resource": "used",
        "SearchExpression": "used",
        "SortBy": "used",
        "SortOrder": "used",
        "NextToken": "used",
        "MaxResults": "used",
        "CrossAccountFilterOption": "used",
        "VisibilityConditions": "used",
    },
    "GetSearchSuggestions": {"Resource": "used", "SuggestionQuery": "used"},
}
_DEFAULT_PAGE: Final = 10
# Few enough to be gone before the garbage collector looks through everything for them.
_CHUNK: Final = 500
_SUGGESTING: Final = 20
_SUGGESTED: Final = 100
_COLUMNS: Final[Mapping[str, sa.Column[Any]]] = {
    "CreationTime": rows.c.created_at,
    "LastModifiedTime": rows.c.modified_at,
}
# The kinds whose type in a request is spelled otherwise.
_TYPES: Final = {"Trial": "ExperimentTrial", "TrialComponent": "ExperimentTrialComponent"}
# Where a resource stands in an order of values that may be numbers, texts or missing.
_MISSING: Final = 2


@reader
def search(ctx: Context, request: Json) -> Json:
    """Find the resources of one kind that fulfil an expression, last modified first."""
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        msg = "CrossAccount finds what other accounts share, and there are none here; leave it out."
        raise ValidationException(msg)
    records = _Records(ctx, _searched(ctx, request["Resource"]))
    expression = _expression(records, request)
    descending = request.get("SortOrder", "Descending") == "Descending"
    size = request.get("MaxResults", _DEFAULT_PAGE)
    by = records.resolve(request.get("SortBy", "LastModifiedTime"))
    column = records.column(by)
    token = request.get("NextToken") or None
    if column is not None:
        return _in_order(records, expression, column, token, size, descending=descending)
    return _sorted(records, expression, by, token, size, descending=descending)


@reader
def get_search_suggestions(ctx: Context, request: Json) -> Json:
    """Answer names of properties that begin with a hint: of the record, and of newest entries."""
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = query.get("PropertyNameHint", "").lower()
    records = _Records(ctx, _searched(ctx, request["Resource"]))
    newest = ctx.table.glance(
        rows.c.kind == records.resource.kind, order=[rows.c.id.desc()], limit=_SUGGESTING
    )
    found = set(names(records.shape))
    for record in records.read(newest):
        found.update(names(records.shape, record))
    fitting = sorted(name for name in found if name.lower().startswith(hint) and len(name) < 256)
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in fitting[:_SUGGESTED]]}


def searchable(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Return the kinds that can be searched, by their type in a request."""
    known = model.shape("SearchRecord").members
    return {_TYPES.get(kind, kind): one for kind, one in resources.items() if kind in known}


class _Records:
    """What a search sees of the resources of one kind."""

    def __init__(self, ctx: Context, resource: Resource) -> None:
        self.ctx, self.resource = ctx, resource
        self.shape: Shape = model.shape("SearchRecord").members[resource.kind]

    def resolve(self, name: str) -> Property:
        """Return the property that a name means."""
        first, _, rest = name.partition(".")
        if first == self.shape.name and first not in self.shape.members and rest:
            return self.resolve(rest)  # the manual writes Experiment.DisplayName
        if first in _COLUMNS and first not in self.shape.members:
            return Property(name, (first,), TIME, lambda record: iter([record[first]]), self.shape)
        alias = self.resource.aliases.get(first)
        return resolve(self.shape, name if alias is None else f"{alias}.{rest}".rstrip("."))

    def column(self, found: Property) -> sa.Column[Any] | None:
        """Return the column that holds a property, if there is one."""
        member = found.path[-1]
        alias = self.resource.aliases.get(member, member).split(".")
        if len(found.path) != 1 and [*found.path] != alias:
            return None
        return rows.c.key if member == self.resource.key else _COLUMNS.get(member)

    def read(self, found: Sequence[Row], members: frozenset[str] | None = None) -> list[Json]:
        """Return the records of rows; with `members`, as far as those need it."""
        if members is None or self.needs_views(members):
            records = [self.resource.view(self.ctx, row) for row in found]
        else:
            kept = [name for name in self.resource.kept if name in members]
            records = [_kept(row, kept) for row in found]
        for member, values_of in self.resource.searched.items():
            if members is None or member in members:
                for record, value in zip(records, values_of(self.ctx, found), strict=True):
                    record[member] = value
        if members is None or "Tags" in members:
            given = self.ctx.table.all_tags([row.arn for row in found])
            for record, row in zip(records, found, strict=True):
                pairs = given.get(row.arn, {}).items()
                record["Tags"] = [{"Key": key, "Value": value} for key, value in pairs]
        return records

    def needs_views(self, members: frozenset[str]) -> bool:
        """Return whether descriptions have to be made to see these members of records."""
        return not members <= {"Tags", *self.resource.searched, *self.resource.kept}

    def documents(self, members: frozenset[str]) -> Sequence[str]:
        """Return the documents of rows that have to be read to see these members of records."""
        reads_all = self.needs_views(members) or members & {*self.resource.kept}
        return DOCUMENTS if reads_all else ("observed",)

    def results(self, ids: Sequence[int]) -> list[Json]:
        """Return the rows with these numbers as `SearchRecord`s."""
        full = {row.id: row for row in self.ctx.select(rows.c.id.in_(ids))}
        page = [full[one] for one in ids]
        return [{self.resource.kind: project(self.shape, record)} for record in self.read(page)]


def _kept(row: Row, names: Iterable[str]) -> Json:
    """Return members of a row's description that are nowhere but in its documents."""
    record = {}
    for name in names:
        for document in (row.desired, row.observed, row.request):
            if name in document:
                record[name] = document[name]
                break
    return record


def _searched(ctx: Context, type_: str) -> Resource:
    known = searchable(ctx.runtime.registry.resources)
    if type_ not in known:
        there = ", ".join(sorted(known))
        msg = f"Resources of type {type_} cannot be searched in this version; there are {there}."
        raise ValidationException(msg)
    return known[type_]


def _expression(records: _Records, request: Json) -> Expression:
    given = request.get("SearchExpression")
    expression = EVERYTHING if given is None else parse(given, records.resolve)
    for visible in request.get("VisibilityConditions", ()):
        key = visible.get("Key", "")
        if not key.startswith("Tags."):
            msg = f"The Key of a VisibilityCondition is Tags.<key>, not {key!r}."
            raise ValidationException(msg)
        tagged = {"Name": key, "Operator": "Equals", "Value": visible.get("Value", "")}
        expression = both(expression, condition(tagged, records.resolve))
    return expression


def _in_order(
    records: _Records,
    expression: Expression,
    column: sa.Column[Any],
    token: str | None,
    size: int,
    *,
    descending: bool,
) -> Json:
    """Answer a page in the order of a column."""
    fulfilling = _fulfilling(records, expression, column, token, descending=descending)
    found = [row for row, _ in islice(fulfilling, size + 1)]
    answer: Json = {"Results": records.results([row.id for row in found[:size]])}
    is_more = len(found) > size
    if is_more:
        answer["NextToken"] = token_of(column, found[size - 1])
    if token is None:
        relation = "GreaterThanOrEqualTo" if is_more else "EqualTo"
        answer["TotalHits"] = {"Value": len(found), "Relation": relation}
    return answer


def _sorted(
    records: _Records,
    expression: Expression,
    by: Property,
    token: str | None,
    size: int,
    *,
    descending: bool,
) -> Json:
    """Answer a page in the order of any property; what lacks it comes last."""
    fulfilling = _fulfilling(records, expression, rows.c.id, None, by=by)
    places = [[*_rank(next(iter(by.values(record)), None)), row.id] for row, record in fulfilling]
    places.sort(reverse=descending)
    whole = [
        *(place for place in places if place[0] != _MISSING),
        *(place for place in places if place[0] == _MISSING),
    ]
    start = 0 if token is None else _behind(whole, by, token, descending=descending)
    page = whole[start : start + size]
    answer: Json = {
        "Results": records.results([place[-1] for place in page]),
        "TotalHits": {"Value": len(whole), "Relation": "EqualTo"},
    }
    if start + size < len(whole):
        answer["NextToken"] = encoded([by.name, *page[-1]])
    return answer


def _fulfilling(
    records: _Records,
    expression: Expression,
    column: sa.Column[Any],
    token: str | None,
    *,
    by: Property | None = None,
    descending: bool = False,
) -> Iterator[tuple[Row, Json]]:
    """Yield rows that fulfil an expression, and of their records what it and `by` read."""
    members = expression.members | ({by.path[0]} if by is not None else set())
    documents = records.documents(members)
    order = [column.desc(), rows.c.id.desc()] if descending else [column, rows.c.id]
    where = [rows.c.kind == records.resource.kind, *_selects(records, expression)]
    while True:
        behind = [after_token(column, token, descending=descending)] if token else []
        some = records.ctx.table.glance(
            *where, *behind, order=order, limit=_CHUNK, documents=documents
        )
        for row, record in zip(some, records.read(some, members), strict=True):
            if expression.holds(record):
                yield row, record
        if len(some) < _CHUNK:
            return
        token = token_of(column, some[-1])


def _behind(whole: list[list[Any]], by: Property, token: str, *, descending: bool) -> int:
    """Return where the page of a token begins: behind its place, whatever is there now."""
    match decoded(token):
        case [by.name, 0, float() | int() as value, int() as identity]:
            mark: list[Any] = [0, value, identity]
        case [by.name, 1, str() as value, int() as identity]:
            mark = [1, value, identity]
        case [by.name, 2, 0, int() as identity]:
            mark = [_MISSING, 0, identity]
        case _:
            raise foreign(token)

    def is_behind(place: list[Any]) -> bool:
        if (place[0] == _MISSING) != (mark[0] == _MISSING):
            return bool(place[0] == _MISSING)
        return place < mark if descending else place > mark

    return next((i for i, place in enumerate(whole) if is_behind(place)), len(whole))


def _rank(value: Any) -> tuple[int, Any]:
    """Return where a value stands: numbers before texts, and what is neither nowhere."""
    if isinstance(value, bool | int | float):
        return (_MISSING, 0) if math.isnan(value) else (0, float(value))
    return (1, value) if isinstance(value, str) else (_MISSING, 0)


def _selects(records: _Records, expression: Expression) -> Iterator[sa.ColumnElement[bool]]:
    """Yield conditions on rows that the expression makes necessary."""
    for one in expression.necessary:
        column = records.column(one.subject)
        if column is not None:
            yield from _selects_column(one, column)
        elif one.subject.path[0] == "Tags" and len(one.subject.path) == 3:
            yield from _selects_tag(one)
        elif one.subject.path[0] in records.resource.kept and len(one.subject.path) == 2:
            if one.operator != "Equals":
                continue
            texts = _spellings(one)
            columns = [rows.c[name] for name in DOCUMENTS]
            yield sa.or_(*(_has_text(column, text) for column in columns for text in texts))


def _selects_column(one: Condition, column: sa.Column[Any]) -> Iterator[sa.ColumnElement[bool]]:
    is_time = one.subject.type == TIME
    match one.operator:
        case "Equals" if not is_time:
            yield column == one.value
        case "In":
            yield column.in_([choice.strip() for choice in one.value.split(",")])
        case "Contains":
            yield column.contains(one.value, autoescape=True)
        case "GreaterThan":
            yield column > one.given()
        case "GreaterThanOrEqualTo":
            yield column >= one.given()
        case "LessThan":
            yield column < one.given()
        case "LessThanOrEqualTo":
            yield column <= one.given()


def _selects_tag(one: Condition) -> Iterator[sa.ColumnElement[bool]]:
    _, key, member = one.subject.path
    tagged = sa.select(tags.c.arn).where(tags.c.key == key)
    if member != "Value":
        return
    if one.operator == "Equals":
        yield rows.c.arn.in_(tagged.where(tags.c.value == one.value))
    elif one.operator == "Exists":
        yield rows.c.arn.in_(tagged)


def _spellings(one: Condition) -> list[str]:
    """Return how an entry of a map is written in a document where it has the value."""
    texts = [json.dumps(one.value)]
    numbers = []
    with suppress(ValueError, OverflowError):
        number = float(one.value)
        numbers = [number, -number] if number == 0 else [number]
        numbers += [int(number)] if number.is_integer() else []
    if one.subject.shape.type == "structure":
        texts = [f'{{"StringValue":{text}}}' for text in texts]
        texts += [f'{{"NumberValue":{json.dumps(number)}}}' for number in numbers]
    return [f"{json.dumps(one.subject.path[1])}:{text}" for text in texts]


def _has_text(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    return sa.type_coerce(column, sa.Text).contains(text, autoescape=True)
