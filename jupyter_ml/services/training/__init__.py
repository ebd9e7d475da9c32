"""Training jobs: a program, its hyperparameters and its data, run to the end beside the notebook.

A job is a declared row. Creating one writes what is wanted and queues an attempt; the engine
runs `run.py` for each member, which runs the harness around the user's program. What the harness
notes in the attempt's folder (phases, progress, the failure) is merged into descriptions while
the job runs, and `reactors.py` writes it into the row when the attempt has ended.
"""

from __future__ import annotations

from jupyter_ml.core.resources import Resource
from jupyter_ml.services.training.status import describe

RESOURCES = (
    Resource(
        "TrainingJob",
        key="TrainingJobName",
        arn="training-job/{key}",
        status="TrainingJobStatus",
        stops=True,
        describe=describe,
        kept=("HyperParameters", "Environment"),
        aliases={"Metrics": "FinalMetricDataList"},
    ),
)
