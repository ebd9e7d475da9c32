"""A training job in any order of wishes, ends, losses and deaths never has an illegal status."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import postgresql
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from jupyter_ml.contract.errors import ResourceNotFound, ServiceError
from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal, Runtime
from jupyter_ml.core.workspace import Workspace
from jupyter_ml.services import registry
from jupyter_ml.testing import ManualClock, ScriptedEngine, fresh_settings
from jupyter_ml.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable

ADA = Principal("ada", "test")
ENDED = {"Completed", "Failed", "Stopped"}
NEXT = {
    "InProgress": {"InProgress", "Stopping", *ENDED},
    "Stopping": {"Stopping", *ENDED},
    **{status: {status} for status in ENDED},
}


class Died(BaseException):
    """Stands for a process that is killed."""


class JobStates(RuleBasedStateMachine):
    """Jobs of one workspace, whose processes die between any two steps."""

    jobs = Bundle("jobs")
    new_database: ClassVar[Callable[[], str | None]] = staticmethod(lambda: None)

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.database = self.new_database()
        self.engine = ScriptedEngine()
        self.clock = ManualClock()
        self.open()
        artifacts = self.runtime.workspace.artifacts
        buffer = io.BytesIO()
        tarfile.open(fileobj=buffer, mode="w:gz").close()
        self.source = artifacts.put_bytes(buffer.getvalue(), artifacts.uri("source.tar.gz"))
        self.statuses: dict[str, str] = {}

    def open(self) -> None:
        """Come up as a new process, with nothing but the folder and the engine's work."""
        workspace = Workspace(fresh_settings(self.root, database=self.database))
        self.runtime = Runtime(workspace, registry(), self.engine, clock=self.clock)

    def call(self, operation: str, **request: object) -> dict[str, object]:
        self.clock.advance(1)
        return Context(self.runtime, ADA).call(operation, request)

    @rule(target=jobs, retries=st.integers(0, 2))
    def create(self, retries: int) -> str:
        name = f"job-{len(self.statuses)}"
        self.call(
            "CreateTrainingJob",
            TrainingJobName=name,
            HyperParameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": self.source,
            },
            RetryStrategy={"MaximumRetryAttempts": retries + 1},
        )
        self.statuses[name] = "InProgress"
        return name

    @rule(job=jobs)
    def stop(self, job: str) -> None:
        try:
            self.call("StopTrainingJob", TrainingJobName=job)
        except ServiceError:
            assert self.statuses.get(job) != "InProgress"

    @rule(job=jobs)
    def delete(self, job: str) -> None:
        try:
            self.call("DeleteTrainingJob", TrainingJobName=job)
        except ServiceError:
            assert self.statuses.get(job) not in ENDED
        else:
            self.statuses[job] = "deleted"

    @rule(job=jobs, state=st.sampled_from(["Completed", "Failed"]))
    def end(self, job: str, state: str) -> None:
        if (number := self.running(job)) is not None:
            self.engine.end(job, number, state)

    @rule(job=jobs)
    def lose(self, job: str) -> None:
        if (number := self.running(job)) is not None:
            self.engine.lose(job, number)

    @rule()
    def tick(self) -> None:
        tick(self.runtime)

    @rule(step=st.integers(0, 12))
    def die_at_a_step(self, step: int) -> None:
        steps = iter(range(step))

        def at_step(_: str) -> None:
            if next(steps, None) is None:
                raise Died

        try:
            tick(self.runtime, at_step)
        except Died:
            self.runtime.workspace.store.close()
            self.open()

    @invariant()
    def no_status_goes_back(self) -> None:
        for job, before in list(self.statuses.items()):
            if before == "deleted":
                continue
            described = self.call("DescribeTrainingJob", TrainingJobName=job)
            after = str(described["TrainingJobStatus"])
            assert after in NEXT[before], f"{job}: {before} -> {after}"
            self.statuses[job] = after

    def running(self, job: str) -> int | None:
        """Return the number of the attempt that the engine runs, if it does."""
        numbers = [number for key, number in self.engine.submitted if key == job]
        if not numbers:
            return None
        with Context(self.runtime, ADA).reading() as ctx:
            row = ctx.find("TrainingJob", job)
            live = [one for one in ctx.attempts(row) if one.is_live] if row else []
            is_live = any(one.number == max(numbers) for one in live)
        return max(numbers) if is_live else None

    def teardown(self) -> None:
        """Let everything end: each job then has an end, and its run the same."""
        for _ in range(12):
            tick(self.runtime)
            for job in self.statuses:
                if (number := self.running(job)) is not None:
                    self.engine.end(job, number, "Completed")
        tick(self.runtime)
        self.no_status_goes_back()
        for job, status in self.statuses.items():
            component = f"{job}-aws-training-job"
            if status == "deleted":
                try:
                    self.call("DescribeTrialComponent", TrialComponentName=component)
                    raise AssertionError(f"{component} outlived its job")
                except ResourceNotFound:
                    continue
            run = self.call("DescribeTrialComponent", TrialComponentName=component)
            assert status in ENDED
            assert run["Status"]["PrimaryStatus"] == status
        self.runtime.workspace.store.close()
        if self.database is not None:
            postgresql.server().drop_database(self.database)
        shutil.rmtree(self.root)


class JobStatesInPostgresql(JobStates):
    """The same with the store in PostgreSQL."""

    new_database = staticmethod(lambda: postgresql.server().new_database())


JobStates.TestCase.settings = JobStatesInPostgresql.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    # A failing order of events is short enough to read, and each takes a while to repeat.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
test_no_order_of_events_leaves_an_illegal_status = JobStates.TestCase
test_nor_does_one_with_the_store_in_postgresql = JobStatesInPostgresql.TestCase
