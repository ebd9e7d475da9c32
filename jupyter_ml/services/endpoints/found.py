"""What a search finds of models: the model itself, and the endpoints that serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]

_OF_THE_MODEL: Final = (
    "ModelName",
    "ModelArn",
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "CreationTime",
    "EnableNetworkIsolation",
    "Tags",
)
# The record of a search holds the model in a member of its own; its properties go without.
ALIASES: Final = {name: f"Model.{name}" for name in _OF_THE_MODEL}


def models_of(ctx: Context, rows: Sequence[Row]) -> list[Json]:
    """Return the description of each model, with its tags."""
    resource = ctx.resource("Model")
    tags = ctx.table.all_tags([row.arn for row in rows])
    return [
        {
            **resource.view(ctx, row),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.get(row.arn, {}).items()],
        }
        for row in rows
    ]


def endpoints_of(ctx: Context, rows: Sequence[Row]) -> list[list[Json]]:
    """Return the endpoints that serve each model, or are to."""
    models = {
        config.key: {variant.get("ModelName") for variant in config.request["ProductionVariants"]}
        for config in ctx.rows("EndpointConfig")
    }
    resource = ctx.resource("Endpoint")
    served: dict[str, list[Json]] = {}
    for endpoint in ctx.rows("Endpoint"):
        view = resource.view(ctx, endpoint)
        for model in models.get(view.get("EndpointConfigName", ""), ()):
            served.setdefault(str(model), []).append(view)
    return [served.get(row.key, []) for row in rows]
