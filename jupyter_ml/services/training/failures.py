"""What to say about a job that failed: what was seen, where, and what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ServiceError
from jupyter_ml.engine.instance_types import instance_types
from jupyter_ml.engine.work import Work
from jupyter_ml.harness.records import FAILURE, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.core.context import Context

Json = dict[str, Any]
_TAIL_LINES = 40
_TAIL_BYTES = 16 * 1024
_MOST_REASON = 1024
_LOST = frozenset(
    {"SupervisorLost", "HostRestarted", "FolderDeleted", "FolderUnreadable"}
    | {"Interrupted", "Restored"}
)
_MISSING_MODULE = re.compile(r"No module named '([^'.]+)")
_MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
_MISSING_CONTAINER = re.compile(r"No such file or directory: '(/opt/ml(?:/[^']*)?)'")
_MISSING_FILE = re.compile(r"No such file or directory: '(?!/)([^']+)'")
_MISSING_CHANNEL = re.compile(r"KeyError: 'SM_CHANNEL_(\w+)'")


def failure_of(ctx: Context, attempt: Attempt, verdict: Json) -> Json:
    """Return the Failure of an attempt that ended badly.

    Parameters
    ----------
    attempt
        The attempt that ended.
    verdict
        What the engine says of its end.
    """
    ref = ctx.ref(attempt)
    told: Json = read_json(ref.directory / FAILURE) or {}
    rank = int(told.get("Member", 0))
    members = verdict.get("members") or ()
    member: Json = dict(members[rank]) if rank < len(members) else {}
    work = Work.from_json(attempt.work)
    failure: Json = {
        "Reason": verdict.get("reason") or told.get("Reason") or "AlgorithmError",
        "Message": verdict.get("message") or told.get("Message") or "",
        "Frames": told.get("Frames", []),
        "Source": told.get("Source", []),
        "Place": told.get("Place"),
        "LogTail": _log_tail(ctx, attempt, rank),
        "ExceptionType": told.get("ExceptionType"),
        "ExitCode": told.get("ExitCode", member.get("exit_code")),
        "Signal": told.get("Signal", member.get("signal")),
        "PeakMemoryMb": member.get("peak_memory_mb"),
        "MemoryLimitMb": work.memory_mb,
    }
    if failure["Reason"] in _LOST:
        failure.update(Reason="InternalServerError", Cause=verdict.get("reason"))
    failure["Advice"] = _advice(failure, work, ctx)
    return {name: value for name, value in failure.items() if value is not None}


def reason_text(failure: Json) -> str:
    """Return FailureReason: the class of the failure, what happened and in which line."""
    first, newline, rest = f"{failure['Reason']}: {failure['Message']}".partition("\n")
    if place := failure.get("Place"):
        room = _MOST_REASON - len(place) - len(" ().")
        stop = "." if first.endswith(".") else ""
        first = f"{first.removesuffix('.')[:room]} ({place}){stop}"
    return f"{first}{newline}{rest}"[:_MOST_REASON]


def _log_tail(ctx: Context, attempt: Attempt, rank: int) -> list[str]:
    try:
        chunk = ctx.runtime.engine.logs(ctx.ref(attempt), rank, -_TAIL_BYTES, _TAIL_BYTES)
    except ServiceError as error:
        return [error.message]
    text: str = chunk.data.decode("utf-8", "replace")
    return text.splitlines()[-_TAIL_LINES:]


def _advice(failure: Json, work: Work, ctx: Context) -> str | None:
    if failure["Reason"] == "OutOfMemory":
        return _more_memory(work, ctx)
    if failure.get("Cause"):
        return "Start it again; with RetryStrategy a lost attempt is started again by itself."
    for pattern, advise in _ADVICE:
        found = pattern.search(failure["Message"])
        if found:
            return advise(found[1], work)
    if failure.get("Signal") == "SIGKILL":
        return "Something outside the job ended it; the system log may say what."
    return None


def _more_memory(work: Work, ctx: Context) -> str:
    if work.memory_mb is None:
        return "The machine has no more memory to give; use less data or smaller types."
    try:
        table = instance_types(ctx.workspace.root)
    except ServiceError:  # the user's own table is broken, which is told where it is used
        table = instance_types()
    larger = [
        size
        for size in table.values()
        if size.memory_mb and size.memory_mb > work.memory_mb and size.gpus == work.gpus
    ]
    if not larger:
        return "Use less data at once, or the instance type ml.local, which has no limit."
    best = min(larger, key=lambda size: (size.memory_mb or 0, size.cpus or 0))
    return (
        f"Use a larger instance type such as {best.name} ({best.memory_mb:,} MiB), or ml.local, "
        "which has no limit."
    )


def _missing_module(name: str, work: Work) -> str:
    return (
        f"There is no module {name!r} in the job's interpreter, {work.argv[0]}. Install it there, "
        "send it along in the source folder, or choose another interpreter."
    )


def _missing_name(name: str, _work: Work) -> str:
    return f"The job does not know {name!r}: define it in the cell, or send it with -i {name}."


def _missing_channel(name: str, _work: Work) -> str:
    return f"The job was given no channel {name.lower()!r}; add it to the job's inputs."


def _missing_file(name: str, _work: Work) -> str:
    return (
        f"A job runs in a folder of its own, without {name!r}: read the file before, in the "
        "notebook, and use the variable; or give its absolute path."
    )


def _missing_container(name: str, _work: Work) -> str:
    return (
        f"The program looks for {name} where a container of SageMaker has it. Set "
        "JUPYTER_ML_OPT_ML=on in the job's Environment, or take the path from SM_MODEL_DIR, "
        "SM_CHANNEL_... and the like."
    )


_ADVICE: tuple[tuple[re.Pattern[str], Callable[[str, Work], str]], ...] = (
    (_MISSING_MODULE, _missing_module),
    (_MISSING_NAME, _missing_name),
    (_MISSING_CHANNEL, _missing_channel),
    (_MISSING_FILE, _missing_file),
    (_MISSING_CONTAINER, _missing_container),
)
