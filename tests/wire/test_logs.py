"""CloudWatch Logs over a real workspace: names, pages, times and patterns, without a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from loopback import client

from jupyter_ml.aws.cloudwatch_logs.patterns import matcher
from jupyter_ml.client import LocalClient
from jupyter_ml.composition import attend
from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from pathlib import Path

JOBS = "/aws/sagemaker/TrainingJobs"
SPEAK = "for number in range(7): print('line', number)"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> LocalClient:
    """Return a workspace with four logs: of two members, of two attempts and of another job."""
    root: Path = tmp_path_factory.mktemp("logs")
    local = LocalClient(fresh_settings(root), "test")
    run(local, "ada", SPEAK, members=2)
    run(local, "ada", "print('again')")
    run(local, "ben", "print('of ben')")
    return local


def run(local: LocalClient, name: str, code: str, members: int = 1) -> None:
    """Run a program as an attempt at a training job, to its end."""
    runtime, principal = local.runtime, Principal("ada", "test")
    with Context(runtime, principal).writing() as ctx:
        observed = {"TrainingJobStatus": "InProgress"}
        row = ctx.find("TrainingJob", name) or ctx.add(
            "TrainingJob", name, request={}, observed=observed
        )
        ctx.submit(row, Work(argv=(sys.executable, "-S", "-c", code), members=members))

    def has_ended() -> bool:
        attend(runtime)
        with Context(runtime, principal).reading() as ctx:
            return not ctx.live_attempts()

    eventually(has_ended)


@pytest.fixture
def logs(workspace: LocalClient) -> Any:
    return client("logs", workspace.call)


def names(logs: Any, **request: Any) -> list[str]:
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=JOBS, **request)
    return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_each_member_of_each_attempt_has_a_stream_of_its_own(logs: Any) -> None:
    found = names(logs)
    assert len(set(found)) == 4
    assert [name.rpartition("-")[0] for name in found] == [
        "ada/algo-1",
        "ada/algo-2",
        "ada/algo-1",
        "ben/algo-1",
    ]
    assert names(logs, PaginationConfig={"PageSize": 1}) == found
    assert names(logs, logStreamNamePrefix="ada/") == found[:3]
    assert names(logs, logStreamNamePrefix="ada/algo-2") == found[1:2]
    assert names(logs, logStreamNamePrefix="ad") == found[:3]
    assert names(logs, logStreamNamePrefix="carl/") == []
    assert names(logs, descending=True) == sorted(found, reverse=True)
    assert names(logs, orderBy="LastEventTime", descending=True)[0] == found[3]


def test_a_stream_is_read_page_by_page_until_the_token_stays(logs: Any) -> None:
    where = {"logGroupName": JOBS, "logStreamName": names(logs)[0], "limit": 3}
    seen: list[str] = []
    page = logs.get_log_events(**where, startFromHead=True)
    while True:
        seen += [event["message"] for event in page["events"]]
        token = page["nextForwardToken"]
        page = logs.get_log_events(**where, nextToken=token)
        if page["nextForwardToken"] == token:
            break
    assert seen == [f"line {number}" for number in range(7)]
    newest = logs.get_log_events(**where)
    assert [event["message"] for event in newest["events"]] == ["line 4", "line 5", "line 6"]
    older = logs.get_log_events(**where, nextToken=newest["nextBackwardToken"])
    assert [event["message"] for event in older["events"]] == ["line 1", "line 2", "line 3"]


def test_streams_are_merged_by_time_and_every_event_comes_once(logs: Any) -> None:
    def found(**request: Any) -> list[dict[str, Any]]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=JOBS, **request)
        return [event for page in pages for event in page["events"]]

    whole = found()
    assert found(PaginationConfig={"PageSize": 2}) == whole
    assert len(whole) == 7 + 7 + 1 + 1
    assert [event["timestamp"] for event in whole] == sorted(e["timestamp"] for e in whole)
    assert len({event["eventId"] + event["logStreamName"] for event in whole}) == len(whole)
    last = whole[-1]
    assert last["message"] == "of ben"
    assert found(startTime=last["timestamp"]) == [last]
    assert found(endTime=last["timestamp"]) == whole[:-1]
    stream = last["logStreamName"]
    assert found(logStreamNames=[stream]) == found(logStreamNamePrefix="ben/") == [last]
    assert [event["message"] for event in found(filterPattern='"line 6"')] == ["line 6"] * 2


def test_groups_are_found_by_prefix_pattern_and_arn(logs: Any) -> None:
    (group,) = logs.describe_log_groups(logGroupNamePattern="trainingjobs")["logGroups"]
    assert group["logGroupName"] == JOBS
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda")["logGroups"] == []
    by_arn = logs.describe_log_streams(logGroupIdentifier=group["logGroupArn"])
    assert len(by_arn["logStreams"]) == 4


@pytest.mark.parametrize("group", ["/aws/lambda/x", "/aws/sagemaker/Endpoints/none", "x"])
def test_a_group_that_is_not_there_is_not_found(logs: Any, group: str) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=group, logStreamName="a/b")


def test_a_stream_that_is_not_there_is_not_found(logs: Any) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="ada/algo-9"):
        logs.get_log_events(logGroupName=JOBS, logStreamName="ada/algo-9")


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("get_log_events", {"nextToken": "f/x", "logStreamName": "first"}),
        ("filter_log_events", {"nextToken": "here"}),
        ("describe_log_streams", {"nextToken": "-1"}),
        ("describe_log_streams", {"orderBy": "LastEventTime", "logStreamNamePrefix": "a"}),
        ("filter_log_events", {"filterPattern": "{ $.level = 3 }"}),
        ("filter_log_events", {"logStreamNames": ["a"], "logStreamNamePrefix": "a"}),
    ],
)
def test_what_cannot_be_meant_is_refused(logs: Any, method: str, request_: dict[str, Any]) -> None:
    if request_.get("logStreamName") == "first":
        request_ = {**request_, "logStreamName": names(logs)[0]}
    with pytest.raises(ClientError) as refused:
        getattr(logs, method)(logGroupName=JOBS, **request_)
    assert code_of(refused) == "InvalidParameterException"


@pytest.mark.parametrize(
    ("pattern", "matches", "differs"),
    [
        ("", ["", "anything"], []),
        ("ERROR", ["an ERROR here"], ["an error here", ""]),
        ("ERROR disk", ["disk ERROR"], ["ERROR", "disk"]),
        ('"not found"', ["it was not found"], ["not it found"]),
        ("?WARN ?ERROR", ["a WARN", "an ERROR"], ["INFO"]),
        ("ERROR -debug", ["ERROR"], ["debug ERROR", "debug"]),
        ("-debug", ["", "ERROR"], ["a debug line"]),
        (r"%loss=\d+%", ["loss=12"], ["loss=x"]),
        (r'"say \"hi\""', ['I say "hi"'], ["say hi"]),
    ],
)
def test_a_pattern_finds_what_cloudwatch_finds(
    pattern: str, matches: list[str], differs: list[str]
) -> None:
    fits = matcher(pattern)
    assert all(fits(message) for message in matches)
    assert not any(fits(message) for message in differs)


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[ip, user]", '"no end', "%(%"])
def test_a_pattern_that_is_not_read_here_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationException):
        matcher(pattern)
