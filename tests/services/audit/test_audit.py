"""The audit log as users meet it: looked up, verified, exported, from every surface."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient, paginate
from jupyter_ml.composition import attend
from jupyter_ml.contract.errors import AccessDeniedException, UsageError, ValidationException
from jupyter_ml.core.context import Context
from jupyter_ml.core.events.heads import Heads
from jupyter_ml.core.runtime import Principal
from jupyter_ml.testing import fresh_settings
from jupyter_ml.toolkit.verbs import dispatch
from jupyter_ml.toolkit.verbs.audit import moment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def client(tmp_path: Path, database: str | None) -> LocalClient:
    client = LocalClient(fresh_settings(tmp_path, database=database), "test")
    for name in ("one", "two", "three"):
        client.call("CreateExperiment", {"ExperimentName": name})
    return client


def verb(client: LocalClient, line: str) -> Any:
    return dispatch(line, lambda: client)


def names(client: LocalClient, **request: Any) -> list[str]:
    found = client.call("LookupEvents", request)["Events"]
    return [event["Resources"][0]["ResourceName"] for event in found]


def where(**attributes: str) -> list[dict[str, str]]:
    return [{"AttributeKey": key, "AttributeValue": value} for key, value in attributes.items()]


def change(client: LocalClient, statement: str) -> None:
    with client.runtime.workspace.store.write() as connection:
        connection.exec_driver_sql(statement)


def test_the_newest_events_come_first_page_by_page(client: LocalClient) -> None:
    assert names(client) == ["three", "two", "one"]
    assert names(client, SortOrder="Ascending") == ["one", "two", "three"]
    for order in ("Ascending", "Descending"):
        request = {"MaxResults": 2, "SortOrder": order}
        paged = [each["EventId"] for each in paginate(client, "LookupEvents", request, "Events")]
        whole = client.call("LookupEvents", {"SortOrder": order})["Events"]
        assert paged == [each["EventId"] for each in whole]


def test_a_foreign_token_is_refused(client: LocalClient) -> None:
    for token in ("abc", "-1", "9" * 30):
        with pytest.raises(ValidationException, match="NextToken"):
            client.call("LookupEvents", {"NextToken": token})


def test_events_are_found_by_every_attribute_alone_and_together(client: LocalClient) -> None:
    with Context(client.runtime, Principal("eve", "test")).writing() as ctx:
        ctx.emit("Noted", ctx.get("Experiment", "two"))
    assert names(client, LookupAttributes=where(Username="eve")) == ["two"]
    assert names(client, LookupAttributes=where(ResourceName="two")) == ["two", "two"]
    assert names(client, LookupAttributes=where(EventName="CreateExperiment")) == [
        "three",
        "two",
        "one",
    ]
    both = where(ResourceName="two", Username="tester", ResourceType="Experiment")
    assert names(client, LookupAttributes=both) == ["two"]
    identity = client.call("LookupEvents", {"MaxResults": 1})["Events"][0]["EventId"]
    assert names(client, LookupAttributes=where(EventId=identity)) == ["two"]
    now = time.time()
    assert names(client, StartTime=now + 60) == []
    assert len(names(client, StartTime=now - 60, EndTime=now + 60)) == 4
    assert names(client, EndTime=now - 60) == []


def test_an_event_is_a_record_of_cloudtrail(client: LocalClient) -> None:
    request = {"LookupAttributes": where(ResourceName="one")}
    (event,) = client.call("LookupEvents", request)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    arn = "arn:aws:sagemaker:us-east-1:000000000000:experiment/one"
    assert record["eventName"] == "CreateExperiment"
    assert record["eventSource"] == "sagemaker.amazonaws.com"
    assert record["userIdentity"]["userName"] == "tester"
    assert record["requestParameters"] == {"ExperimentName": "one"}
    assert record["responseElements"] == {"ExperimentArn": arn}
    assert record["resources"] == [
        {"type": "AWS::SageMaker::Experiment", "ARN": arn, "accountId": "000000000000"}
    ]
    assert record["eventType"] == "AwsApiCall"
    assert record["eventID"] == event["EventId"]
    at = datetime.fromisoformat(record["eventTime"])
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    assert "errorCode" not in record


class DenyDeletion:
    def authorize(self, principal: Principal, operation: str, request: Any) -> None:
        del request
        if operation.startswith("Delete"):
            raise AccessDeniedException(f"{principal.name} may not {operation}.")


def test_a_denial_is_on_record_with_its_code(client: LocalClient) -> None:
    runtime = dataclasses.replace(client.runtime, authorizer=DenyDeletion())
    with pytest.raises(AccessDeniedException):
        Context(runtime, Principal("eve", "test")).call(
            "DeleteExperiment", {"ExperimentName": "one"}
        )
    (event,) = client.call(
        "LookupEvents", {"LookupAttributes": where(ErrorCode="AccessDeniedException")}
    )["Events"]
    assert json.loads(event["CloudTrailEvent"])["errorCode"] == "AccessDeniedException"
    assert "eve" in repr(verb(client, "audit --denied"))
    assert "one" not in repr(verb(client, "audit --denied --by tester"))


def test_what_was_noted_by_the_workspace_finds_that_the_end_was_cut_off(
    client: LocalClient,
) -> None:
    attend(client.runtime)
    assert client.call("VerifyEventLog")["HeadCount"] == 1
    assert client.call("VerifyEventLog")["Valid"]
    change(client, "DELETE FROM events WHERE seq = 3")
    found = client.call("VerifyEventLog")
    assert not found["Valid"]
    assert [flaw["Kind"] for flaw in found["Flaws"]] == ["Truncated"]
    assert (found["Flaws"][0]["Expected"], found["Flaws"][0]["Found"]) == ("3", "2")
    # and still when others came in their place
    client.call("CreateExperiment", {"ExperimentName": "four"})
    assert [flaw["Kind"] for flaw in client.call("VerifyEventLog")["Flaws"]] == ["Rewritten"]


def test_a_head_is_noted_again_only_when_it_is_another(client: LocalClient) -> None:
    heads = Heads.of(client.runtime.workspace)
    for _ in range(3):
        attend(client.runtime)
    assert [head.seq for head in heads.all()] == [3]


def test_the_verb_verifies_and_says_what_an_owner_can_do(client: LocalClient) -> None:
    text = verb(client, "audit verify")
    assert text.exit_status == 0
    assert "3 events are as they were written" in repr(text)
    assert "could still write the whole log anew" in repr(text)
    head = repr(verb(client, "audit head"))
    assert head in repr(text)
    change(client, "UPDATE events SET principal = 'eve' WHERE seq = 2")
    table = verb(client, "audit verify")
    assert table.exit_status == 1
    assert "Event 2 is not what was written" in repr(table)


def test_a_head_that_was_kept_elsewhere_is_checked(client: LocalClient, tmp_path: Path) -> None:
    head = repr(verb(client, "audit head"))
    kept = tmp_path / "heads"
    kept.write_text(f"{head} 2026-11-25T10:00:00Z\n\n")
    for given in (f"--head {head}", f"--head {head.partition(':')[2]}", f"--heads {kept}"):
        assert verb(client, f"audit verify {given}").exit_status == 0
    change(client, "DELETE FROM events WHERE seq = 3")
    for given in (f"--head {head}", f"--head {head.partition(':')[2]}", f"--heads {kept}"):
        assert verb(client, f"audit verify {given}").exit_status == 1
    assert verb(client, "audit verify").exit_status == 0
    with pytest.raises(UsageError, match="is no head"):
        verb(client, "audit verify --head 12")
    with pytest.raises(UsageError, match="cannot be read"):
        verb(client, f"audit verify --heads {tmp_path / 'missing'}")


def test_the_verb_lists_what_fits(client: LocalClient) -> None:
    assert "three" in repr(verb(client, "audit"))
    assert "three" not in repr(verb(client, "audit list --resource one"))
    assert "three" not in repr(verb(client, "audit list --since 1d -n 2 --resource two"))
    assert repr(verb(client, "audit list --by nobody")) == "No events."
    assert repr(verb(client, "audit list --until 1h")) == "No events."
    assert repr(verb(client, "audit list --operation DeleteModel --type Model")) == "No events."


def test_everything_is_exported_once_oldest_first(client: LocalClient, tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    assert "3 events" in repr(verb(client, f"audit export {target}"))
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert [record["requestParameters"]["ExperimentName"] for record in records] == [
        "one",
        "two",
        "three",
    ]
    before = target.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        verb(client, f"audit export {target}")
    assert target.read_bytes() == before


def test_an_export_goes_to_the_output_by_default(
    client: LocalClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(client, "audit export --resource two") is None
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["eventName"] == "CreateExperiment"


def test_a_log_is_verified_while_others_write_to_it(client: LocalClient) -> None:
    with client.runtime.workspace.store.write():
        assert client.call("VerifyEventLog")["EventCount"] == 3


@pytest.mark.parametrize(
    "line", ["audit list x", "audit --head 1", "audit -n 0", "audit --since soon", "audit verfy"]
)
def test_what_cannot_be_meant_is_refused(client: LocalClient, line: str) -> None:
    with pytest.raises(UsageError):
        verb(client, line)


def test_times_are_read_as_people_write_them() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert moment("90m", now) == now - timedelta(minutes=90)
    assert moment("1.5d", now) == now - timedelta(hours=36)
    assert moment("2026-11-25T10:00:00+00:00", now) == now - timedelta(hours=2)
    assert moment("2026-11-25", now).tzinfo is not None
    with pytest.raises(UsageError):
        moment("99999999999999w", now)


def test_a_store_of_another_program_is_read_as_it_lies(tmp_path: Path) -> None:
    client = LocalClient(fresh_settings(tmp_path), "test")
    client.call("CreateExperiment", {"ExperimentName": "one"})
    client.runtime.workspace.store.close()
    file = sqlite3.connect(client.runtime.workspace.root / "jupyter_ml.db")
    with file:
        file.execute("UPDATE events SET key = 'two'")
    file.close()
    assert not client.call("VerifyEventLog")["Valid"]
