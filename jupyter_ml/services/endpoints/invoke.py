"""The data plane: one invocation, from whoever holds a client to the model server that answers.

It bypasses the control plane: nothing is written. A server that is starting again or has just
been replaced refuses or resets a connection; then the endpoint is looked up anew and the request
repeated, which a prediction bears. A supervisor holds its socket as long as it lives, so where
nobody listens it may be lost, and a tick is sent for.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import (
    ModelError,
    ModelNotReadyException,
    ServiceUnavailable,
    ValidationException,
)
from jupyter_ml.contract.members import check_members
from jupyter_ml.contract.validator import validate
from jupyter_ml.core.context import Context
from jupyter_ml.core.detach import detach
from jupyter_ml.engine.environment import background
from jupyter_ml.services.endpoints.generations import summary_of
from jupyter_ml.services.endpoints.members import MEMBERS
from jupyter_ml.services.endpoints.plan import MAX_BODY_BYTES

if TYPE_CHECKING:
    from jupyter_ml.core.rows import Row
    from jupyter_ml.core.runtime import Principal, Runtime

Json = dict[str, Any]

RETRY_S = 30.0
_PAUSE_S = 0.05
_MOST_DEATHS = 3
_MARGIN_S = 10.0
_TICK_S = 1.0
_DEATH_PAUSE_S = 0.25
_MOST_IDLE = 32


@dataclass(frozen=True)
class Target:
    """Where an endpoint answers now."""

    name: str
    address: tuple[str, int]
    token: str
    variant: str
    timeout_s: float


class _Idle:
    """Connections that were used and may be used again; shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[tuple[str, int], list[http.client.HTTPConnection]] = {}
        atexit.register(self.close)

    def take(self, address: tuple[str, int]) -> http.client.HTTPConnection | None:
        """Return a connection to this address, if there is one."""
        with self._lock:
            kept = self._connections.get(address)
            return kept.pop() if kept else None

    def keep(self, address: tuple[str, int], connection: http.client.HTTPConnection) -> None:
        """Take a connection whose answer was read to its end."""
        with self._lock:
            kept = self._connections.setdefault(address, [])
            if len(kept) < _MOST_IDLE:
                kept.append(connection)
                return
        connection.close()

    def close(self, address: tuple[str, int] | None = None) -> None:
        """Close all connections, or those to one address."""
        with self._lock:
            addresses = list(self._connections) if address is None else [address]
            closing = [c for known in addresses for c in self._connections.pop(known, ())]
        for connection in closing:
            connection.close()


_idle = _Idle()


class _Ticks:
    """Sends for a tick, once a second at most however many ask; shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_at = 0.0

    def send_for(self, runtime: Runtime) -> None:
        """Start a tick of its own process: this one answers requests."""
        with self._lock:
            now = time.monotonic()
            if now < self._next_at or not runtime.tick_command:
                return
            self._next_at = now + _TICK_S
        with contextlib.suppress(OSError):  # no space or process now: the next request tries again
            log_file = runtime.workspace.root / "background.log"
            detach(runtime.tick_command, log_file, background(os.environ))


_ticks = _Ticks()


class _NotThereError(Exception):
    """Nobody listens at the address now."""


class _DiedError(Exception):
    """The server took the request and closed the connection without an answer."""


def invoke_endpoint(runtime: Runtime, request: Json, principal: Principal) -> Json:
    """Return a model's answer to one request.

    Parameters
    ----------
    runtime
        The workspace that the endpoint is in.
    request
        `EndpointName`, `Body` (bytes or text), and `ContentType`, `Accept`, `TargetVariant` where
        they are wanted.
    principal
        Who asks.

    Returns
    -------
    dict
        `Body` (bytes), `ContentType` and `InvokedProductionVariant`.

    Raises
    ------
    AccessDeniedException
        The principal may not invoke this endpoint.
    ValidationException
        There is no such endpoint or variant, or the body is too large.
    ModelNotReadyException
        The endpoint is still being created.
    ModelError
        The model refused the request or failed; the error keeps its status and its words.
    ServiceUnavailable
        The model server does not run and did not come back within half a minute.
    """
    body = request.get("Body", b"")
    request = {**request, "Body": body.encode() if isinstance(body, str) else bytes(body)}
    if len(request["Body"]) > MAX_BODY_BYTES:
        raise ValidationException(
            f"A request may have {MAX_BODY_BYTES:,} bytes; this one has {len(request['Body']):,}. "
            "Send fewer rows in a request, or use batch transform or asynchronous inference."
        )
    validate("InvokeEndpoint", request)
    check_members("InvokeEndpoint", request, MEMBERS["InvokeEndpoint"])
    ctx = Context(runtime, principal)
    ctx.authorize("InvokeEndpoint", request)
    deadline = time.monotonic() + RETRY_S
    deaths = 0
    while True:
        try:
            target = find_target(ctx, request["EndpointName"], request.get("TargetVariant"))
            return _answer(target, request)
        except _NotThereError:
            if time.monotonic() > deadline:
                raise _unavailable(request["EndpointName"]) from None
            _ticks.send_for(runtime)
        except _DiedError:
            deaths += 1
            if deaths == _MOST_DEATHS:
                raise _unavailable(request["EndpointName"], deaths) from None
            # One that is dying still takes connections: only what starts anew can answer.
            time.sleep(_DEATH_PAUSE_S * deaths)
        time.sleep(_PAUSE_S)


def find_target(ctx: Context, name: str, variant: str | None = None) -> Target:
    """Return where an endpoint answers now.

    Raises
    ------
    ValidationException
        There is no such endpoint, or it does not serve this variant.
    ModelNotReadyException
        It is still being created.
    ServiceUnavailable
        It runs on another machine.
    """
    with ctx.reading():
        row = ctx.find("Endpoint", name)
    if row is None:
        account = ctx.settings.account_id
        raise ValidationException(f"Endpoint {name} of account {account} not found.")
    number = row.private.get("serving")
    if number is None:
        raise _not_serving(row)
    summary = summary_of(row, number)
    if variant is not None and variant != summary["variant"]:
        raise ValidationException(
            f"Endpoint {name} has no variant {variant!r}; it serves {summary['variant']!r}."
        )
    host = summary.get("host", "")
    if host != ctx.settings.machine:
        # Its address is one of that machine's own; here, somebody else may listen at it.
        raise ServiceUnavailable(
            f"Endpoint {name} runs on the machine {host!r} and can be invoked there alone; this is "
            f"{ctx.settings.machine!r}. Invoke it through the server of that machine."
        )
    directory = ctx.workspace.work_dir("Endpoint", name, number)
    try:
        address = json.loads((directory / "address.json").read_text())
    except (OSError, ValueError):
        raise _NotThereError from None
    return Target(
        name,
        (address["host"], address["port"]),
        row.private["token"],
        summary["variant"],
        summary["timeout_s"],
    )


def _not_serving(row: Row) -> Exception:
    if row.status in {"SystemUpdating", "Updating"}:
        return _NotThereError()
    if row.status == "Creating":
        return ModelNotReadyException(
            f"Endpoint {row.key} is still being created; wait until it is InService."
        )
    reason = row.observed.get("FailureReason") or "It does not serve."
    return ValidationException(f"Endpoint {row.key} is {row.status}: {reason}")


def _answer(target: Target, request: Json) -> Json:
    headers = {
        "Authorization": f"Bearer {target.token}",
        "Content-Type": request.get("ContentType", "application/json"),
        "Accept": request.get("Accept", "*/*"),
    }
    status, content_type, body = _post(target, request["Body"], headers)
    if status == 200:
        return {
            "Body": body,
            "ContentType": content_type,
            "InvokedProductionVariant": target.variant,
        }
    if status == 401:  # another generation listens at the address by now
        raise _NotThereError
    message = _message_of(body)
    if status == 413:
        raise ValidationException(message)
    kind = "client" if status < 500 else "server"
    raise ModelError(
        f'Received {kind} error ({status}) from primary with message "{message}". '
        f"The log of endpoint {target.name} may say more.",
        original_status=status,
        original_message=body.decode("utf-8", "replace"),
    )


def _post(target: Target, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
    known = _idle.take(target.address)
    if known is not None:
        try:
            return _exchange(known, target, body, headers)
        except _DiedError:
            pass  # it may have been closed since: that says nothing of the server
    fresh = http.client.HTTPConnection(*target.address, timeout=target.timeout_s + _MARGIN_S)
    return _exchange(fresh, target, body, headers)


def _exchange(
    connection: http.client.HTTPConnection, target: Target, body: bytes, headers: dict[str, str]
) -> tuple[int, str, bytes]:
    try:
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        answer = response.status, response.headers["Content-Type"], response.read()
    except TimeoutError:
        connection.close()
        raise ModelError(
            "Received server error (0) from primary with message "
            '"Your invocation timed out while waiting for a response from container primary."',
            original_status=504,
        ) from None
    except ConnectionRefusedError:
        _idle.close(target.address)
        raise _NotThereError from None
    except (ConnectionError, http.client.HTTPException):
        connection.close()
        _idle.close(target.address)
        raise _DiedError from None
    if not response.will_close:
        _idle.keep(target.address, connection)
    return answer


def _message_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:1000]


def _unavailable(name: str, deaths: int = 0) -> ServiceUnavailable:
    what = (
        f"ended {deaths} times while it answered this request"
        if deaths
        else f"does not run now and did not come back within {RETRY_S:g} s"
    )
    return ServiceUnavailable(
        f"The model server of endpoint {name} {what}; its log may say why. Try again."
    )
