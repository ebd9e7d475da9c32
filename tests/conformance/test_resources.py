"""What every kind of resource owes its users, whatever it does."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from jupyter_ml.contract import errors, model
from jupyter_ml.contract.projection import project
from jupyter_ml.contract.validator import validate_shape
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from tests.conformance.conftest import kinds, lists_take

DESCRIBE_ELSEWHERE = """
import json, sys
from jupyter_ml.client import LocalClient
from jupyter_ml.core.settings import Settings

client = LocalClient(Settings.from_json(sys.argv[1]))
calls = json.loads(sys.argv[2])
print(json.dumps([client.call(operation, request) for operation, request in calls]))
"""


def test_there_is_a_recipe(subject: Any, kind: str) -> None:
    assert subject.request("a")


def test_a_description_echoes_the_request(subject: Any, kind: str) -> None:
    request = subject.request("a")
    created = subject.house.call(f"Create{kind}", **request)
    described = subject.describe("a")
    output = model.operation(f"Describe{kind}").output
    for name, value in project(output, request).items():
        assert _contains(described[name], value), name
    assert described[subject.resource.arn_member] == created[subject.resource.arn_member]
    assert described["CreationTime"] == subject.house.clock.now - 1
    if "LastModifiedTime" in output.members:
        assert described["LastModifiedTime"] >= described["CreationTime"]


def test_descriptions_and_lists_are_what_the_contract_says(subject: Any, kind: str) -> None:
    subject.create("a")
    validate_shape(model.operation(f"Describe{kind}").output, subject.describe("a"))
    validate_shape(model.operation(f"List{kind}s").output, subject.list())


def test_a_name_is_taken_once(subject: Any, kind: str) -> None:
    subject.create("a")
    in_use = "ResourceInUse" in model.operation(f"Create{kind}").errors
    expected = errors.ResourceInUse if in_use else errors.ValidationException
    with pytest.raises(expected, match="already exist"):
        subject.create("a")
    assert subject.listed(MaxResults=100).count("a") == 1


def test_what_is_not_there_is_not_found(subject: Any, kind: str) -> None:
    missing = "ResourceNotFound" in model.operation(f"Describe{kind}").errors
    expected = errors.ResourceNotFound if missing else errors.ValidationException
    with pytest.raises(expected, match=r"(?i)could not find"):
        subject.describe("a")
    with pytest.raises(expected, match=r"(?i)could not find"):
        subject.house.call(f"Delete{kind}", **{subject.resource.key: "a"})


def test_what_was_deleted_is_gone_and_its_name_is_free(subject: Any, kind: str) -> None:
    subject.create("a")
    subject.delete("a")
    assert not subject.house.exists(kind, "a")
    assert "a" not in subject.listed(MaxResults=100)
    subject.create("a")
    assert subject.describe("a")[subject.resource.key] == "a"


def test_lists_are_ordered_by_creation_newest_first(subject: Any, kind: str) -> None:
    created = _create_five(subject)
    assert [key for key in subject.listed(MaxResults=100) if key in created] == created[::-1]
    ascending = subject.listed(SortOrder="Ascending", MaxResults=100)
    assert [key for key in ascending if key in created] == created


def test_lists_are_ordered_by_name_when_asked(subject: Any, kind: str) -> None:
    _create_five(subject)
    names = subject.listed(SortBy="Name", SortOrder="Ascending", MaxResults=100)
    assert names == sorted(names)


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", ["Name", "CreationTime"])
def test_pages_show_everything_once(subject: Any, kind: str, by: str, order: str) -> None:
    _create_five(subject)
    whole = subject.listed(SortBy=by, SortOrder=order, MaxResults=100)
    paged, token = [], {}
    while token is not None:
        page = {"SortBy": by, "SortOrder": order, "MaxResults": 2, **token}
        paged += subject.listed(**page)
        next_token = subject.list(**page).get("NextToken")
        token = {"NextToken": next_token} if next_token else None
    assert paged == whole


def test_a_page_token_from_elsewhere_is_refused(subject: Any, kind: str) -> None:
    marks = [["created_at", 10**400, 1], ["created_at", 1, 10**30], ["created_at", "a", 1], [1], 7]
    tokens = [base64.urlsafe_b64encode(json.dumps(mark).encode()).decode() for mark in marks]
    for token in ("bm90IG91cnM=", "!", *tokens):
        with pytest.raises(errors.ValidationException, match="NextToken"):
            subject.list(NextToken=token)


@pytest.mark.parametrize("kind", kinds(lambda each: lists_take("NameContains", each.kind)))
def test_lists_are_filtered_by_name(subject: Any, kind: str) -> None:
    _create_five(subject)
    assert subject.listed(NameContains="B") == ["b"]


def test_lists_are_filtered_by_time(subject: Any, kind: str) -> None:
    prefix = "CreationTime" if lists_take("CreationTimeAfter", kind) else "Created"
    subject.create("old")
    between = subject.house.clock.now + 0.5
    subject.create("new")
    after = subject.listed(**{f"{prefix}After": between})
    assert "new" in after
    assert "old" not in after
    before = subject.listed(**{f"{prefix}Before": between})
    assert "old" in before
    assert "new" not in before


@pytest.mark.parametrize("kind", kinds(lambda each: lists_take("StatusEquals", each.kind)))
def test_lists_are_filtered_by_status(subject: Any, kind: str) -> None:
    subject.create("a")
    status = subject.describe("a")[subject.resource.status]
    assert subject.listed(StatusEquals=status) == ["a"]
    assert subject.listed(StatusEquals="Failed") == []


def test_tags_are_given_changed_and_taken(subject: Any, kind: str) -> None:
    subject.create("a", Tags=[{"Key": "team", "Value": "red"}])
    arn = {"ResourceArn": subject.describe("a")[subject.resource.arn_member]}
    assert subject.house.call("ListTags", **arn)["Tags"] == [{"Key": "team", "Value": "red"}]
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "équipe", "Value": ""}]
    subject.house.call("AddTags", **arn, Tags=tags)
    assert subject.house.call("ListTags", **arn)["Tags"] == tags
    subject.house.call("DeleteTags", **arn, TagKeys=["team"])
    assert subject.house.call("ListTags", **arn)["Tags"] == tags[1:]


def test_a_resource_has_fifty_tags_at_most(subject: Any, kind: str) -> None:
    tags = [{"Key": f"key {number}", "Value": "some"} for number in range(50)]
    subject.create("a", Tags=tags)
    arn = {"ResourceArn": subject.describe("a")[subject.resource.arn_member]}
    subject.house.call("AddTags", **arn, Tags=[{"Key": "key 0", "Value": "another"}])
    with pytest.raises(errors.ResourceLimitExceeded, match="51 tags"):
        subject.house.call("AddTags", **arn, Tags=[{"Key": "key 50", "Value": "some"}])
    listed = subject.house.call("ListTags", **arn)["Tags"]
    assert len(listed) == 50
    assert {"Key": "key 0", "Value": "another"} in listed
    with pytest.raises(errors.ValidationException, match="less than or equal to 50"):
        subject.create("b", Tags=[*tags, {"Key": "key 50", "Value": "some"}])


def test_reserved_and_repeated_tag_keys_are_refused(subject: Any, kind: str) -> None:
    reserved, once = {"Key": "AWS:mine", "Value": ""}, {"Key": "team", "Value": "red"}
    with pytest.raises(errors.ValidationException, match="aws:"):
        subject.create("a", Tags=[reserved])
    with pytest.raises(errors.ValidationException, match="given twice"):
        subject.create("a", Tags=[once, once])
    assert not subject.house.exists(kind, "a")
    subject.create("a")
    arn = {"ResourceArn": subject.describe("a")[subject.resource.arn_member]}
    with pytest.raises(errors.ValidationException, match="aws:"):
        subject.house.call("AddTags", **arn, Tags=[reserved])


def test_tags_go_with_what_they_are_on(subject: Any, kind: str) -> None:
    subject.create("a", Tags=[{"Key": "team", "Value": "red"}])
    arn = {"ResourceArn": subject.describe("a")[subject.resource.arn_member]}
    subject.delete("a")
    with pytest.raises(errors.ServiceError, match="Could not find"):
        subject.house.call("ListTags", **arn)
    subject.create("a")
    assert subject.house.call("ListTags", **arn)["Tags"] == []


@pytest.mark.parametrize("kind", kinds(lambda each: each.stops))
def test_work_is_stopped_once(subject: Any, kind: str) -> None:
    subject.create("a")
    subject.house.call(f"Stop{kind}", **{subject.resource.key: "a"})
    subject.house.settle()
    assert subject.describe("a")[subject.resource.status] == "Stopped"
    with pytest.raises(errors.ValidationException, match="Stopped"):
        subject.house.call(f"Stop{kind}", **{subject.resource.key: "a"})


def test_every_change_is_in_the_event_log(subject: Any, kind: str) -> None:
    subject.create("a")
    subject.delete("a")
    with _reading(subject.house) as ctx:
        for operation in (f"Create{kind}", f"Delete{kind}"):
            events = [event for event in ctx.events_since(0, operation) if event.key == "a"]
            assert [(event.kind, event.principal) for event in events] == [(kind, "ada")]


def test_another_process_finds_what_was_there(subject: Any, kind: str) -> None:
    request = subject.request("a")
    subject.house.call(f"Create{kind}", **request)
    subject.house.runtime.workspace.store.close()
    calls = [[f"Describe{kind}", {subject.resource.key: "a"}], [f"List{kind}s", {}]]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            DESCRIBE_ELSEWHERE,
            subject.house.settings.to_json(),
            json.dumps(calls),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    described, _ = json.loads(done.stdout)
    output = model.operation(f"Describe{kind}").output
    for name, value in project(output, request).items():
        assert _contains(described[name], value), name
    assert described["CreationTime"] == subject.house.clock.now


def _create_five(subject: Any) -> list[str]:
    keys = ["c", "a", "e", "b", "d"]
    for key in keys:
        subject.create(key)
    return keys


def _contains(whole: Any, part: Any) -> bool:
    """Return whether a value is there, perhaps with defaults filled in."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _contains(whole[name], part[name]) for name in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(whole) == len(part) and all(map(_contains, whole, part))
    return whole == part


def _reading(house: Any) -> Any:
    return Context(house.runtime, Principal("ada", "test")).reading()
