"""Running a job's cell or script again with changed variables, as a job or in this kernel."""

from __future__ import annotations

import ast
import asyncio
import difflib
import inspect
import json
import linecache
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.values import values as carried
from jupyter_ml.core.values.pickles import describe
from jupyter_ml.toolkit import submission
from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.jobs import TrainingJob
from jupyter_ml.toolkit.provenance import input_records
from jupyter_ml.toolkit.session import workspace_of
from jupyter_ml.toolkit.tracking import logging_to

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import CodeType

_REQUEST = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "Environment",
    "ExperimentConfig",
    "EnableNetworkIsolation",
    "RetryStrategy",
)
_NUMBER = re.compile(r"-[1-9]\d*$")


def run_again(job: TrainingJob, changes: Mapping[str, Any]) -> TrainingJob:
    """Send the same source again with changed variables; return the new job, announced."""
    client = job._client  # noqa: SLF001  (a handle's own module family)
    described = job.describe()
    request = {key: described[key] for key in _REQUEST if described.get(key)}
    request["OutputDataConfig"] = {"S3OutputPath": described["OutputDataConfig"]["S3OutputPath"]}
    request["HyperParameters"] = dict(described.get("HyperParameters", {}))
    folder = job._sent()  # noqa: SLF001
    if folder is None:
        known = [name for name in request["HyperParameters"] if not name.startswith("sagemaker_")]
        _require_known(job.name, changes, known)
        request["HyperParameters"].update(
            {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in changes.items()
            }
        )
    elif changes:
        _change_values(job, folder, changes, request)
    name = submission.send(client, _NUMBER.sub("", job.name), request)
    again = TrainingJob(name, client)
    changed = ", ".join(f"{key} {_brief(value)}" for key, value in changes.items())
    again.announce(words.joined([name, f"{job.name} again", changed, "detached"]))
    return again


def _change_values(
    job: TrainingJob, folder: Path, changes: Mapping[str, Any], request: dict[str, Any]
) -> None:
    """Store the variables with the changes, and a source folder that records them."""
    entries = carried.entries(folder)
    _require_known(job.name, changes, [entry.name for entry in entries if not entry.implicit])
    artifacts = workspace_of(job._client).artifacts  # noqa: SLF001
    with tempfile.TemporaryDirectory() as scratch, job.source_folder() as source:
        sent = Path(scratch) / submission.CHANNEL
        problems = carried.amend(folder, changes, sent)
        if problems:
            reasons = "; ".join(f"{problem.name}: {problem.reason}" for problem in problems)
            msg = f"Cannot send {reasons}."
            raise UsageError(msg)
        record = source / submission.PRIVATE / "provenance.json"
        known = json.loads(record.read_text(encoding="utf-8"))
        known["inputs"] = input_records(carried.entries(sent))
        record.write_text(json.dumps(known), encoding="utf-8")
        location = artifacts.put_cached(sent)
        hyperparameters = request["HyperParameters"]
        hyperparameters["sagemaker_submit_directory"] = submission.packed(artifacts, source)
    for name in changes:
        hyperparameters.pop(name, None)
    hyperparameters.update(submission.parameters(changes))
    for channel in request["InputDataConfig"]:
        if channel["ChannelName"] == submission.CHANNEL:
            channel["DataSource"]["S3DataSource"]["S3Uri"] = location


def run_here(job: TrainingJob, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Run a job's cell in this kernel, in a namespace of its own; return that.

    What it logs is not recorded. Its text is known to tracebacks and to `%debug`.
    """
    folder = job._sent()  # noqa: SLF001
    if folder is None:
        msg = (
            f"{job.name} runs a script, with its own files and flags; only the cells of %%ml train "
            "can be run here. Read it with job.source."
        )
        raise UsageError(msg)
    names = [entry.name for entry in carried.entries(folder) if not entry.implicit]
    _require_known(job.name, changes, names)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    carried.load(folder, namespace)
    namespace.update(changes)
    source = job.source
    file = f"<{job.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with tempfile.TemporaryDirectory() as scratch, logging_to(Path(scratch)):
        _execute(compile(source, file, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__")}


def _execute(code: CodeType, namespace: dict[str, Any]) -> None:
    waiting = eval(code, namespace)  # noqa: S307  (the user's own cell)
    if not code.co_flags & inspect.CO_COROUTINE:
        return
    # A notebook's kernel is itself inside an event loop, and a thread has but one.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, waiting).result()


def _require_known(job: str, changes: Mapping[str, Any], known: Collection[str]) -> None:
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            msg = (
                f"{job} did not get {name!r}; it got {', '.join(sorted(known)) or 'nothing'}.{hint}"
            )
            raise UsageError(msg)


def _brief(value: Any) -> str:
    return describe(value) or type(value).__name__
