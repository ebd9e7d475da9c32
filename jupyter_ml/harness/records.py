"""The small files by which a running job says how it is doing; readers never see half of one."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine.durable import release

if TYPE_CHECKING:
    from pathlib import Path

PHASES = "phases.jsonl"
PROGRESS = "progress.json"
# The bytes of each output that is in an external bucket, by its location.
UPLOADED = "uploaded.json"
FAILURE = "failure.json"
# In the folder of a run: the SHA-256 of each channel that has one, by name.
INPUTS = "inputs.json"


def write_json(path: Path, value: Any) -> None:
    """Write JSON to a file that appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def write_at_end(path: Path, value: Any) -> None:
    """Write JSON as `write_json` does; on a full disk, into the space that was kept for this."""
    try:
        write_json(path, value)
    except OSError:
        release(os.environ["JUPYTER_ML_ATTEMPT_DIR"])
        write_json(path, value)


def read_json(path: Path) -> Any:
    """Return the JSON in a file, `None` where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def add_phase(directory: Path, status: str, message: str) -> None:
    """Record that the job entered a phase, now.

    Parameters
    ----------
    directory
        The attempt's folder.
    status
        A SecondaryStatus of SageMaker.
    message
        What it means in words.
    """
    line = json.dumps({"time": time.time(), "status": status, "message": message}) + "\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    handle = os.open(directory / PHASES, flags, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def read_phases(directory: Path) -> list[dict[str, Any]]:
    """Return the phases entered so far: `time` in epoch seconds, `status` and `message`."""
    try:
        lines = (directory / PHASES).read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_progress(
    directory: Path,
    current: float,
    total: float | None,
    label: str | None = None,
    eta_s: float | None = None,
) -> None:
    """Record how far the job is.

    Parameters
    ----------
    current, total
        Units of work done and to do; `total` is `None` where it is not known.
    label
        What the units are, such as the description of a progress bar.
    eta_s
        Seconds that remain, where the program itself says so.
    """
    record: dict[str, Any] = {"current": current, "time": time.time()}
    if total:
        record.update(total=total, fraction=min(1.0, max(0.0, current / total)))
    if label:
        record["label"] = label
    if eta_s is not None:
        record["eta_s"] = eta_s
    write_json(directory / PROGRESS, record)
