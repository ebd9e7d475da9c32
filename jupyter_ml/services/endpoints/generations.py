"""An endpoint's generations: which configuration answers, which one is starting.

Each generation is the attempt of the same number. `private` of the endpoint's row holds
``{"token", "serving": number | None, "starting": number | None, "generations": {number: ...}}``.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.attempts import Attempts
from jupyter_ml.core.externals import require_extra
from jupyter_ml.core.inject import inject_dir
from jupyter_ml.engine.instance_types import instance_type
from jupyter_ml.services.endpoints.plan import ModelPlan, ServingPlan, VariantPlan

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.externals import Place
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]
STARTUP_TIMER = "EndpointStartup"


def new_token() -> str:
    """Return a token for a new endpoint."""
    return secrets.token_urlsafe(32)


def serving_plan(ctx: Context, endpoint: str, config: Row) -> ServingPlan:
    """Return how to serve a configuration.

    Raises
    ------
    ValidationException
        Its model, the model's files, its Python or the instance type do not exist.
    """
    variant = VariantPlan.from_request(config.request)
    model = ModelPlan.from_request(ctx.get("Model", variant.model_name).request)
    python = model.interpreter
    if python is not None and not (Path(python).is_absolute() and os.access(python, os.X_OK)):
        raise ValidationException(
            f"JUPYTER_ML_PYTHON={python!r} is not the absolute path of a Python that can be run."
        )
    isolated = model.isolated or variant.isolated
    return ServingPlan(
        endpoint=endpoint,
        model=model,
        variant=variant,
        size=instance_type(variant.instance_type, ctx.workspace.root),
        data=existing(ctx, model.data, isolated=isolated),
        source=existing(ctx, model.source, isolated=isolated),
        free_floor_bytes=ctx.settings.free_floor_mb << 20,
    )


def existing(ctx: Context, location: str | None, *, isolated: bool = False) -> Path | Place | None:
    """Return the path behind a location of a model; a place that is looked at when it is served.

    Raises
    ------
    ValidationException
        There is nothing, or it is in an external bucket and cannot be brought from there.
    """
    if location is None:
        return None
    place = ctx.workspace.artifacts.external(location)
    if place is not None:
        require_extra(place)
        if isolated:
            raise ValidationException(
                f"{location} is in an external bucket, where a model without a network cannot be "
                "brought from. Copy it to a bucket of the workspace, or allow the network."
            )
        return place
    path = ctx.workspace.artifacts.resolve(location)
    if not path.exists():
        raise ValidationException(f"Could not find model data at {location}.")
    return path


def start_generation(ctx: Context, row: Row, plan: ServingPlan, config: str) -> Row:
    """Wish that the next generation of an endpoint starts; return the changed row."""
    inject = inject_dir(ctx.workspace.root)
    attempt = ctx.submit(row, plan.work(row.private["token"], inject, ctx.settings.log_format))
    summary = {**plan.summary(), "config": config, "host": attempt.host}
    ctx.set_timer(
        STARTUP_TIMER,
        row.key,
        ctx.now() + plan.variant.startup_timeout_s,
        {"Attempt": attempt.number},
    )
    generations = {**row.private.get("generations", {}), str(attempt.number): summary}
    return ctx.update(row, private={"starting": attempt.number, "generations": generations})


def end_generation(ctx: Context, row: Row, number: int, reason: str) -> None:
    """Wish that one generation ends, the others stay."""
    attempts = Attempts(ctx.connection)
    for attempt in attempts.of(row.id):
        if attempt.number == number and attempt.is_live and attempt.wanted == "run":
            attempts.change(attempt, wanted=reason)
            ctx.wishes = True


def current(row: Row) -> int | None:
    """Return the number of the generation that answers, or of the one that is to."""
    number: int | None = row.private.get("serving") or row.private.get("starting")
    return number


def summary_of(row: Row, number: int | None) -> Json:
    """Return what is kept of a generation."""
    summary: Json = row.private.get("generations", {}).get(str(number), {})
    return summary


def directory_of(ctx: Context, row: Row) -> Path | None:
    """Return the folder of the generation that answers or is to, if there is one."""
    number = current(row)
    return None if number is None else ctx.workspace.work_dir(row.kind, row.key, number)


def attempt_of(ctx: Context, row: Row, number: int) -> Attempt | None:
    """Return a generation's attempt."""
    return next((found for found in ctx.attempts(row) if found.number == number), None)


def describe_endpoint(ctx: Context, row: Row) -> Json:
    """Return what DescribeEndpoint says beyond the row: the variant that answers."""
    del ctx
    summary = summary_of(row, row.private.get("serving"))
    if not summary:
        return {}
    image = {"SpecifiedImage": summary["image"], "ResolvedImage": summary["image"]}
    return {
        "EndpointConfigName": summary["config"],
        "ProductionVariants": [
            {
                "VariantName": summary["variant"],
                "DeployedImages": [image],
                "CurrentWeight": summary["weight"],
                "DesiredWeight": summary["weight"],
                "CurrentInstanceCount": summary["instances"],
                "DesiredInstanceCount": summary["instances"],
            }
        ],
    }
