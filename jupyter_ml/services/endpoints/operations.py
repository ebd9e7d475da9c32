"""The operations of models, endpoint configurations and endpoints that are not derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.operations import operation
from jupyter_ml.services.endpoints.generations import (
    STARTUP_TIMER,
    existing,
    new_token,
    serving_plan,
    start_generation,
)
from jupyter_ml.services.endpoints.plan import ModelPlan, VariantPlan

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]


@operation
def create_model(ctx: Context, request: Json) -> Json:
    """Name a model's files, script and environment."""
    plan = ModelPlan.from_request(request)
    for location in plan.locations:
        existing(ctx, location, isolated=plan.isolated)
    row = ctx.add("Model", request["ModelName"], request=request)
    return {"ModelArn": row.arn}


@operation
def create_endpoint_config(ctx: Context, request: Json) -> Json:
    """Say which model to serve, on what and with how many workers."""
    plan = VariantPlan.from_request(request)
    ctx.get("Model", plan.model_name)
    row = ctx.add("EndpointConfig", request["EndpointConfigName"], request=request)
    return {"EndpointConfigArn": row.arn}


@operation
def create_endpoint(ctx: Context, request: Json) -> Json:
    """Wish that a configuration is served."""
    name, config = request["EndpointName"], request["EndpointConfigName"]
    plan = serving_plan(ctx, name, ctx.get("EndpointConfig", config))
    row = ctx.add(
        "Endpoint",
        name,
        request=request,
        observed={"EndpointStatus": "Creating"},
        private={"token": new_token()},
    )
    start_generation(ctx, row, plan, config)
    return {"EndpointArn": row.arn}


@operation
def update_endpoint(ctx: Context, request: Json) -> Json:
    """Wish that another configuration is served; the one before answers until it is."""
    name, config = request["EndpointName"], request["EndpointConfigName"]
    row = ctx.get("Endpoint", name)
    if row.status != "InService":
        raise ValidationException(
            f'Cannot update endpoint "{row.arn}" while it is {row.status}; wait until it is '
            "InService, or delete it and create it again."
        )
    plan = serving_plan(ctx, name, ctx.get("EndpointConfig", config))
    row = ctx.update(row, observed={"EndpointStatus": "Updating", "FailureReason": None})
    start_generation(ctx, row, plan, config)
    return {"EndpointArn": row.arn}


@operation
def delete_endpoint(ctx: Context, request: Json) -> Json:
    """Remove an endpoint; requests that have come are answered."""
    row = ctx.get("Endpoint", request["EndpointName"])
    ctx.clear_timer(STARTUP_TIMER, row.key)
    ctx.delete(row)
    return {}
