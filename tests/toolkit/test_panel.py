"""The widget passes calls and subscriptions on, from whatever thread they come."""

from __future__ import annotations

import threading

import pytest

from jupyter_ml.testing import eventually
from jupyter_ml.toolkit.widgets import panel as panels


class Listening(panels.Panel):
    """A panel that keeps what it would send to its frontend."""

    def __init__(self, client, **traits):
        self.heard = []
        super().__init__(client, **traits)

    def send(self, content, buffers=None):
        assert not buffers
        self.heard.append(content)

    def of(self, identity):
        return [message for message in self.heard if message["id"] == identity]


@pytest.fixture
def panel(workspace, tmp_path, monkeypatch):
    bundle = tmp_path / "widget.js"
    bundle.write_text("export default {}")
    monkeypatch.setattr(Listening, "_esm", bundle)
    monkeypatch.setattr(Listening, "_css", "")
    one = Listening(workspace, panel="TrainingJobs", input={}, snapshot={"Jobs": []})
    yield one
    one.close()


def ask(panel, **message):
    panel._handle_custom_msg(message, [])


def test_a_call_is_answered(panel):
    ask(panel, kind="call", id="1", operation="GetWorkspace", input={})
    (reply,) = eventually(lambda: panel.of("1"))
    assert reply["kind"] == "reply"
    assert reply["output"]["Running"] == 0


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DescribeTrainingJob", "ValidationException"), ("NoSuchThing", "UnknownOperationException")],
)
def test_a_refusal_is_answered_with_its_code(panel, operation, code):
    ask(panel, kind="call", id="1", operation=operation, input={})
    (reply,) = eventually(lambda: panel.of("1"))
    assert reply["error"]["__type"] == code
    assert reply["error"]["message"]


def test_a_subscription_begins_with_a_snapshot_and_ends_when_told(panel):
    ask(panel, kind="subscribe", id="2", operation="WatchTrainingJobs", input={})
    (update,) = eventually(lambda: panel.of("2"))
    assert (update["kind"], update["output"]["Reset"]) == ("update", True)
    eventually(lambda: "2" in panel._followed)
    ask(panel, kind="unsubscribe", id="2")
    eventually(lambda: "2" not in panel._followed)


def test_messages_from_many_threads_are_all_answered(panel):
    threads = [
        threading.Thread(
            target=ask,
            args=(panel,),
            kwargs={"kind": "call", "id": str(n), "operation": "GetWorkspace", "input": {}},
        )
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(panel.heard) == 20)
    assert {message["id"] for message in panel.heard} == {str(n) for n in range(20)}


def test_a_closed_panel_follows_nothing(panel):
    ask(panel, kind="subscribe", id="2", operation="WatchTrainingJobs", input={})
    eventually(lambda: "2" in panel._followed)
    panel.close()
    assert panel._followed == {}
