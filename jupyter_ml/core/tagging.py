"""Tags: key and value pairs on any resource, by its ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ResourceLimitExceeded, ValidationException
from jupyter_ml.core.operations import operation, reader

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
MOST_TAGS = 50
RESERVED = "aws:"
MEMBERS = {
    "AddTags": {"ResourceArn": "used", "Tags": "used"},
    "DeleteTags": {"ResourceArn": "used", "TagKeys": "used"},
    "ListTags": {"ResourceArn": "used", "NextToken": "used", "MaxResults": "used"},
}


@operation
def add_tags(ctx: Context, request: Json) -> Json:
    """Add or replace tags of a resource; answers all that it has then."""
    row = _tagged(ctx, request)
    ctx.table.tag(row.arn, given(request))
    tags = ctx.table.tags(row.arn)
    if len(tags) > MOST_TAGS:
        msg = f"{row.arn} would have {len(tags)} tags; a resource can have {MOST_TAGS}."
        raise ResourceLimitExceeded(msg)
    return {"Tags": _pairs(tags)}


@operation
def delete_tags(ctx: Context, request: Json) -> Json:
    """Remove tags of a resource by key."""
    ctx.table.untag(_tagged(ctx, request).arn, request["TagKeys"])
    return {}


@reader
def list_tags(ctx: Context, request: Json) -> Json:
    """Answer the tags of a resource, ordered by key."""
    tags = _pairs(ctx.table.tags(_tagged(ctx, request).arn))
    after = request.get("NextToken", "")
    size = request.get("MaxResults", MOST_TAGS)
    rest = [tag for tag in tags if tag["Key"] > after]
    answer: Json = {"Tags": rest[:size]}
    if len(rest) > size:
        answer["NextToken"] = rest[size - 1]["Key"]
    return answer


def given(request: Json) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises
    ------
    ValidationException
        A key is given twice, or is one of those that SageMaker keeps for itself.
    """
    tags: dict[str, str] = {}
    for tag in request.get("Tags", ()):
        key = tag["Key"]
        if key in tags:
            msg = f"The tag key {key!r} is given twice; a resource has one value for each key."
            raise ValidationException(msg)
        if key.lower().startswith(RESERVED):
            msg = f"Tag keys that begin with {RESERVED} are not to be given, such as {key!r}."
            raise ValidationException(msg)
        tags[key] = tag["Value"]
    return tags


def _tagged(ctx: Context, request: Json) -> Row:
    row = ctx.table.find_arn(request["ResourceArn"])
    if row is None:
        msg = f"Could not find a resource with the ARN {request['ResourceArn']!r}."
        raise ValidationException(msg)
    return row


def _pairs(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
