"""The classification of request members."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.contract.members import audit_members, check_members
from jupyter_ml.contract.model import operation

TABLE = {
    "TrainingJobName": "used",
    "RoleArn": "recorded: there are no roles on one machine",
    "VpcConfig": "rejected: there is no private network here; leave it out",
    "EnableManagedSpotTraining": "rejected: there are no spot prices here; leave it out",
    "ResourceConfig": "used",
    "ResourceConfig.VolumeKmsKeyId": "rejected: volumes are not encrypted here",
    "InputDataConfig": "used",
    "InputDataConfig.DataSource.FileSystemDataSource": "rejected: use a path in S3Uri",
}


def refusal(request: dict[str, Any]) -> str:
    """Return the message that a request is refused with."""
    with pytest.raises(ValidationException) as caught:
        check_members("CreateTrainingJob", request, TABLE)
    return str(caught.value)


def test_used_and_recorded_members_pass() -> None:
    """A nested member that is not listed inherits from its parent."""
    request = {"TrainingJobName": "a", "RoleArn": "b", "ResourceConfig": {"InstanceCount": 1}}
    check_members("CreateTrainingJob", request, TABLE)


def test_a_rejected_member_is_refused_with_the_reason() -> None:
    """Nothing is accepted and ignored."""
    assert refusal({"VpcConfig": {"Subnets": ["a"]}}) == (
        "CreateTrainingJob does not take VpcConfig: there is no private network here; leave it out."
    )


def test_a_rejected_member_is_found_in_structures_and_lists_and_named_once() -> None:
    """Paths leave out list indexes."""
    source = {"DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}}}
    request = {
        "ResourceConfig": {"VolumeKmsKeyId": "key"},
        "InputDataConfig": [source, source],
    }
    message = refusal(request)
    assert "ResourceConfig.VolumeKmsKeyId: volumes are not encrypted" in message
    assert message.count("InputDataConfig.DataSource.FileSystemDataSource") == 1


@pytest.mark.parametrize("nothing", [False, None, {}, [], ""])
def test_a_rejected_member_that_asks_for_nothing_passes(nothing: Any) -> None:
    """Clients write out switches that are off."""
    check_members("CreateTrainingJob", {"EnableManagedSpotTraining": nothing}, TABLE)


def test_a_member_that_nobody_classified_is_refused() -> None:
    """A newer botocore may have it."""
    assert "ServerlessJobConfig here: the member is newer" in refusal({"ServerlessJobConfig": {}})


def test_the_audit_finds_gaps_strangers_and_words_without_reason() -> None:
    """Architecture tests run it for every operation."""
    table = {"TrainingJobName": "rejected", "Nonsense": "used"}
    assert audit_members("DescribeTrainingJob", table) == [
        "DescribeTrainingJob: TrainingJobName has no such word: 'rejected'",
        "DescribeTrainingJob: Nonsense is not in the model",
    ]
    shape = operation("CreateTrainingJob").input
    assert shape is not None
    problems = audit_members("CreateTrainingJob", TABLE)
    assert len(problems) == len(set(shape.members) - set(TABLE))
    assert all("is not classified" in problem for problem in problems)
