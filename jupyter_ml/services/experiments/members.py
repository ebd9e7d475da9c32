"""What becomes of each member of the requests that experiments take."""

from __future__ import annotations

from typing import Final

_NO_PROJECTS: Final = "recorded: there are no projects here; it is shown as it was given"

MEMBERS: Final[dict[str, dict[str, str]]] = {
    "CreateExperiment": {
        "ExperimentName": "used",
        "DisplayName": "used",
        "Description": "used",
        "Tags": "used",
    },
    "UpdateExperiment": {"ExperimentName": "used", "DisplayName": "used", "Description": "used"},
    "CreateTrial": {
        "TrialName": "used",
        "DisplayName": "used",
        "ExperimentName": "used",
        "MetadataProperties": "used",
        "MetadataProperties.ProjectId": _NO_PROJECTS,
        "Tags": "used",
    },
    "UpdateTrial": {"TrialName": "used", "DisplayName": "used"},
    "CreateTrialComponent": {
        "TrialComponentName": "used",
        "DisplayName": "used",
        "Status": "used",
        "StartTime": "used",
        "EndTime": "used",
        "Parameters": "used",
        "InputArtifacts": "used",
        "OutputArtifacts": "used",
        "MetadataProperties": "used",
        "MetadataProperties.ProjectId": _NO_PROJECTS,
        "Tags": "used",
    },
    "UpdateTrialComponent": {
        "TrialComponentName": "used",
        "DisplayName": "used",
        "Status": "used",
        "StartTime": "used",
        "EndTime": "used",
        "Parameters": "used",
        "ParametersToRemove": "used",
        "InputArtifacts": "used",
        "InputArtifactsToRemove": "used",
        "OutputArtifacts": "used",
        "OutputArtifactsToRemove": "used",
    },
    "AssociateTrialComponent": {"TrialComponentName": "used", "TrialName": "used"},
    "DisassociateTrialComponent": {"TrialComponentName": "used", "TrialName": "used"},
    "BatchPutMetrics": {"TrialComponentName": "used", "MetricData": "used"},
}
