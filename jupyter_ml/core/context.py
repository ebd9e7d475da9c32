"""The context: the only way in for control operations, and all that one may do inside.

`Context.call` validates a request against the contract, asks the authorizer once, runs the
operation in one transaction, and writes mutations and denials to the event log. An operation
that calls another joins its caller's transaction. What needs an engine is only wished for
here; `jupyter_ml.tick` makes it so after the commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract import errors, model
from jupyter_ml.contract.members import check_members
from jupyter_ml.contract.projection import project
from jupyter_ml.contract.validator import validate
from jupyter_ml.core import tagging
from jupyter_ml.core.attempts import Attempt, AttemptRef, Attempts
from jupyter_ml.core.events.events import API_CALL, SERVICE_EVENT, Event, EventLog
from jupyter_ml.core.idempotency import Tokens
from jupyter_ml.core.resources import already_exists, not_found
from jupyter_ml.core.rows import Row, Rows
from jupyter_ml.core.timers import Timer, Timers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from jupyter_ml.core.operations import Operation
    from jupyter_ml.core.resources import Resource
    from jupyter_ml.core.runtime import Principal, Runtime
    from jupyter_ml.core.settings import Settings
    from jupyter_ml.core.workspace import Workspace

Json = dict[str, Any]
# What the records and the log of any work take.
_LEAST_BYTES = 1 << 20


class Context:
    """One caller's view of the workspace.

    Parameters
    ----------
    runtime
        The workspace, the registry of operations and the engine.
    principal
        Who calls.
    """

    def __init__(self, runtime: Runtime, principal: Principal) -> None:
        self.runtime = runtime
        self.principal = principal
        self._connection: sa.Connection | None = None
        self._writes = self.wishes = self.wrote = False
        self._denied: list[Json] = []

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        return self.runtime.workspace

    @property
    def settings(self) -> Settings:
        """How the workspace is set up."""
        return self.runtime.workspace.settings

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return self.runtime.clock()

    def call(self, name: str, request: Json | None = None) -> Json:
        """Run a control operation.

        Parameters
        ----------
        name
            Wire name of the operation, such as "CreateTrainingJob".
        request
            Contract-shaped request.

        Returns
        -------
        dict
            Contract-shaped response.

        Raises
        ------
        ServiceError
            Whatever the operation or the contract refuses.
        """
        request = {} if request is None else request
        operation = self._operation(name)
        request = validate(name, request)
        check_members(name, request, self.runtime.registry.members_of(name))
        self.authorize(name, request)
        with self._transaction(writes=operation.writes):
            if not operation.writes:
                response = operation.handler(self, request)
            else:
                response = self._mutate(operation, request)
        if operation.audited and not request.get("DryRun"):
            with self._transaction(writes=True):
                self._record(API_CALL, name, request=request, response=response)
        shape = model.operation(name).output
        return project(shape, response) if shape is not None else {}

    def _operation(self, name: str) -> Operation:
        operation = self.runtime.registry.operations.get(name)
        if operation is None:
            model.operation(name)  # refuses a name that nobody has, with near misses
            msg = f"{name} is an operation of SageMaker that this version does not implement."
            raise errors.NotImplementedException(msg)
        return operation

    def authorize(self, name: str, request: Json) -> None:
        """Ask whether the principal may do this; a denial is written to the event log.

        Raises
        ------
        AccessDeniedException
            It may not.
        """
        try:
            self.runtime.authorizer.authorize(self.principal, name, request)
        except errors.AccessDeniedException as denial:
            self._denied.append({"name": name, "request": request, "error_code": denial.code})
            self._log_denials()
            raise

    def _log_denials(self) -> None:
        """Log what was denied, after the transaction of the caller, which a denial undoes."""
        if self._connection is None and self._denied:
            denied, self._denied = self._denied, []
            with self._transaction(writes=True):
                for record in denied:
                    self._record(API_CALL, **record)

    def _mutate(self, operation: Operation, request: Json) -> Json:
        def work() -> Json:
            response = operation.handler(self, request)
            self._record(API_CALL, operation.name, request=request, response=response)
            return response

        return Tokens(self.connection).once(operation.name, request, self.now(), work)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[None]:
        if self._connection is not None:
            if writes and not self._writes:
                msg = "A reader cannot call an operation that writes."
                raise errors.InternalFailure(msg)
            yield
            return
        store = self.workspace.store
        try:
            with store.write() if writes else store.read() as connection:
                self._connection, self._writes = connection, writes
                try:
                    yield
                finally:
                    self._connection, self._writes = None, False
            self.wrote = self.wrote or writes
        finally:
            self._log_denials()

    @contextmanager
    def writing(self) -> Iterator[Context]:
        """Hold a write transaction for several steps; for tick and the reactors."""
        with self._transaction(writes=True):
            yield self

    @contextmanager
    def reading(self) -> Iterator[Context]:
        """Hold one snapshot for several reads; joins a transaction that is open."""
        with self._transaction(writes=False):
            yield self

    @property
    def connection(self) -> sa.Connection:
        """The open transaction, for the mechanism itself; services need not touch it."""
        if self._connection is None:
            raise RuntimeError("There is an open transaction only inside an operation.")
        return self._connection

    # Rows

    def resource(self, kind: str) -> Resource:
        """Return the declaration of a kind of resource."""
        return self.runtime.registry.resources[kind]

    def arn(self, kind: str, key: str) -> str:
        """Return the ARN of a resource, whether or not it exists."""
        settings = self.settings
        path = self.resource(kind).arn.format(key=key)
        return f"arn:aws:sagemaker:{settings.region}:{settings.account_id}:{path}"

    def add(
        self,
        kind: str,
        key: str,
        *,
        request: Json,
        desired: Json | None = None,
        observed: Json | None = None,
        private: Json | None = None,
        parent: str | None = None,
    ) -> Row:
        """Add a resource; its `Tags` become tags.

        Raises
        ------
        ResourceInUse
            There is one of this kind and key.
        """
        resource, rows = self.resource(kind), Rows(self.connection)
        if (existing := rows.find(kind, key)) is not None:
            raise already_exists(resource, existing)
        row = rows.insert(
            {
                **self._blank(kind, key, request, observed or {}),
                "parent": parent,
                "desired": desired or {},
                "private": private or {},
            }
        )
        rows.tag(row.arn, tagging.given(request))
        return row

    def add_all(self, kind: str, resources: Mapping[str, tuple[Json, Json, Json]]) -> None:
        """Add many of a kind whose keys are free: request, observed and private by key."""
        new = [
            {**self._blank(kind, key, request, observed), "private": private}
            for key, (request, observed, private) in resources.items()
        ]
        Rows(self.connection).insert_all(new)

    def _blank(self, kind: str, key: str, request: Json, observed: Json) -> Json:
        status, now = self.resource(kind).status, self.now()
        return {
            "kind": kind,
            "key": key,
            "arn": self.arn(kind, key),
            "parent": None,
            "owner": self.principal.name,
            "revision": 1,
            "status": observed.get(status) if status else None,
            "request": {name: value for name, value in request.items() if name != "Tags"},
            "desired": {},
            "observed": observed,
            "private": {},
            "created_at": now,
            "modified_at": now,
        }

    def find(self, kind: str, key: str) -> Row | None:
        """Return a resource, or `None` where there is none."""
        return Rows(self.connection).find(kind, key)

    def get(self, kind: str, key: str) -> Row:
        """Return a resource.

        Raises
        ------
        ResourceNotFound, ValidationException
            There is none; which of the two is as the contract has it for this kind.
        """
        row = self.find(kind, key)
        if row is None:
            raise not_found(self.resource(kind), self.arn(kind, key))
        return row

    def update(
        self,
        row: Row,
        *,
        desired: Json | None = None,
        observed: Json | None = None,
        private: Json | None = None,
    ) -> Row:
        """Merge changes into the newest revision of a resource; return it."""
        member = self.resource(row.kind).status
        status = (observed or {}).get(member) if member else None
        return Rows(self.connection).change(
            row, self.now(), status, desired=desired, observed=observed, private=private
        )

    def delete(self, row: Row) -> None:
        """Remove a resource; its live attempts are stopped."""
        self.stop(row)
        Rows(self.connection).delete(row)

    def rows(self, kind: str, **columns: Any) -> list[Row]:
        """Return the resources of a kind whose columns have these values, oldest first."""
        return Rows(self.connection).of_kind(kind, **columns)

    def select(
        self,
        *where: sa.ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> list[Row]:
        """Return the resources that fulfil all conditions on `tables.rows`."""
        return Rows(self.connection).select(*where, order=order, limit=limit)

    @property
    def table(self) -> Rows:
        """The rows of this transaction, for tags and counts."""
        return Rows(self.connection)

    # Work

    def submit(self, row: Row, work: Any) -> Attempt:
        """Wish that a resource's work is run; it is queued when this transaction commits.

        Raises
        ------
        ResourceLimitExceeded
            The work could never run on this machine, or its disk is full; says what it needs and
            what there is.
        """
        problems = self.runtime.engine.validate(work)
        if problems:
            raise errors.ResourceLimitExceeded(" ".join(problems))
        self.workspace.artifacts.require_space(_LEAST_BYTES, f"Running {row.key}")
        self.wishes = True
        described = self.runtime.engine.describe(work)
        return Attempts(self.connection).add(row, described, self.now(), self.settings.machine)

    def stop(self, row: Row, reason: str = "Stopped") -> None:
        """Wish that all live attempts of a resource end."""
        attempts = Attempts(self.connection)
        for attempt in attempts.of(row.id):
            if attempt.is_live and attempt.wanted == "run":
                attempts.change(attempt, wanted=reason)
                self.wishes = True

    def attempts(self, row: Row) -> list[Attempt]:
        """Return all attempts at a resource's work, newest last."""
        return Attempts(self.connection).of(row.id)

    def live_attempts(self) -> list[Attempt]:
        """Return all attempts that are queued or running, in the order they were queued."""
        return Attempts(self.connection).live()

    def ref(self, attempt: Attempt) -> AttemptRef:
        """Return how the engine knows an attempt."""
        name = (attempt.kind, attempt.key, attempt.number)
        return AttemptRef(*name, attempt.token, self.workspace.work_dir(*name), attempt.host)

    def observe(self, attempt: Attempt) -> Any:
        """Return what is to be seen of an attempt now; reads files only."""
        return self.runtime.engine.observe(self.ref(attempt))

    # Events and timers

    def emit(self, name: str, row: Row, detail: Json | None = None) -> None:
        """Add a fact about a resource to the event log."""
        self._record(SERVICE_EVENT, name, kind=row.kind, key=row.key, detail=detail or {})
        self.wishes = True

    def events_since(
        self, seq: int, name: str | None = None, kind: str | None = None
    ) -> list[Event]:
        """Return the events after `seq`, oldest first."""
        return EventLog(self.connection).since(seq, name, kind)

    def set_timer(self, name: str, key: str, due_at: float, detail: Json | None = None) -> None:
        """Have the timer `name` fire for `key` at a time, in epoch seconds."""
        Timers(self.connection).set(Timer(name, key, due_at, detail or {}))
        self.wishes = True

    def clear_timer(self, name: str, key: str) -> None:
        """Take a timer back."""
        Timers(self.connection).clear(name, key)

    def _record(self, type_: str, name: str, **record: Any) -> None:
        if type_ == API_CALL and "kind" not in record:
            record |= self.runtime.registry.subject(name, record.get("request") or {})
        EventLog(self.connection).append(
            {
                "time": self.now(),
                "type": type_,
                "name": name,
                "source": self.principal.source,
                "principal": self.principal.name,
                **record,
            }
        )
        if type_ == API_CALL and name in self.runtime.registry.awaited:
            self.wishes = True
