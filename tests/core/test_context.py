"""The way in: what `Context.call` checks, writes and refuses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract import errors
from jupyter_ml.core.context import Context
from jupyter_ml.core.credentials import REDACTED
from jupyter_ml.core.events import chain
from jupyter_ml.core.events.events import redact
from jupyter_ml.core.runtime import Principal

if TYPE_CHECKING:
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.testing import ManualClock

Call = Callable[..., dict[str, Any]]
ARN = "arn:aws:sagemaker:us-east-1:000000000000:experiment/first"
TAGS = [{"Key": "team", "Value": "a"}]


def test_what_was_created_is_described_with_arn_and_times(call: Call, clock: ManualClock) -> None:
    call("CreateExperiment", ExperimentName="first", Description="a try")
    assert call("DescribeExperiment", ExperimentName="first") == {
        "ExperimentName": "first",
        "ExperimentArn": ARN,
        "Description": "a try",
        "CreationTime": clock.now,
        "LastModifiedTime": clock.now,
    }


def test_a_name_that_is_taken_is_refused_and_named(call: Call) -> None:
    call("CreateExperiment", ExperimentName="first")
    with pytest.raises(errors.ServiceError, match=r"already existing experiment .*first"):
        call("CreateExperiment", ExperimentName="first")


def test_what_is_not_there_is_not_found_as_the_contract_says(call: Call) -> None:
    with pytest.raises(errors.ResourceNotFound, match=ARN):
        call("DescribeExperiment", ExperimentName="first")


def test_an_operation_that_is_not_implemented_is_named(call: Call) -> None:
    with pytest.raises(errors.NotImplementedException, match="CreateFeatureGroup"):
        call("CreateFeatureGroup")


def test_all_violations_of_a_request_are_named_at_once(call: Call) -> None:
    with pytest.raises(errors.ValidationException, match="2 validation errors"):
        call("CreateExperiment", ExperimentName="not_a_name", Nonsense=1)


def test_a_failing_operation_leaves_nothing(runtime: Runtime, call: Call) -> None:
    def create_twice() -> None:
        with Context(runtime, Principal("ada", "test")).writing() as ctx:
            ctx.call("CreateExperiment", {"ExperimentName": "half"})
            ctx.call("CreateExperiment", {"ExperimentName": "half"})

    with pytest.raises(errors.ServiceError):
        create_twice()
    assert call("ListExperiments")["ExperimentSummaries"] == []


def test_a_denial_is_refused_and_logged(runtime: Runtime) -> None:
    class NobodyMayCreate:
        def authorize(self, principal: Principal, operation: str, request: Any) -> None:
            del request
            msg = f"{principal.name} may not {operation}"
            raise errors.AccessDeniedException(msg)

    denying = replace(runtime, authorizer=NobodyMayCreate())
    with pytest.raises(errors.AccessDeniedException, match="eve may not CreateExperiment"):
        Context(denying, Principal("eve", "test")).call(
            "CreateExperiment", {"ExperimentName": "first"}
        )
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        (event,) = ctx.events_since(0)
        assert (event.principal, event.error_code) == ("eve", "AccessDeniedException")
        assert ctx.find("Experiment", "first") is None


class NobodyTags:
    """Lets everybody do everything but tag."""

    def authorize(self, principal: Principal, operation: str, request: Any) -> None:
        del request
        if operation == "AddTags":
            msg = f"{principal.name} may not {operation}"
            raise errors.AccessDeniedException(msg)


def test_a_denial_of_what_an_operation_calls_outlives_what_it_undoes(runtime: Runtime) -> None:
    def create_and_tag(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
        row = ctx.add("Experiment", request["ExperimentName"], request=request)
        return ctx.call("AddTags", {"ResourceArn": row.arn, "Tags": TAGS})

    created = runtime.registry.operations["CreateExperiment"]
    runtime.registry.operations["CreateExperiment"] = replace(created, handler=create_and_tag)
    denying = replace(runtime, authorizer=NobodyTags())
    with pytest.raises(errors.AccessDeniedException, match="eve may not AddTags"):
        Context(denying, Principal("eve", "test")).call(
            "CreateExperiment", {"ExperimentName": "first"}
        )
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        assert ctx.find("Experiment", "first") is None
        (event,) = ctx.events_since(0)
        assert (event.name, event.principal, event.error_code) == (
            "AddTags",
            "eve",
            "AccessDeniedException",
        )


@pytest.mark.parametrize("writes", [True, False])
def test_a_denial_that_the_caller_bears_is_logged_once(runtime: Runtime, *, writes: bool) -> None:
    ctx = Context(replace(runtime, authorizer=NobodyTags()), Principal("eve", "test"))
    with ctx.writing() if writes else ctx.reading():
        for _ in range(2):
            with pytest.raises(errors.AccessDeniedException):
                ctx.call("AddTags", {"ResourceArn": ARN, "Tags": TAGS})
    with ctx.reading():
        assert [event.error_code for event in ctx.events_since(0)] == ["AccessDeniedException"] * 2


def test_every_mutation_is_logged_with_its_resource(runtime: Runtime, call: Call) -> None:
    call("CreateExperiment", ExperimentName="first")
    call("DescribeExperiment", ExperimentName="first")
    call("DeleteExperiment", ExperimentName="first")
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        events = [(event.name, event.kind, event.key) for event in ctx.events_since(0)]
    assert events == [
        ("CreateExperiment", "Experiment", "first"),
        ("DeleteExperiment", "Experiment", "first"),
    ]


def test_tags_are_kept_apart_and_go_with_their_resource(call: Call) -> None:
    call("CreateExperiment", ExperimentName="first", Tags=[{"Key": "team", "Value": "a"}])
    call("AddTags", ResourceArn=ARN, Tags=[{"Key": "team", "Value": "b"}])
    assert call("ListTags", ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "b"}]
    call("DeleteExperiment", ExperimentName="first")
    call("CreateExperiment", ExperimentName="first")
    assert call("ListTags", ResourceArn=ARN)["Tags"] == []


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort", ["Name", "CreationTime"])
def test_pages_give_each_item_once_in_order(
    call: Call, clock: ManualClock, order: str, sort: str
) -> None:
    for number in range(7):
        call("CreateExperiment", ExperimentName=f"e{number}")
        clock.advance(number % 2)
    names: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = call("ListExperiments", MaxResults=3, SortBy=sort, SortOrder=order, **token)
        names += [item["ExperimentName"] for item in page["ExperimentSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == sorted(names, reverse=order == "Descending")
    assert len(names) == 7


def test_a_token_of_another_order_is_refused(call: Call) -> None:
    for number in range(3):
        call("CreateExperiment", ExperimentName=f"e{number}")
    token = call("ListExperiments", MaxResults=1, SortBy="Name")["NextToken"]
    with pytest.raises(errors.ValidationException, match="NextToken"):
        call("ListExperiments", SortBy="CreationTime", NextToken=token)


@pytest.mark.parametrize(
    "mark", ["5", "null", '["created_at", {}, []]', '["created_at", "abc", "x"]', '["key"]', "no"]
)
def test_a_token_that_no_list_gave_is_refused(call: Call, mark: str) -> None:
    token = base64.urlsafe_b64encode(mark.encode()).decode()
    with pytest.raises(errors.ValidationException, match="NextToken"):
        call("ListExperiments", NextToken=token)


def test_secrets_do_not_reach_the_event_log(runtime: Runtime) -> None:
    with Context(runtime, Principal("ada", "test")).writing() as ctx:
        row = ctx.add("Experiment", "first", request={})
        ctx.emit("Noted", row, {"Environment": {"DB_PASSWORD": "hunter2", "DEPTH": "3"}})
        (event,) = ctx.events_since(0, "Noted")
    assert event.detail["Environment"]["DB_PASSWORD"] != "hunter2"
    assert event.detail["Environment"]["DEPTH"] == "3"


def test_a_changed_event_is_found(runtime: Runtime, call: Call) -> None:
    for number in range(4):
        call("CreateExperiment", ExperimentName=f"e{number}")
    with runtime.workspace.store.write() as connection:
        assert chain.verify(connection).flaws == []
        connection.exec_driver_sql("UPDATE events SET principal = 'eve' WHERE seq = 3")
        assert [flaw.seq for flaw in chain.verify(connection).flaws] == [3]


def test_a_request_with_a_token_is_done_once_and_answered_twice(call: Call) -> None:
    first = call("CreateModelPackage", ClientToken="t" * 36)
    assert call("CreateModelPackage", ClientToken="t" * 36) == first
    assert call("CreateModelPackage", ClientToken="u" * 36) != first
    assert call("CreateModelPackage") != call("CreateModelPackage")


def test_a_token_that_came_with_another_request_is_refused(call: Call) -> None:
    call("CreateModelPackage", ClientToken="t" * 36)
    with pytest.raises(errors.ConflictException, match="another CreateModelPackage request"):
        call("CreateModelPackage", ClientToken="t" * 36, ModelPackageDescription="other")


@pytest.mark.parametrize("value", ["glpat-" + "a" * 20, "postgresql://me:hunter2@host/db"])
def test_the_event_log_hides_what_looks_like_a_key_or_a_password(value: str) -> None:
    assert redact({"Environment": {"ADDRESS": value}}) == {"Environment": {"ADDRESS": REDACTED}}


@pytest.mark.parametrize(
    "request_",
    [
        {"HyperParameters": {"clientSecret": "HUNTER", "config": '{"password": "HUNTER"}'}},
        {"Environment": {"PGPASSWORD": "HUNTER"}},
        {"Tags": [{"Key": "api-key", "Value": "HUNTER"}]},
        {"Environment": [{"Name": "DB_PASSWORD", "Value": "HUNTER"}]},
        {"Credentials": {"User": "HUNTER", "Values": ["HUNTER"]}},
    ],
)
def test_the_event_log_hides_secrets_in_whatever_shape_they_come(request_: dict[str, Any]) -> None:
    assert "HUNTER" not in str(redact(request_))


def test_the_event_log_shows_what_is_no_secret() -> None:
    request_ = {
        "NextToken": "abc",
        "ClientRequestToken": "t" * 36,
        "HyperParameters": {"max_tokens": "512", "eos_token": "</s>", "note": 'depth = "3"'},
        "Tags": [{"Key": "team", "Value": "red"}],
    }
    assert redact(request_) == request_


def test_callers_at_once_are_given_a_name_and_a_token_once(runtime: Runtime, call: Call) -> None:
    tries = 8

    def compete(number: int) -> tuple[str, str]:
        answer = call("CreateModelPackage", ClientToken="t" * 36)
        try:
            call("CreateExperiment", ExperimentName="wanted", Description=str(number))
        except errors.ValidationException:
            return answer["ModelPackageArn"], "lost"
        return answer["ModelPackageArn"], "won"

    with ThreadPoolExecutor(tries) as pool:
        outcomes = list(pool.map(compete, range(tries)))
    assert len({package for package, _ in outcomes}) == 1
    assert sorted(how for _, how in outcomes) == ["lost"] * (tries - 1) + ["won"]
    with Context(runtime, Principal("ada", "test")).reading() as ctx:
        seqs = [event.seq for event in ctx.events_since(0)]
        assert chain.verify(ctx.connection).flaws == []
    assert seqs == list(range(1, len(seqs) + 1)), "refused changes leave no gap"
