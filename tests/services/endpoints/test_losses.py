"""Servers and supervisors of endpoints that are killed: others take over."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from jupyter_ml.engine import identity
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from tests.services.endpoints.conftest import Endpoints


def test_a_server_killed_under_load_comes_back_without_a_failed_request(
    endpoints: Endpoints,
) -> None:
    text = (
        "import os, time\n"
        "def model_fn(d): return 0\n"
        "def transform_fn(m, body, ct, accept):\n"
        "    time.sleep(0.005)\n"
        "    return str(os.getpid())\n"
    )
    endpoints.deploy("e", endpoints.scripted("pids", text))
    endpoints.wait("e")
    victim = endpoints.invoke("e", [])
    with endpoints.load("e") as load:
        load.wait_for(20)
        os.kill(victim, signal.SIGKILL)
        load.wait_for(20)
    assert all(isinstance(answer, int) for answer in load.answers), load.answers
    assert len(set(load.answers)) == 2
    assert endpoints.status("e")["EndpointStatus"] == "InService"


def test_a_lost_supervisor_is_replaced_and_the_endpoint_serves_on(endpoints: Endpoints) -> None:
    endpoints.deploy("e", endpoints.answering("one"))
    endpoints.wait("e")
    (attempt,) = endpoints.live()
    folder = endpoints.client.runtime.workspace.work_dir("Endpoint", "e", attempt.number)
    supervisor = json.loads((folder / "shim.json").read_text())["identity"].split(":")[1]
    os.kill(int(supervisor), signal.SIGKILL)
    endpoints.until(lambda: [found.number for found in endpoints.live()] == [attempt.number + 1])
    assert endpoints.status("e")["EndpointStatus"] in {"SystemUpdating", "InService"}
    assert endpoints.invoke("e", []) == "one"
    assert endpoints.wait("e")["EndpointConfigName"] == "e"


def test_a_lost_supervisor_under_load_fails_no_request(endpoints: Endpoints) -> None:
    endpoints.deploy("e", endpoints.answering("one"))
    endpoints.wait("e")
    (attempt,) = endpoints.live()
    folder = endpoints.client.runtime.workspace.work_dir("Endpoint", "e", attempt.number)
    shim = json.loads((folder / "shim.json").read_text())
    server = identity.identify(shim["members"][0])
    # Nobody ticks from here on but who is sent for by those that ask.
    endpoints.wait_until_nobody_ticks()
    with endpoints.load("e") as load:
        load.wait_for(20)
        identity.send(shim["identity"], (signal.SIGKILL,))
        # It answers until it has died, too.
        eventually(lambda: not identity.is_alive(server), timeout_s=60)
        load.wait_for(50)
    assert {str(answer) for answer in load.answers} == {"one"}
    assert [found.number for found in endpoints.live()] == [attempt.number + 1]
