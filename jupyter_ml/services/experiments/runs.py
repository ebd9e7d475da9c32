"""A run as people look at it: its row, its metric files and where it came from, put together."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import ResourceNotFound
from jupyter_ml.core.metrics.metrics import scan
from jupyter_ml.core.metrics.packs import read_slice
from jupyter_ml.harness.records import INPUTS, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_ml.core.context import Context
    from jupyter_ml.core.metrics.series import Series
    from jupyter_ml.core.rows import Row

Json = dict[str, Any]

JOB_SUFFIX: Final = "-aws-training-job"
VARIABLES: Final = "notebook"
PROVENANCE: Final = "provenance.json"
RESERVED: Final = "SageMaker."
# Variables of these types are known by their value, which is what one wants to compare.
_NUMBERS: Final = frozenset({"int", "float", "bool"})


@dataclass(frozen=True)
class Run:
    """One run; times in epoch seconds.

    Attributes
    ----------
    name
        The training job's name where the run is one's, else the trial component's.
    parameters
        Parameters, hyperparameters and numbers that were sent along, as text by name.
    inputs
        What else it was given: dicts of `Name`, `Kind`, `Sha256`, `Bytes`, `Detail`.
    environment
        Python, platform, packages and the machine that was asked for, as text by name.
    """

    name: str
    kind: str
    status: str
    created_at: float
    ended_at: float | None
    parameters: Mapping[str, str]
    series: Mapping[str, Series]
    inputs: Sequence[Json]
    environment: Mapping[str, str]
    git: Mapping[str, Any]
    notebook: str | None
    cell_id: str | None
    source: str | None

    def to_wire(self) -> Json:
        """Return the run as `GetRun` answers it."""
        return {
            "Name": self.name,
            "Kind": self.kind,
            "Status": self.status,
            "CreationTime": self.created_at,
            "EndTime": self.ended_at,
            "Parameters": _named(self.parameters),
            "Metrics": [
                {
                    "Name": summary["MetricName"],
                    **{name: summary[name] for name in ("Last", "Min", "Max", "Count")},
                }
                for summary in (one.summary() for one in _sorted(self.series))
            ],
            "Inputs": list(self.inputs),
            "Environment": _named(self.environment),
            "Git": {name.capitalize(): value for name, value in self.git.items()},
            "Notebook": self.notebook,
            "CellId": self.cell_id,
            "Source": self.source,
        }


def find_run(ctx: Context, name: str) -> Row:
    """Return the trial component of a run, by its own name or that of its training job.

    Raises
    ------
    ResourceNotFound
        There is neither.
    """
    for key in (name, name + JOB_SUFFIX):
        row = ctx.find("TrialComponent", key)
        if row is not None:
            return row
    raise ResourceNotFound(
        f"There is no run and no training job {name!r}; ListTrialComponents says which there are."
    )


def load_run(ctx: Context, row: Row) -> Run:
    """Return the run of a trial component, with all that is known of it."""
    view = ctx.resource("TrialComponent").view(ctx, row)
    origin = provenance_of(ctx, row)
    sent: list[Json] | None = origin.get("inputs")
    given = {name: _text(value) for name, value in view.get("Parameters", {}).items()}
    numbers = numbers_in(origin)
    job = row.private.get("job")
    return Run(
        name=job or row.key,
        kind="TrainingJob" if job else "Run",
        status=view.get("Status", {}).get("PrimaryStatus", "InProgress"),
        created_at=row.created_at,
        ended_at=view.get("EndTime"),
        parameters=numbers
        | {name: value for name, value in given.items() if not name.startswith(RESERVED)},
        series=run_series(ctx, row),
        inputs=[
            # the variables are listed one by one instead of the channel that they came in
            *(one for one in _channels(ctx, row, view) if sent is None or one["Name"] != VARIABLES),
            *(_input(item) for item in sent or () if item["name"] not in numbers),
        ],
        environment=_environment(origin)
        | {name: value for name, value in given.items() if name.startswith(RESERVED)},
        git=_git(origin, view),
        notebook=origin.get("notebook"),
        cell_id=origin.get("cell_id"),
        source=origin.get("source"),
    )


def run_series(ctx: Context, row: Row) -> dict[str, Series]:
    """Return all points of a run's metrics, by name."""
    written = scan(ctx.workspace.run_dir(row.key))
    points = row.private.get("points")
    if points is None:
        return written
    packed = read_slice(ctx.workspace.packs, points)
    # what was logged after the run had ended comes behind what it ended with
    for name, later in written.items():
        if name in packed:
            packed[name].extend(later)
        else:
            packed[name] = later
    return packed


def summaries(ctx: Context, row: Row) -> list[Json]:
    """Return a run's metrics in short: those of its files, else those noted at its end."""
    series = run_series(ctx, row)
    if series:
        return [one.summary() for one in _sorted(series)]
    noted: list[Json] = row.observed.get("Metrics", [])
    return noted


def provenance_of(ctx: Context, row: Row) -> Json:
    """Return where a run came from: as its job's source had it, or as its folder has it."""
    noted: Json | None = row.private.get("provenance")
    if noted is not None:
        return noted
    try:
        read = json.loads((ctx.workspace.run_dir(row.key) / PROVENANCE).read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def numbers_in(origin: Json) -> dict[str, str]:
    """Return the numbers that were sent along, as text by name: what people call parameters."""
    return {
        item["name"]: str(item["detail"])
        for item in origin.get("inputs") or ()
        if item.get("kind") in _NUMBERS and item.get("detail") is not None
    }


def _environment(origin: Json) -> dict[str, str]:
    given = origin.get("environment") or {}
    basics = {name: str(given[name]) for name in ("python", "platform") if given.get(name)}
    return basics | {name: str(version) for name, version in given.get("packages", {}).items()}


def _git(origin: Json, view: Json) -> Json:
    state: Json = origin.get("git") or {}
    if not state and (commit := view.get("MetadataProperties", {}).get("CommitId")):
        return {"commit": commit}
    return {name: state[name] for name in ("commit", "branch", "dirty") if name in state}


def _channels(ctx: Context, row: Row, view: Json) -> list[Json]:
    digests = read_json(ctx.workspace.run_dir(row.key) / INPUTS) or {}
    return [
        {
            "Name": name,
            "Kind": "channel",
            "Sha256": _hash_in(value) or digests.get(name),
            "Detail": value,
        }
        for name, artifact in view.get("InputArtifacts", {}).items()
        if (value := artifact["Value"]) and not value.startswith("sha256:")
    ]


def _hash_in(uri: str) -> str | None:
    """Return the hash in the location of something that was stored by its content."""
    _, found, rest = uri.partition("/inputs/")
    digest = rest.partition("/")[0]
    return digest if found and len(digest) == 64 else None


def _input(item: Json) -> Json:
    members = {"Name": "name", "Kind": "kind", "Sha256": "sha256", "Bytes": "bytes"}
    wire = {member: item.get(name) for member, name in members.items()}
    detail = item.get("detail")
    return {**wire, "Detail": None if detail is None else str(detail)}


def _text(parameter: Json) -> str:
    if "StringValue" in parameter:
        return str(parameter["StringValue"])
    number = float(parameter.get("NumberValue", math.nan))
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _named(values: Mapping[str, str]) -> list[Json]:
    return [{"Name": name, "Value": values[name]} for name in sorted(values)]


def _sorted(series: Mapping[str, Series]) -> list[Series]:
    return [series[name] for name in sorted(series)]
