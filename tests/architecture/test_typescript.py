import re
from pathlib import Path

import pytest

from jupyter_ml.contract import model

TYPES = Path(__file__).parents[2] / "labextension" / "src" / "core" / "types"
_INTERFACE = re.compile(r"export interface (\w+)[^{]*\{\n(.*?)\n\}", re.DOTALL)
_MEMBER = re.compile(r"^  (\w+)\??:", re.MULTILINE)

# What an interface is called in the contract, where a page's word for it is shorter.
SHAPES = {
    "Artifact": "ArtifactItem",
    "Channel": "Channel",
    "Comparison": "CompareRunsResponse",
    "EndpointDescription": "DescribeEndpointOutput",
    "EndpointUpdate": "WatchEndpointResponse",
    "EndpointsUpdate": "WatchEndpointsResponse",
    "Frame": "StackFrame",
    "InputRecord": "RunInput",
    "Interval": "ServingInterval",
    "JobUpdate": "WatchTrainingJobResponse",
    "JobsUpdate": "WatchTrainingJobsResponse",
    "LogUpdate": "WatchLogResponse",
    "Resources": "ResourceUse",
    "TrainingJobDescription": "DescribeTrainingJobResponse",
    "Transition": "SecondaryStatusTransition",
    "WireSeries": "Series",
}
# Not a shape: what all updates, or rows of a comparison, have in common.
SHARED = {"Update": "WatchLogResponse", "ComparedRow": "ComparedText"}
INTERFACES = {
    name: members
    for file in sorted(TYPES.glob("*.ts"))
    for name, members in _INTERFACE.findall(file.read_text())
}


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_panels_read_only_what_the_contract_has(interface):
    shape = model.shape({**SHAPES, **SHARED}.get(interface, interface), "jupyter-ml")
    assert set(_MEMBER.findall(INTERFACES[interface])) <= set(shape.members)
