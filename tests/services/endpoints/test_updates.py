"""Updates of endpoints: no request is dropped, and what fails is rolled back."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.testing import eventually
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from tests.services.endpoints.conftest import Endpoints


def test_an_update_drops_no_request_and_ends_the_generation_before(endpoints: Endpoints) -> None:
    endpoints.deploy("e", endpoints.answering("one"))
    endpoints.wait("e")
    endpoints.configure("two", endpoints.answering("two"))
    with endpoints.load("e") as load:
        load.wait_for(20)
        endpoints.update("e", "two")
        assert endpoints.status("e")["EndpointStatus"] == "Updating"
        assert endpoints.wait("e")["EndpointConfigName"] == "two"
        endpoints.until(lambda: len(endpoints.live()) == 1)
        load.wait_for(20)
        assert {endpoints.invoke("e", []) for _ in range(20)} == {"two"}
    assert {str(answer) for answer in load.answers} == {"one", "two"}
    # Whoever was answered by the new generation is never answered by the old one again.
    for answered in load.by_client:
        assert answered == sorted(answered)


def test_an_update_that_fails_is_rolled_back(endpoints: Endpoints) -> None:
    endpoints.deploy("e", endpoints.answering("one"))
    endpoints.wait("e")
    endpoints.configure("bad", endpoints.scripted("bad", "def model_fn(d):\n    1 / 0\n"))
    endpoints.update("e", "bad")
    described = endpoints.wait("e")
    assert described["EndpointConfigName"] == "e"
    assert "The update to 'bad' failed and was rolled back." in described["FailureReason"]
    assert "ZeroDivisionError" in described["FailureReason"]
    assert endpoints.invoke("e", []) == "one"


class Died(BaseException):
    """Stands for a tick that is killed."""


def lose(endpoints: Endpoints) -> None:
    """Kill the supervisor of the only endpoint; a tick notes it, and is killed at once."""

    def die(step: str) -> None:
        if "generation_runs_again" in step:
            raise Died

    (attempt,) = endpoints.live()
    os.kill(identity.pid_of(attempt.handle["identity"]), signal.SIGKILL)
    eventually(lambda: not identity.is_alive(attempt.handle["identity"]))
    with pytest.raises(Died):
        tick(endpoints.client.runtime, die)
    assert len(endpoints.live()) == 1


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_an_update_of_an_endpoint_whose_supervisor_was_just_lost_is_not_lost(
    endpoints: Endpoints, ends: str
) -> None:
    endpoints.deploy("e", endpoints.answering("one"))
    endpoints.wait("e")
    broken = endpoints.scripted("broken", "raise ValueError('no model')")
    good = endpoints.answering("two")
    endpoints.configure("v2", good if ends == "well" else broken)
    # What was lost is noted by the test alone.
    endpoints.wait_until_nobody_ticks()
    lose(endpoints)
    endpoints.update("e", "v2")
    described = endpoints.wait("e")
    assert described["EndpointConfigName"] == ("v2" if ends == "well" else "e")
    assert ("rolled back" in described.get("FailureReason", "")) == (ends == "badly")
    assert endpoints.invoke("e", None) == ("two" if ends == "well" else "one")
    endpoints.until(lambda: len(endpoints.live()) == 1)
