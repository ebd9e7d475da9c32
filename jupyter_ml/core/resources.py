"""Resources: a noun of the API declared once, from which the regular operations follow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract import errors, model
from jupyter_ml.core.listing import list_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.operations import Handler
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
_IN_PROGRESS = frozenset({"InProgress", "Stopping"})


@dataclass(frozen=True)
class Resource:
    """What the generic operations need to know of one kind of resource.

    Parameters
    ----------
    kind
        The noun, as in `DescribeTrainingJob`.
    key
        Request member that names one, unique in the workspace.
    arn
        Template of the ARN's resource part, such as ``"training-job/{key}"``.
    status
        Member that holds its status, if it has one; kept in a column for lists.
    stops
        Whether `Stop<Kind>` ends its work.
    derives
        Which of Describe, List and Delete follow from this declaration.
    describe
        What a description says beyond request and observation: ``describe(ctx, row) -> dict``.
    filters
        Further members of the List request: each maps a value to a condition on `tables.rows`.
    searched
        What a search's record has and a description lacks: each member's values for many rows.
    kept
        Maps of a description that are nowhere but in the row's documents, as they were given: a
        database can look for an entry's text.
    aliases
        Other names of properties that searches know, each with the name that it stands for.
    """

    kind: str
    key: str
    arn: str
    status: str | None = None
    stops: bool = False
    derives: tuple[str, ...] = ("Describe", "List", "Delete")
    describe: Callable[[Context, Row], Json] | None = None
    filters: Mapping[str, Callable[[Any], sa.ColumnElement[bool]]] = field(default_factory=dict)
    searched: Mapping[str, Callable[[Context, Sequence[Row]], Sequence[Any]]] = field(
        default_factory=dict
    )
    kept: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def noun(self) -> str:
        """The kind in words: "training job"."""
        return " ".join(re.findall("[A-Z][a-z]*|[A-Z]+(?![a-z])", self.kind)).lower()

    @property
    def arn_member(self) -> str:
        """The member that holds the ARN: "TrainingJobArn"."""
        return f"{self.kind}Arn"

    def view(self, ctx: Context, row: Row) -> Json:
        """Return all that may be told of a row; operations project it on their output."""
        view = {
            **row.request,
            **row.observed,
            self.key: row.key,
            self.arn_member: row.arn,
            "CreationTime": row.created_at,
            "LastModifiedTime": row.modified_at,
        }
        return {**view, **self.describe(ctx, row)} if self.describe else view


def derived(resource: Resource) -> Iterator[tuple[str, Handler, bool]]:
    """Yield name, code and "writes" of each operation that follows from a declaration."""

    def describe(ctx: Context, request: Json) -> Json:
        return resource.view(ctx, ctx.get(resource.kind, request[resource.key]))

    def list_(ctx: Context, request: Json) -> Json:
        return list_rows(ctx, resource, request)

    def delete(ctx: Context, request: Json) -> Json:
        ctx.delete(ctx.get(resource.kind, request[resource.key]))
        return {}

    def stop(ctx: Context, request: Json) -> Json:
        row = ctx.get(resource.kind, request[resource.key])
        if row.status not in _IN_PROGRESS:
            msg = (
                f"The request was rejected because the {resource.noun} {row.key!r} is in status "
                f"{row.status}; only work in progress can be stopped."
            )
            raise errors.ValidationException(msg)
        ctx.update(row, observed={str(resource.status): "Stopping"})
        ctx.stop(row)
        return {}

    if "Describe" in resource.derives:
        yield f"Describe{resource.kind}", describe, False
    if "List" in resource.derives:
        yield f"List{resource.kind}s", list_, False
    if "Delete" in resource.derives:
        yield f"Delete{resource.kind}", delete, True
    if resource.stops:
        yield f"Stop{resource.kind}", stop, True


def already_exists(resource: Resource, row: Row) -> errors.ServiceError:
    """Return the error for a name that is taken, the one that the contract has for it."""
    msg = (
        f"Cannot create already existing {resource.noun} {row.arn!r}; names are unique in a "
        "workspace. Use another name."
    )
    in_use = "ResourceInUse" in model.operation(f"Create{resource.kind}").errors
    return errors.ResourceInUse(msg) if in_use else errors.ValidationException(msg)


def not_found(resource: Resource, arn: str) -> errors.ServiceError:
    """Return the error for a resource that is not there, the one the contract has for it."""
    msg = f'Could not find {resource.noun} "{arn}".'
    modelled = "ResourceNotFound" in model.operation(f"Describe{resource.kind}").errors
    return errors.ResourceNotFound(msg) if modelled else errors.ValidationException(msg)
