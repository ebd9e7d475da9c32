"""Experiments: what was tried, with what, and what came out.

A run is a trial component: every training job has one, `<job>-aws-training-job`, made by a
reactor, and so has every `with ml.run(...)`. Trials group runs and experiments group trials; a
run may belong to several trials, or to none. The points of a run's metrics are not rows but
files in its folder; where it came from (notebook, cell, source, git state, packages) is the
row's provenance, or `provenance.json` in that folder. Deleting a training job deletes its run.
"""

from __future__ import annotations

from jupyter_ml.core.resources import Resource
from jupyter_ml.services.experiments import found, membership
from jupyter_ml.services.experiments.views import describe_component, describe_group

RESOURCES = (
    Resource(
        "Experiment",
        key="ExperimentName",
        arn="experiment/{key}",
        describe=describe_group,
    ),
    Resource(
        "Trial",
        key="TrialName",
        arn="experiment-trial/{key}",
        describe=describe_group,
        filters={
            "ExperimentName": membership.trial_of_experiment,
            "TrialComponentName": membership.trial_with_component,
        },
        searched={"TrialComponentSummaries": found.components_of},
    ),
    Resource(
        "TrialComponent",
        key="TrialComponentName",
        arn="experiment-trial-component/{key}",
        describe=describe_component,
        filters={
            "ExperimentName": membership.component_of_experiment,
            "TrialName": membership.component_of_trial,
            "SourceArn": membership.component_of_source,
        },
        searched={
            "Metrics": found.metrics_of,
            "Parents": found.parents_of,
            "RunName": found.names_of,
            "SourceDetail": found.sources_of,
        },
        kept=("Parameters",),
    ),
    Resource(membership.KIND, key=membership.KIND, arn="experiment-trial/{key}", derives=()),
)
