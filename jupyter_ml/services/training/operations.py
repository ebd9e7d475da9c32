"""What is not derived from the declaration: creating a training job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.operations import operation
from jupyter_ml.core.provenance import read_provenance
from jupyter_ml.services.training.plan import TrainingPlan
from jupyter_ml.services.training.status import ENDED
from jupyter_ml.services.training.work import model_uri, work_of

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

Json = dict[str, Any]


@operation
def create_training_job(ctx: Context, request: Json) -> Json:
    """Add a training job and queue its work."""
    plan = TrainingPlan.from_request(request)
    work = work_of(plan, ctx.arn("TrainingJob", plan.name), ctx.workspace)
    row = ctx.add(
        "TrainingJob",
        plan.name,
        request=request,
        observed={"TrainingJobStatus": "InProgress", "Origin": _origin(ctx, plan)},
        private={"model_uri": model_uri(ctx.workspace, plan)},
    )
    ctx.submit(row, work)
    return {"TrainingJobArn": row.arn}


@operation
def delete_training_job(ctx: Context, request: Json) -> Json:
    """Delete a job that has ended; what it published stays."""
    row = ctx.get("TrainingJob", request["TrainingJobName"])
    if row.status not in ENDED:
        raise ValidationException(
            f"Training job {row.key!r} is {row.status}; stop it with StopTrainingJob and wait for "
            "its end before deleting it."
        )
    ctx.delete(row)
    return {}


def _origin(ctx: Context, plan: TrainingPlan) -> Json:
    """Return what a card tells of where the work came from."""
    if plan.source_uri is None:
        return {"Kind": "algorithm"}
    if ctx.workspace.artifacts.external(plan.source_uri) is not None:
        return {"Kind": "script"}  # what it tells is read by the job alone
    told = read_provenance(ctx.workspace.artifacts.resolve(plan.source_uri))
    origin: Json = {"Kind": "cell" if told.get("cell_id") or told.get("source") else "script"}
    if told.get("notebook"):
        origin["Notebook"] = told["notebook"]
    if told.get("cell_id"):
        origin["CellId"] = told["cell_id"]
    if "inputs" in told:  # none is something else than nobody knows
        origin["Inputs"] = told["inputs"]
    return origin
