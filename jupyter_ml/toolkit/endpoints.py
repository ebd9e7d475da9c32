"""Endpoints as objects: deploy a job's model, predict with data frames, delete."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import (
    MLError,
    ModelError,
    ResourceInUse,
    UsageError,
    ValidationException,
    WaitTimeout,
)
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.arguments import require_kind, require_number
from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Displayed, Shown, Slot
from jupyter_ml.toolkit.display.endpoint import sample_command, shown_endpoint, shown_endpoints
from jupyter_ml.toolkit.display.failure import Detached
from jupyter_ml.toolkit.naming import TAKEN, checked, create_numbered, exists
from jupyter_ml.toolkit.notebook import in_kernel
from jupyter_ml.toolkit.submission import IMAGE
from jupyter_ml.toolkit.tables import answer_table, request_body
from jupyter_ml.toolkit.verbs.names import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.client import Client
    from jupyter_ml.toolkit.jobs import TrainingJob

_POLL_S = 0.1
_SHORTEST_POLL_S = 0.02
_PART_OF_WAIT = 0.1
_ATTEND_EVERY_S = 0.3
_CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


class Endpoint(Displayed):
    """An endpoint, by name; everything else is asked when it is needed.

    Parameters
    ----------
    name
        Name of the endpoint.
    client
        Of the workspace that it belongs to; that of the environment by default.
    """

    def __init__(self, name: str, client: Client | None = None) -> None:
        super().__init__(client or session.client())
        self.name = name
        self._ready_s: float | None = None

    def __reduce__(self) -> tuple[type[Endpoint], tuple[str]]:
        return type(self), (self.name,)

    def shown(self) -> Shown:
        """Return how the endpoint looks now."""
        return shown_endpoint(self._watch(), self._ready_s)

    def describe(self) -> dict[str, Any]:
        """Return the answer of `DescribeEndpoint`."""
        return self._client.call("DescribeEndpoint", {"EndpointName": self.name})

    @property
    def status(self) -> str:
        """`Creating`, `InService`, `Updating`, `Failed` ..."""
        return str(self.describe()["EndpointStatus"])

    @property
    def url(self) -> str | None:
        """Address that answers requests directly; None while it does not."""
        url: str | None = self._watch()["Card"].get("Url")
        return url

    @property
    def curl(self) -> str | None:
        """A command that sends a sample request; it reads the token from its file."""
        return sample_command(self._watch())

    def predict(self, data: Any) -> Any:
        """Send rows to the model and return its answers.

        Parameters
        ----------
        data
            A data frame, a series (one row), an array, or a list of rows.

        Returns
        -------
        Series, DataFrame or list
            One answer per row, with the frame's index; a frame where the model answers several
            numbers per row, a list where no frame was given.

        Raises
        ------
        UsageError
            The model refuses the rows: a column is missing or unknown; names it.
        ModelError
            The model failed on them; with its message.
        """
        request = {
            "EndpointName": self.name,
            "Body": request_body(data),
            "ContentType": "application/json",
            "Accept": "application/json",
        }
        try:
            answer = self._client.call("InvokeEndpoint", request)
        except ModelError as error:
            refused = _refusal(error)
            if refused is None:
                raise
            raise UsageError(f"{self.name} refuses these rows: {refused}") from None
        return answer_table(json.loads(answer["Body"])["predictions"], data)

    def wait(self, timeout_s: float | None = None) -> Endpoint:
        """Wait until the endpoint is in service; interrupting detaches.

        Raises
        ------
        MLError
            It failed; says why.
        WaitTimeout
            The time is over; the endpoint goes on starting.
        """
        if timeout_s is not None:
            require_number(timeout_s, "A time limit", "endpoint.wait(60)")
        began = time.monotonic()
        slot = Slot()
        waited = False
        try:
            for status in self._statuses(timeout_s):
                if status in _CHANGING:
                    waited = True
                    elapsed = words.duration(time.monotonic() - began)
                    message = self._watch()["Card"].get("StatusMessage")
                    slot.progress(words.joined([self.name, status, message, elapsed]))
        except KeyboardInterrupt:
            raise Detached(self.name) from None
        described = self.describe()
        if described["EndpointStatus"] != "InService":
            reason = described.get("FailureReason") or described["EndpointStatus"]
            raise MLError(f"{self.name} is not in service: {reason}")
        if described.get("FailureReason"):
            raise MLError(
                f"{self.name} still serves what it did before: {described['FailureReason']}"
            )
        if waited:
            self._ready_s = time.monotonic() - began
        slot.progress(self.shown().text, last=True)
        return self

    def delete(self) -> None:
        """Delete the endpoint with the configurations and models that only it used."""
        name = self.describe().get("EndpointConfigName")
        self._client.call("DeleteEndpoint", {"EndpointName": self.name})
        if name is None:
            return
        config = self._client.call("DescribeEndpointConfig", {"EndpointConfigName": name})
        for kind, key in (
            ("EndpointConfig", name),
            *(("Model", variant["ModelName"]) for variant in config["ProductionVariants"]),
        ):
            with contextlib.suppress(ResourceInUse, ValidationException):
                self._client.call(f"Delete{kind}", {f"{kind}Name": key})

    def _statuses(self, timeout_s: float | None) -> Iterator[str]:
        """Yield the status until it does not change by itself any more."""
        began = attended = time.monotonic()
        deadline = None if timeout_s is None else began + timeout_s
        while True:
            status = self.status
            yield status
            if status not in _CHANGING:
                return
            now = time.monotonic()
            if deadline is not None and now > deadline:
                msg = f"{self.name} is still {status} after {timeout_s:g} s; it goes on."
                raise WaitTimeout(msg)
            # One that starts warm is there within a fifth of a second.
            pause = min(_POLL_S, max(_SHORTEST_POLL_S, (now - began) * _PART_OF_WAIT))
            if now - attended > min(_ATTEND_EVERY_S, 2 * pause):
                self._client.attend()
                attended = now
            time.sleep(pause)

    def _watch(self) -> dict[str, Any]:
        return self._client.call("WatchEndpoint", {"EndpointName": self.name})


class Endpoints(Displayed):
    """The endpoints of the workspace; a sequence of `Endpoint`."""

    def shown(self) -> Shown:
        """Return how the list looks now."""
        return shown_endpoints(self._client.call("WatchEndpoints", {}))

    def _all(self) -> list[Endpoint]:
        cards = self._client.call("WatchEndpoints", {})["Endpoints"]
        return [Endpoint(card["EndpointName"], self._client) for card in cards]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._all())

    def __getitem__(self, index: int) -> Endpoint:
        return self._all()[index]


def endpoint(name: str) -> Endpoint:
    """Return an endpoint by name.

    Raises
    ------
    UsageError
        There is none; names the one that it resembles.
    """
    client = session.client()
    return Endpoint(find(client, name, ("Endpoint",))[1], client)


def endpoints() -> Endpoints:
    """Return the endpoints of the workspace."""
    return Endpoints(session.client())


def deploy(
    job: TrainingJob,
    name: str | None = None,
    *,
    instance_type: str = "ml.local",
    instance_count: int = 1,
    compile: bool = True,  # noqa: A002  (the word that users look for)
    wait: bool = True,
) -> Endpoint:
    """Serve the model of a completed job; an endpoint of that name changes over without a gap.

    Parameters
    ----------
    job
        Whose model.
    name
        Of the endpoint; by default the job's without its number.
    instance_type, instance_count
        Where, and with how many workers.
    compile
        Whether the model is compiled once it serves, and the compiled one used where it is
        checked to answer alike.
    wait
        Whether to return only when the endpoint is in service.

    Returns
    -------
    Endpoint
        In service, or starting where `wait` is false.
    """
    if not hasattr(job, "_client"):
        msg = f"What is deployed is a job, as in ml.job('cancer').deploy(); not {job!r}."
        raise UsageError(msg)
    require_kind(compile, bool, "compile is True or False", "job.deploy(compile=False)")
    client = job._client  # noqa: SLF001  (a handle's own module family)
    endpoint_name = checked(name or re.sub(r"-\d+$", "", job.name))
    model = _model(client, job, {} if compile else {"JUPYTER_ML_COMPILE": "off"})
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": instance_type,
        "InitialInstanceCount": instance_count,
    }

    def create(config: str) -> None:
        request = {"EndpointConfigName": config, "ProductionVariants": [variant]}
        client.call("CreateEndpointConfig", request)

    config = create_numbered(client, "EndpointConfig", endpoint_name, create)
    _serve(client, {"EndpointName": endpoint_name, "EndpointConfigName": config})
    deployed = Endpoint(endpoint_name, client)
    if wait:
        deployed.wait()
        if in_kernel():
            Slot().show(deployed.bundle(deployed.shown()))
    return deployed


def _serve(client: Client, request: dict[str, str]) -> None:
    """Create an endpoint, change over the one of that name, or replace it where it failed."""
    try:
        client.call("CreateEndpoint", request)
    except TAKEN:
        name = request["EndpointName"]
        if not exists(client, "Endpoint", name):
            raise
        there = Endpoint(name, client)
        with contextlib.suppress(MLError):  # what is wrong with it does not matter any more
            for _ in there._statuses(None):  # noqa: SLF001  (its own module)
                pass  # until it may be changed; nothing is shown of what goes away
        if there.status == "InService":
            client.call("UpdateEndpoint", request)
        else:
            client.call("DeleteEndpoint", {"EndpointName": name})
            client.call("CreateEndpoint", request)


def _model(client: Client, job: TrainingJob, environment: dict[str, str]) -> str:
    """Return the name of the model of a job, created when it is not there yet."""
    described = job.describe()
    container: dict[str, Any] = {
        "Image": IMAGE,
        "ModelDataUrl": described["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {
            "JUPYTER_ML_PYTHON": described.get("Environment", {}).get(
                "JUPYTER_ML_PYTHON", sys.executable
            ),
            **environment,
        },
    }

    def create(name: str) -> None:
        client.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})

    try:
        create(job.name)
    except TAKEN:
        if not exists(client, "Model", job.name):
            raise
        there = client.call("DescribeModel", {"ModelName": job.name}).get("PrimaryContainer", {})
        if all(there.get(name) == container[name] for name in ("ModelDataUrl", "Environment")):
            return job.name
        return create_numbered(client, "Model", job.name, create)
    return job.name


def _refusal(error: ModelError) -> str | None:
    """Return what the model server found wrong with the rows, or None when it is not the rows."""
    if not 400 <= error.original_status < 500:
        return None
    try:
        return str(json.loads(error.original_message)["message"])
    except (ValueError, KeyError, TypeError):
        return error.original_message
