"""All that is known of one run, read through its client."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import MLError
from jupyter_ml.toolkit import session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jupyter_ml.client import Client

Json = dict[str, Any]
Point = tuple[int, float, float]
_NUMBER = re.compile(r"-\d+$")


@dataclass(frozen=True)
class RecordedRun:
    """A run as other tools get it; times in epoch seconds.

    Attributes
    ----------
    arn
        Of the training job, or of the trial component where the run is none.
    ended_at
        `None` while it goes on.
    points
        Lists of (step, time, value) by the metric's name.
    tags
        The user's own.
    origin
        Of `Inputs`, `Environment`, `Git`, `Notebook` and `CellId`, as `GetRun` answers them.
    source
        Text of the cell or script, where it is known.
    model
        The model's archive, where it was asked for.
    """

    name: str
    arn: str
    kind: str
    status: str
    message: str
    created_at: float
    ended_at: float | None
    parameters: Mapping[str, str]
    points: Mapping[str, Sequence[Point]]
    tags: Mapping[str, str]
    origin: Json
    source: str | None
    model: Path | None

    @property
    def base(self) -> str:
        """The name without its number, which runs of one kind have in common."""
        return _NUMBER.sub("", self.name) or self.name


def recorded_run(client: Client, name: str, *, model: bool = False) -> RecordedRun:
    """Return all that is known of a run now.

    Parameters
    ----------
    client
        Of the workspace that it belongs to.
    name
        Of a training job or a run.
    model
        Whether the model's archive is wanted.

    Raises
    ------
    MLError
        The model is wanted and there is none; or its folder cannot be reached from here.
    """
    got = client.call("GetRun", {"RunName": name})
    is_job = got["Kind"] == "TrainingJob"
    kind = "TrainingJob" if is_job else "TrialComponent"
    described = client.call(f"Describe{kind}", {f"{kind}Name": name})
    arn = described[f"{kind}Arn"]
    series = client.call("GetRunMetrics", {"RunName": name})["Series"]
    tags = paginate(client, "ListTags", {"ResourceArn": arn}, "Tags")
    message = described.get("FailureReason") or described.get("Status", {}).get("Message", "")
    return RecordedRun(
        name=name,
        arn=arn,
        kind=got["Kind"],
        status=got["Status"],
        message=str(message),
        created_at=got["CreationTime"],
        ended_at=got.get("EndTime"),
        parameters={one["Name"]: one["Value"] for one in got["Parameters"]},
        points={
            one["Name"]: list(
                zip(one["Steps"], one["Times"], map(_number, one["Values"]), strict=True)
            )
            for one in series
        },
        tags={tag["Key"]: tag["Value"] for tag in tags},
        origin={
            member: got[member]
            for member in ("Inputs", "Environment", "Git", "Notebook", "CellId")
            if got.get(member)
        },
        source=got.get("Source"),
        model=_archive(client, name, described) if model else None,
    )


def _number(value: float | None) -> float:
    """Return a value as it was logged: JSON has null for one that is no finite number."""
    return math.nan if value is None else value


def _archive(client: Client, name: str, described: Json) -> Path:
    location = described.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    path: Path | None = None
    if location:
        path = session.workspace_of(client).artifacts.resolve(location)
    if path is None or not path.exists():
        msg = f"{name} has no model to export; leave model=True (--model) out."
        raise MLError(msg)
    return path
