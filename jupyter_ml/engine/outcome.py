"""What to say about an attempt that has ended: facts that were seen, never a guess.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_ml.engine.member import Member

_MIB = 1 << 20
_MOST = 1 << 20


class Cause(NamedTuple):
    """The first thing that happened which ends the attempt.

    `kind` is "stop" (detail: the reason), "max_runtime", "interrupted" (detail: the signal),
    "failed" (detail: how often in a row, for a service) or "not_started" (detail: why);
    `rank` is the member it happened to.
    """

    kind: str
    rank: int = 0
    detail: Any = None


class Outcome(NamedTuple):
    """State, reason and message of a verdict."""

    state: str
    reason: str | None
    message: str


def decide(
    cause: Cause | None, members: Sequence[Member], work: dict[str, Any], directory: str
) -> Outcome:
    """Return how the attempt ended, from what the supervisor saw and the work itself wrote."""
    if cause is None:
        return Outcome("Completed", None, "Completed: exit code 0.")
    if cause.kind == "not_started":
        return Outcome("Failed", "ClientError", f"Could not be started: {cause.detail}")
    if cause.kind == "stop":
        reason = str(cause.detail or "Stopped")
        state = "Interrupted" if reason == "Interrupted" else "Stopped"
        return Outcome(state, reason, f"Stopped on request. {_ends(members)}")
    if cause.kind == "max_runtime":
        limit = f"{work['max_runtime_s']:g} s"
        message = f"Stopped after the longest allowed run time of {limit}. {_ends(members)}"
        return Outcome("Stopped", "MaxRuntimeExceeded", message)
    if cause.kind == "interrupted":
        message = f"The supervisor was told to end ({cause.detail}). {_ends(members)}"
        return Outcome("Interrupted", "Interrupted", message)
    return _failure(cause, members, work, directory)


def signal_name(number: int) -> str:
    """Return the name of a signal, such as SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def how_it_ended(status: int | None) -> str:
    """Return an exit status in words."""
    if status is None:
        return "was not started"
    if status < 0:
        return f"was killed by {signal_name(-status)} (signal {-status})"
    return f"exited with code {status}"


def _failure(
    cause: Cause, members: Sequence[Member], work: dict[str, Any], directory: str
) -> Outcome:
    member = members[cause.rank]
    who = f"Member {cause.rank} of {len(members)}" if len(members) > 1 else "The process"
    told = _told(directory)
    limit = work["memory_mb"]
    memory = f"peak memory {member.peak_bytes / _MIB:.0f} MiB" + (
        f" of the {limit} MiB allowed" if limit is not None else ""
    )
    if member.watchdog_bytes:
        message = f"{who} used {member.watchdog_bytes / _MIB:.0f} MiB of the {limit} MiB allowed"
        return Outcome("Failed", "OutOfMemory", f"{message}, and was killed by the watchdog.")
    if kills := member.oom_kills():
        message = (
            f"{who} reached its limit, {memory}, and the kernel killed {kills} of its processes."
        )
        return Outcome("Failed", "OutOfMemory", _and(message, told))
    if told.get("ExceptionType") == "MemoryError" and member.limits.data_bytes is not None:
        message = f"{who} was refused more memory than the {limit} MiB allowed ({memory})."
        return Outcome("Failed", "OutOfMemory", _and(message, told))
    ended = f"{who} {how_it_ended(member.status)}"
    if cause.detail:
        ended += f", {cause.detail} times in a row soon after its start"
    if told.get("Message"):
        return Outcome("Failed", str(told.get("Reason") or "AlgorithmError"), told["Message"])
    if member.status is not None and member.status < 0:
        message = f"{ended}, which its supervisor did not send; {memory}."
        return Outcome("Failed", "Killed", message)
    return Outcome("Failed", "AlgorithmError", f"{ended}.")


def _ends(members: Sequence[Member]) -> str:
    if all(member.status is None for member in members):
        return "It had not been started."
    names = ["the process"] if len(members) == 1 else [f"member {m.rank}" for m in members]
    ends = [
        f"{name} {how_it_ended(member.status)}"
        + (" for not ending within the grace" if member.ignored_sigterm else "")
        for name, member in zip(names, members, strict=True)
    ]
    text = ", ".join(ends)
    return f"{text[0].upper()}{text[1:]}."


def _told(directory: str) -> dict[str, Any]:
    with (
        contextlib.suppress(OSError, ValueError),
        open(os.path.join(directory, "failure.json"), encoding="utf-8") as file,
    ):
        values = json.loads(file.read(_MOST))
        if isinstance(values, dict):
            return values | {"Message": str(values.get("Message") or "")}
    return {}


def _and(message: str, told: dict[str, Any]) -> str:
    return f"{message} The work reported: {told['Message']}" if told.get("Message") else message
