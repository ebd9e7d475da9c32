"""Turning a cell or a script into a CreateTrainingJob request, and sending it."""

from __future__ import annotations

import json
import math
import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.artifacts import digest
from jupyter_ml.core.values import values as carried
from jupyter_ml.toolkit import capture
from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.modules import copy_local, imported
from jupyter_ml.toolkit.naming import create_numbered
from jupyter_ml.toolkit.provenance import input_records, provenance
from jupyter_ml.toolkit.redaction import why_secret
from jupyter_ml.toolkit.session import workspace_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_ml.client import Client
    from jupyter_ml.core.artifacts import Artifacts
    from jupyter_ml.core.values.values import Entry, Problem

CHANNEL = "notebook"
PROGRAM = "cell.py"
IMAGE = "jupyter-ml/python"
PRIVATE = ".jupyter_ml"
DAY_S = 86_400
_LONGEST_PARAMETER = 200
_WORTH_SAYING = 10_000


@dataclass(frozen=True)
class Sizing:
    """Where and how long a job may run.

    Parameters
    ----------
    instance_type
        A named size such as `ml.m5.large`; `ml.local` is this machine.
    instance_count
        Members of the job.
    max_runtime_s
        The job is stopped after so many seconds.
    isolated
        Whether the network is kept away from the job.
    """

    instance_type: str = "ml.local"
    instance_count: int = 1
    max_runtime_s: int = DAY_S
    isolated: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the members of a request that say so."""
        network = {"EnableNetworkIsolation": True} if self.isolated else {}
        return {
            **network,
            "ResourceConfig": {
                "InstanceType": self.instance_type,
                "InstanceCount": self.instance_count,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self.max_runtime_s},
        }


@dataclass(frozen=True)
class Sent:
    """What went with a job, for the one line that says so.

    Attributes
    ----------
    name
        The job's name; empty for a dry run.
    request
        What was, or would be, sent.
    entries
        Values that went along.
    problems
        Values that stay here, each with the reason.
    """

    name: str
    request: dict[str, Any]
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def headline(self) -> str:
        """Return the line that says what runs where with what."""
        size = self.request["ResourceConfig"]["InstanceType"]
        place = None if size == "ml.local" else size
        asked = [e for e in self.entries if e.how != "import" and not e.implicit]
        values = [_weighed(entry) for entry in sorted(asked, key=lambda one: -one.bytes)]
        sent = f"sent {', '.join(values)}" if values else "sent nothing"
        return words.joined([self.name, place, "this kernel's Python", sent, "detached"])

    def remarks(self) -> list[str]:
        """Return a sentence for each value that stays here."""
        return [f"Not sent: {problem.name} ({problem.reason})." for problem in self.problems]


@dataclass(frozen=True)
class CellPlan:
    """A cell to be run as a job.

    Attributes
    ----------
    source
        Text of the cell.
    namespace
        The kernel's variables.
    inputs
        Names to send, or None for those that the cell uses.
    outputs
        Names to bring back.
    hidden
        Names that belong to IPython.
    """

    source: str
    namespace: Mapping[str, Any]
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] = ()
    hidden: frozenset[str] = frozenset()


def submit_cell(
    client: Client, name: str, plan: CellPlan, sizing: Sizing, *, dry_run: bool = False
) -> Sent:
    """Send a cell with the variables it uses; return what went along.

    Parameters
    ----------
    client
        Of the workspace that runs it.
    name
        Jobs of one name are numbered.
    plan, sizing
        What to run, and where.
    dry_run
        Only say what would be sent.

    Raises
    ------
    UsageError
        The cell cannot be run as a job, a name is wrong, or a variable in `plan.inputs` cannot
        be sent.
    """
    tree = capture.parsed(plan.source)
    capture.require_outputs(tree, plan.outputs)
    found = capture.captured(tree, plan.namespace, only=plan.inputs, hidden=plan.hidden)
    artifacts = workspace_of(client).artifacts
    with tempfile.TemporaryDirectory() as scratch:
        sent = Path(scratch) / CHANNEL
        problems = carried.save(found.values, sent, withhold=why_secret)
        _require_named(plan.inputs or (), problems)
        entries = carried.entries(sent)
        source = Path(scratch) / "source"
        record = provenance(plan.source, values=found.values, inputs=input_records(entries))
        names = [entry.name for entry in entries if not entry.implicit]
        cell = {"name": name, "inputs": names, "outputs": list(plan.outputs)}
        own = imported(tree) | _imported_by(entries)
        copy_local(own, Path.cwd(), source, taken=PROGRAM)
        write_source(source, plan.source, cell, record)
        request = cell_request(artifacts, source, sent, sizing, found.values, store=not dry_run)
    problems = [*found.withheld, *problems]
    if dry_run:
        return Sent("", {"TrainingJobName": f"{name}-N", **request}, entries, problems)
    created = send(client, name, request)
    return Sent(created, request, entries, problems)


def write_source(
    folder: Path, text: str, cell: Mapping[str, Any], record: Mapping[str, Any]
) -> None:
    """Lay out the source folder of a cell: its exact text and what is known about it."""
    private = folder / PRIVATE
    private.mkdir(parents=True, exist_ok=True)
    (folder / PROGRAM).write_text(text, encoding="utf-8")
    (private / "cell.json").write_text(json.dumps(cell), encoding="utf-8")
    (private / "provenance.json").write_text(json.dumps(record), encoding="utf-8")


def cell_request(
    artifacts: Artifacts,
    source: Path,
    sent: Path,
    sizing: Sizing,
    values: Mapping[str, Any],
    *,
    store: bool = True,
) -> dict[str, Any]:
    """Return the request that runs a source folder with a folder of values."""
    hyperparameters = {
        **parameters(values),
        "sagemaker_program": PROGRAM,
        "sagemaker_submit_directory": packed(artifacts, source, store=store),
    }
    location = artifacts.put_cached(sent) if store else artifacts.uri("inputs", "HASH", CHANNEL)
    return request_of(
        artifacts,
        {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        hyperparameters,
        {CHANNEL: location},
        sizing,
    )


def request_of(
    artifacts: Artifacts,
    algorithm: Mapping[str, Any],
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, str],
    sizing: Sizing,
) -> dict[str, Any]:
    """Return a CreateTrainingJob request without a name."""
    request = {
        "AlgorithmSpecification": dict(algorithm),
        "HyperParameters": dict(hyperparameters),
        "OutputDataConfig": {"S3OutputPath": artifacts.uri()},
        "Environment": {"JUPYTER_ML_PYTHON": sys.executable},
        **sizing.to_wire(),
    }
    if channels:
        request["InputDataConfig"] = [_channel(name, uri) for name, uri in channels.items()]
    return request


def packed(artifacts: Artifacts, source: Path, *, store: bool = True) -> str:
    """Pack a source folder into the workspace, once per content; return the location."""
    location = artifacts.uri("inputs", digest(source) if store else "HASH", "sourcedir.tar.gz")
    if store and not artifacts.exists(location):
        artifacts.tar(source, location)
    return location


def send(client: Client, base: str, request: Mapping[str, Any]) -> str:
    """Create the training job under the next number of a name; return its full name."""

    def create(name: str) -> None:
        client.call("CreateTrainingJob", {"TrainingJobName": name, **request})

    return create_numbered(client, "TrainingJob", base, create)


def parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers, truths and short texts among values, as hyperparameters."""
    found = {}
    for name, value in values.items():
        if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            found[name] = json.dumps(value)
        elif isinstance(value, str) and _is_parameter(name, value):
            found[name] = value
    return found


def _is_parameter(name: str, text: str) -> bool:
    short = 0 < len(text) <= _LONGEST_PARAMETER and text.isprintable()
    return short and why_secret(name, text) is None


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack a `.tar.gz` into a folder that lasts as long as the block."""
    from jupyter_ml.harness.archive import unpack  # noqa: PLC0415  (costs milliseconds at import)

    with tempfile.TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        yield Path(folder)


def _require_named(names: Sequence[str], problems: Sequence[Problem]) -> None:
    """Refuse to go without a variable that was asked for by name."""
    for problem in problems:
        if problem.name in names:
            msg = f"-i {problem.name} cannot be sent: {problem.reason}."
            raise UsageError(msg)


def _imported_by(entries: Sequence[Entry]) -> set[str]:
    """Return the top-level modules that loading the values imports."""
    imports = (entry.source for entry in entries if entry.how == "import")
    return {re.split(r"[.:]", source)[0] for source in imports if source}


def _weighed(entry: Entry) -> str:
    large = entry.bytes >= _WORTH_SAYING
    return f"{entry.name} {words.size(entry.bytes)}" if large else entry.name


def _channel(name: str, uri: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3DataDistributionType": "FullyReplicated",
                "S3Uri": uri,
            }
        },
    }
