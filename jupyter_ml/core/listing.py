"""Lists: the filters, sorting and paging that all List operations of the API share."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import NotImplementedException, ValidationException
from jupyter_ml.core.store.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.resources import Resource
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
DEFAULT_PAGE = 10
_BEYOND = 1 << 63
_PAGING = frozenset({"NextToken", "MaxResults", "SortBy", "SortOrder"})
_SORTS: Mapping[str, sa.Column[Any]] = {
    "Name": rows.c.key,
    "CreationTime": rows.c.created_at,
    "LastModifiedTime": rows.c.modified_at,
    "Status": rows.c.status,
}


def epoch(value: datetime | float) -> float:
    """Return a time of a request in epoch seconds."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


_FILTERS: Mapping[str, Callable[[Any], sa.ColumnElement[bool]]] = {
    "NameContains": lambda text: sa.func.lower(rows.c.key).contains(text.lower(), autoescape=True),
    "StatusEquals": lambda status: rows.c.status == status,
    "CreationTimeAfter": lambda time: rows.c.created_at > epoch(time),
    "CreationTimeBefore": lambda time: rows.c.created_at < epoch(time),
    "CreatedAfter": lambda time: rows.c.created_at > epoch(time),
    "CreatedBefore": lambda time: rows.c.created_at < epoch(time),
    "LastModifiedTimeAfter": lambda time: rows.c.modified_at > epoch(time),
    "LastModifiedTimeBefore": lambda time: rows.c.modified_at < epoch(time),
}


def list_rows(ctx: Context, resource: Resource, request: Json) -> Json:
    """Answer a List operation from the resource's rows, newest first by default.

    Raises
    ------
    ValidationException
        The token is not one that this operation gave.
    NotImplementedException
        A filter or order that this workspace cannot honour.
    """
    column, descending = _order(resource, request)
    where = [rows.c.kind == resource.kind, *_conditions(resource, request)]
    if token := request.get("NextToken"):
        where.append(after_token(column, token, descending=descending))
    size = request.get("MaxResults", DEFAULT_PAGE)
    order = [column.desc(), rows.c.id.desc()] if descending else [column, rows.c.id]
    # A list's shapes have no number of more than 64 bits, and hardly a view reads what is private.
    found = ctx.table.glance(*where, order=order, limit=size + 1)
    page = found[:size]
    answer: Json = {_items(f"List{resource.kind}s"): [resource.view(ctx, row) for row in page]}
    if len(found) > size:
        answer["NextToken"] = token_of(column, page[-1])
    return answer


def list_members(resource: Resource) -> dict[str, str]:
    """Return the classification of a List request's members."""
    shape = model.operation(f"List{resource.kind}s").input
    known = {*_PAGING, *_FILTERS, *resource.filters}
    return {
        name: "used" if name in known else "rejected: lists cannot filter by it here; leave it out"
        for name in (shape.members if shape is not None else ())
    }


def _order(resource: Resource, request: Json) -> tuple[sa.Column[Any], bool]:
    wanted = request.get("SortBy", "CreationTime")
    if wanted not in _SORTS:
        msg = f"List{resource.kind}s cannot sort by {wanted!r}; use one of {', '.join(_SORTS)}."
        raise NotImplementedException(msg)
    return _SORTS[wanted], request.get("SortOrder", "Descending") == "Descending"


def _conditions(resource: Resource, request: Json) -> list[sa.ColumnElement[bool]]:
    filters = {**_FILTERS, **resource.filters}
    conditions = []
    for member, value in request.items():
        if member in _PAGING:
            continue
        conditions.append(filters[member](value))
    return conditions


def _items(operation: str) -> str:
    shape = model.operation(operation).output
    members = shape.members if shape is not None else {}
    return next(name for name, member in members.items() if member.type == "list")


def token_of(column: sa.Column[Any], row: Row) -> str:
    """Return the token of the page that begins behind a row, in the order of a column."""
    mark = [column.name, getattr(row, column.name), row.id]
    return encoded(mark)


def encoded(mark: list[Any]) -> str:
    """Return a place in a list as a token."""
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).decode()


def decoded(token: str) -> Any:
    """Return the place that a token stands for; `None` for what is no token."""
    try:
        mark = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, RecursionError):
        return None
    parts = mark if isinstance(mark, list) else ()
    # What no column holds, no database can compare with one.
    is_kept = all(not isinstance(part, int) or abs(part) < _BEYOND for part in parts)
    return mark if is_kept else None


def foreign(token: str) -> ValidationException:
    """Return the error for a token that was not given by the list that gets it."""
    return ValidationException(
        f"NextToken {token!r} is not one that this list gave; start again without it."
    )


def after_token(column: sa.Column[Any], token: str, *, descending: bool) -> sa.ColumnElement[bool]:
    """Return the condition for rows behind a token's place.

    Raises
    ------
    ValidationException
        The token is of another list or order.
    """
    mark = decoded(token)
    is_text = isinstance(column.type, sa.Text)
    match mark:
        case [column.name, str() as value, int() as identity] if is_text:
            pass
        case [column.name, float() | int() as value, int() as identity] if not is_text:
            pass
        case _:
            raise foreign(token)
    here = sa.tuple_(sa.literal(value), sa.literal(identity))
    there = sa.tuple_(column, rows.c.id)
    return there < here if descending else there > here
