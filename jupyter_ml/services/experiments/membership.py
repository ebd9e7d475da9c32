"""Which runs belong to which trials: a row for each pair, and the conditions that lists need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from jupyter_ml.core.store.tables import rows

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context

KIND: Final = "TrialComponentAssociation"

_pairs = rows.alias("pairs")
_component = sa.func.substr(_pairs.c.key, sa.func.length(_pairs.c.parent) + 2)


def associate(ctx: Context, trial: str, component: str) -> None:
    """Add a run to a trial; harmless when it belongs to it already."""
    if ctx.find(KIND, _key(trial, component)) is None:
        ctx.add(KIND, _key(trial, component), request={}, parent=trial)


def disassociate(ctx: Context, trial: str, component: str) -> bool:
    """Take a run out of a trial; return whether it was in it."""
    row = ctx.find(KIND, _key(trial, component))
    if row is None:
        return False
    ctx.delete(row)
    return True


def trials_of(ctx: Context, component: str) -> list[str]:
    """Return the names of the trials that a run belongs to."""
    pairs = ctx.select(rows.c.kind == KIND, rows.c.key.endswith(f"/{component}", autoescape=True))
    return [str(pair.parent) for pair in pairs]


def components_of(ctx: Context, trial: str) -> list[str]:
    """Return the names of the runs that belong to a trial."""
    return [pair.key.partition("/")[2] for pair in ctx.rows(KIND, parent=trial)]


def trial_of_experiment(experiment: str) -> sa.ColumnElement[bool]:
    """Return the condition for trials of an experiment."""
    return rows.c.parent == experiment


def trial_with_component(component: str) -> sa.ColumnElement[bool]:
    """Return the condition for trials that a run belongs to."""
    ends = _pairs.c.key.endswith(f"/{component}", autoescape=True)
    return rows.c.key.in_(sa.select(_pairs.c.parent).where(_pairs.c.kind == KIND, ends))


def component_of_trial(trial: str) -> sa.ColumnElement[bool]:
    """Return the condition for runs that belong to a trial."""
    belongs = sa.and_(_pairs.c.kind == KIND, _pairs.c.parent == trial)
    return rows.c.key.in_(sa.select(_component).where(belongs))


def component_of_experiment(experiment: str) -> sa.ColumnElement[bool]:
    """Return the condition for runs that belong to a trial of an experiment."""
    trials = rows.alias("trials")
    of_experiment = sa.select(trials.c.key).where(
        trials.c.kind == "Trial", trials.c.parent == experiment
    )
    belongs = sa.and_(_pairs.c.kind == KIND, _pairs.c.parent.in_(of_experiment))
    return rows.c.key.in_(sa.select(_component).where(belongs))


def component_of_source(arn: str) -> sa.ColumnElement[bool]:
    """Return the condition for the run of a job, by the job's ARN."""
    return rows.c.parent == arn


def _key(trial: str, component: str) -> str:
    return f"{trial}/{component}"
