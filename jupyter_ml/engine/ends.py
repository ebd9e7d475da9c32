"""What is written of an attempt that has ended: its verdict, what it used, whether it goes on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.work import Work

if TYPE_CHECKING:
    from jupyter_ml.core.attempts import Attempt
    from jupyter_ml.engine.protocol import Observation

Json = dict[str, Any]

_LOST = {
    "HostRestarted": "The machine was restarted while it ran.",
    "FolderDeleted": "Its folder was deleted while it ran.",
    "FolderUnreadable": "Nothing of it runs any more, and how it ended is not known",
    "SupervisorLost": "Its supervisor was killed from outside, and the work with it.",
}


def verdict_of(observation: Observation) -> Json:
    """Return the verdict of an attempt that has ended or was lost."""
    if observation.verdict is not None:
        return asdict(observation.verdict)
    reason = str(observation.lost_reason)
    message = _LOST.get(reason, reason)
    if observation.trouble is not None:
        message = f"{message}: {observation.trouble}."
    return {"state": "Lost", "reason": reason, "message": message}


def is_retried(attempt: Attempt, verdict: Json) -> bool:
    """Return whether the work is run again after this end."""
    if attempt.wanted != "run" or verdict["state"] not in ("Lost", "Interrupted"):
        return False
    work = Work.from_json(attempt.work)
    return work.restart == "always" or attempt.number - attempt.first < work.retries


def resource_seconds(attempt: Attempt, verdict: Json) -> dict[str, float]:
    """Return what an attempt used and held, {} where it was not started."""
    started, ended = verdict.get("started_at"), verdict.get("ended_at")
    if not started or not ended:
        return {}
    work = Work.from_json(attempt.work)
    wall = verdict.get("ran_s")
    if wall is None:  # its supervisor was one that did not measure it
        wall = max(0.0, ended - started)
    used = sum(member.get("cpu_s") or 0.0 for member in verdict.get("members", ()))
    return {
        "wall_s": wall,
        "instance_s": wall * work.members,
        "cpu_used_s": used,
        "cpu_reserved_s": wall * work.members * (work.cpus or 0),
        "memory_reserved_mb_s": wall * work.members * (work.memory_mb or 0),
        "gpu_reserved_s": wall * work.members * work.gpus,
    }
