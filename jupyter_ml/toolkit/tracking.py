"""Logging metrics and progress from any process, and runs outside of jobs.

In a job the folder of its run stands in `JUPYTER_ML_RUN_DIR`. Only the standard library is
imported, because user code calls this in any interpreter.
"""

from __future__ import annotations

import contextvars
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.toolkit.arguments import require_number, require_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUN_DIR = "JUPYTER_ML_RUN_DIR"
ATTEMPT_DIR = "JUPYTER_ML_ATTEMPT_DIR"
_PROGRESS_EVERY_S = 0.2
_PROGRESS = "ml.progress(3, 10, label='epochs')"

_active: contextvars.ContextVar[Writer | None] = contextvars.ContextVar("run", default=None)
_batch: contextvars.ContextVar[Any] = contextvars.ContextVar("batch", default=None)
_lock = threading.Lock()
_of_job: Writer | None = None  # of the run that this process works for, once it has logged
_progressed: dict[str, float] = {}


def log(
    metrics: Mapping[str, SupportsFloat] | None = None,
    *,
    step: int | None = None,
    **values: SupportsFloat,
) -> None:
    """Log metrics of the current run: `ml.log(auc=0.99)`, `ml.log({"val/loss": x}, step=3)`.

    Parameters
    ----------
    metrics
        Values by name, for names that are no Python words.
    step
        Where on the x axis; by default each metric counts its own points from 0.
    **values
        More values, by name.

    Raises
    ------
    TypeError
        A value is not a number; names the metric.
    UsageError
        No run is active here.
    """
    if metrics is not None:
        values = joined(metrics, values)
    (_active.get() or _of_job or _open_run_of_job()).log_all(values, step)


def joined(
    metrics: Mapping[str, SupportsFloat], values: Mapping[str, SupportsFloat]
) -> dict[str, SupportsFloat]:
    """Return metrics that were given as a dictionary together with those given by name.

    Raises
    ------
    TypeError
        They are no dictionary.
    """
    try:
        return {**metrics, **values}
    except TypeError:
        msg = f"Metrics are given by name, as in ml.log({{'auc': 0.99}}); not {metrics!r}."
        raise TypeError(msg) from None


def progress(current: float, total: float | None = None, *, label: str | None = None) -> None:
    """Say how far the work is: `ml.progress(epoch + 1, epochs)`.

    Parameters
    ----------
    current
        How much is done, in the unit of `total`.
    total
        How much there is to do; None when nobody knows.
    label
        What is being done, in a word or two.

    Notes
    -----
    In a job this goes to the job's page; elsewhere it is written to the terminal or the cell.
    """
    require_number(current, "What is done", _PROGRESS)
    if total is not None:
        require_number(total, "What there is to do", _PROGRESS)
    if label is not None:
        require_text(label, "A label", _PROGRESS)
    folder = os.environ.get(ATTEMPT_DIR)
    finished = total is not None and current >= total
    now = time.time()
    with _lock:
        last = _progressed.get(folder or "", 0.0)
        if not finished and now - last < _PROGRESS_EVERY_S:
            return
        _progressed[folder or ""] = now
    fraction = min(max(current / total, 0.0), 1.0) if total else None
    if folder is None:
        share = f"{fraction:4.0%} " if fraction is not None else ""
        text = f"\r{share}{current:g}{f'/{total:g}' if total else ''} {label or ''}".rstrip()
        sys.stdout.write(text + ("\n" if finished else ""))
        sys.stdout.flush()
        return
    state = {
        "current": current,
        "total": total,
        "fraction": fraction,
        "label": label,
        "time": now,
    }
    handle, temporary = tempfile.mkstemp(prefix=".progress-", dir=folder)
    with os.fdopen(handle, "w") as file:
        json.dump(state, file)
    Path(temporary).replace(Path(folder) / "progress.json")


@contextmanager
def run(name: str, **parameters: Any) -> Iterator[Any]:
    """Record a run around a block: `with ml.run("baseline", depth=3) as run: ml.log(auc=...)`.

    Parameters
    ----------
    name
        Runs of one name are numbered: `baseline-1`, `baseline-2` ...
    **parameters
        Recorded as the run's parameters.

    Yields
    ------
    Run
        With `name`, `log()` for other threads than the one of the block, and `metrics()`.

    Raises
    ------
    UsageError
        A job is a run already; log in it without this.
    """
    _refuse_in_job("ml.run")
    require_text(name, "A run's name", "ml.run('baseline', depth=3)")
    within = _batch.get()
    if within is None:
        from jupyter_ml.toolkit.runs import begin  # noqa: PLC0415  (needs the client)
    else:
        begin = within.begin
    begun = begin(name, parameters)
    token = _active.set(begun.writer)
    try:
        yield begun
    except BaseException as error:
        begun.end("Stopped" if isinstance(error, KeyboardInterrupt) else "Failed", error)
        raise
    else:
        begun.end("Completed")
    finally:
        _active.reset(token)


@contextmanager
def batch() -> Iterator[Any]:
    """Write the many small runs of a block together, some ten times faster than one by one.

    `with ml.batch():` goes around a loop with `with ml.run(...)` in it, which stays as it is. Runs
    that have ended are written once a second and at the end of the block; a process that is killed
    loses those that were not.

    Yields
    ------
    Batch
        With `names`, those of its runs that have ended.

    Raises
    ------
    UsageError
        A job is a run already; log in it without this.
    """
    _refuse_in_job("ml.batch")
    from jupyter_ml.toolkit.batches import Batch  # noqa: PLC0415  (needs the client)

    begun = Batch()
    token = _batch.set(begun)
    try:
        yield begun
    finally:
        _batch.reset(token)
        begun.write()


def _refuse_in_job(what: str) -> None:
    if os.environ.get(RUN_DIR):
        msg = f"A job is a run already; call ml.log in it, without {what} around."
        raise UsageError(msg)


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Send what is logged inside the block to a folder, whatever run is active."""
    writer = Writer(folder)
    token = _active.set(writer)
    try:
        yield
    finally:
        writer.close()
        _active.reset(token)


def _open_run_of_job() -> Writer:
    global _of_job  # noqa: PLW0603  (a job is one run as long as its process lives)
    folder = os.environ.get(RUN_DIR)
    if not folder:
        msg = (
            "No run is active here, so nothing would keep this. Log in a cell that starts with "
            "%%ml train, in a job's script, or inside `with ml.run(name):`."
        )
        raise UsageError(msg)
    with _lock:
        if _of_job is None:
            _of_job = Writer(folder)
        return _of_job
