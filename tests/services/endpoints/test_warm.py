"""Endpoints whose server is a fork of a process that has imported what jobs did."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.endpoints.conftest import Endpoints

TOLD = """
import json, sys, threadpoolctl
import numpy as np

def model_fn(d):
    return None

def transform_fn(m, body, ct, accept):
    pools = {i["internal_api"]: i["num_threads"] for i in threadpoolctl.threadpool_info()}
    total = float((np.ones((400, 400)) @ np.ones((400, 400))).sum())
    return json.dumps([sys.orig_argv, sys.argv, sys.path[2:], pools, total])
"""


class Warmth:
    """What jobs leave behind in a workspace, and what of it endpoints are forked from."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.root = endpoints.client.settings.workspace
        self.zygotes = Zygotes(self.root / "warm")

    def make(self, *modules: str) -> None:
        """Run a job that imports modules, and wait for what it leaves behind."""
        text = "".join(f"import {name}\n" for name in modules)
        program = {
            "sagemaker_submit_directory": self.endpoints.scripted("job", text).as_uri(),
            "sagemaker_program": "code/inference.py",
        }
        size = {"InstanceType": "ml.local", "InstanceCount": 1, "VolumeSizeInGB": 1}
        request = {"TrainingJobName": "job", "HyperParameters": program, "ResourceConfig": size}
        self.endpoints.client.call("CreateTrainingJob", request)
        self.endpoints.until(lambda: [one.state for one in self.zygotes.living()] == ["ready"])

    def end(self, number: int) -> None:
        """End all zygotes with a signal."""
        for zygote in self.zygotes.living():
            state = read_json(f"{zygote.folder}/{folders.STATE}") or {}
            identity.send(state["identity"], (number,))
        eventually(lambda: not self.zygotes.living(), 30)

    def noted(self, name: str, file: str) -> dict[str, Any]:
        """Return what an endpoint's first attempt noted in a file."""
        return read_json(self.root / "work" / "Endpoint" / name / "1" / file) or {}

    def is_in(self, name: str) -> bool:
        """Return whether an endpoint was forked."""
        return bool(self.noted(name, "spawned.json")["warm"])


@pytest.fixture
def warm(endpoints: Endpoints) -> Endpoints:
    """Return the workspace of `endpoints` as one in which they start warm."""
    return endpoints.seen_with(warm_memory_mb=4096)


@pytest.fixture
def warmth(warm: Endpoints) -> Iterator[Warmth]:
    warmth = Warmth(warm)
    yield warmth
    warmth.end(signal.SIGTERM)
    shutil.rmtree(warmth.root / "warm", ignore_errors=True)  # one that starts finds no folder


def test_an_endpoint_starts_warm_after_a_job_and_outlives_what_it_was_forked_from(
    warm: Endpoints, warmth: Warmth, frame: Any, archive: Path
) -> None:
    warm.deploy("cold", archive)
    warm.wait("cold")
    warmth.make("sklearn.ensemble")
    warm.deploy("warm", archive)
    warm.wait("warm")
    assert (warmth.is_in("cold"), warmth.is_in("warm")) == (False, True)
    rows = frame.iloc[:9].to_dict("split")
    answer = warm.invoke("cold", rows)
    assert warm.invoke("warm", rows) == answer
    warmth.end(signal.SIGKILL)
    assert warm.invoke("warm", rows) == answer
    (first,) = warmth.noted("warm", "shim.json")["members"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: identity.start_time(first) is None)
    assert warm.invoke("warm", rows) == answer
    assert warmth.noted("warm", "shim.json")["restarts"] == 1


def test_a_forked_server_is_like_a_started_one(warm: Endpoints, warmth: Warmth) -> None:
    script = warm.scripted("told", TOLD)
    warm.deploy("cold", script)
    warm.wait("cold")
    warmth.make("numpy", "threadpoolctl")
    warm.deploy("warm", script)
    warm.wait("warm")
    assert (warmth.is_in("cold"), warmth.is_in("warm")) == (False, True)
    assert warm.invoke("warm", []) == warm.invoke("cold", [])


def test_one_whose_models_are_elsewhere_or_that_sets_variables_starts_from_nothing(
    warm: Endpoints, warmth: Warmth, archive: Path
) -> None:
    warmth.make("numpy")
    warm.deploy("threads", archive, Environment={"OMP_NUM_THREADS": "1"})
    warm.deploy("workers", archive, Environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "2"})
    assert [warm.wait(name) and warmth.is_in(name) for name in ("threads", "workers")] == [
        *(False, False)
    ]
