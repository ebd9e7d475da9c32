"""`ml.train`: a script, a folder or a built-in algorithm as a training job."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.arguments import require_kind, require_names, require_path, require_text
from jupyter_ml.toolkit.data import located
from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.jobs import TrainingJob
from jupyter_ml.toolkit.modules import LEFT_OUT
from jupyter_ml.toolkit.naming import checked
from jupyter_ml.toolkit.provenance import provenance
from jupyter_ml.toolkit.submission import (
    IMAGE,
    PRIVATE,
    Sizing,
    packed,
    request_of,
    send,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from jupyter_ml.client import Client


def train(
    script: str | os.PathLike[str] | None = None,
    *,
    algorithm: str | None = None,
    name: str | None = None,
    source_dir: str | os.PathLike[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, str] | None = None,
    sizing: Sizing | None = None,
) -> TrainingJob:
    """Run a script or a built-in algorithm as a training job.

    Parameters
    ----------
    script
        A `.py` or `.sh` file; with `source_dir`, relative to that folder.
    algorithm
        A built-in algorithm instead of a script, `"xgboost"` or `"linear-learner"`.
    name
        Jobs of one name are numbered; by default the script's or the algorithm's.
    source_dir
        A folder that goes along with the script.
    inputs
        Channels by name: data frames, paths, or `s3://` locations of the workspace. A script reads
        them with `ml.load_channel(name)` or from `SM_CHANNEL_<NAME>`.
    hyperparameters
        Given to a script as flags; whatever JSON can hold.
    metrics
        Regular expressions by metric name, to find metrics in what the script prints.
    sizing
        Instance type, number of instances, time limit, and whether the network is kept away.

    Returns
    -------
    TrainingJob
        Running, or queued.

    Raises
    ------
    UsageError
        Neither or both of script and algorithm are given, or a path does not exist.
    """
    prepared = prepare(
        script,
        algorithm=algorithm,
        name=name,
        source_dir=source_dir,
        inputs=inputs,
        hyperparameters=hyperparameters,
        metrics=metrics,
        sizing=sizing,
    )
    return prepared.start()


@dataclass(frozen=True)
class Prepared:
    """A job that is ready to be sent.

    Attributes
    ----------
    base
        Its name without the number.
    request
        What is sent, without the name.
    headline
        What is said of it, after the name.
    """

    client: Client
    base: str
    request: dict[str, Any]
    headline: str

    def start(self) -> TrainingJob:
        """Send it; return the job, shown in this cell's output."""
        job = TrainingJob(send(self.client, self.base, self.request), self.client)
        job.announce(words.joined([job.name, self.headline, "detached"]))
        return job


def prepare(
    script: str | os.PathLike[str] | None,
    *,
    algorithm: str | None = None,
    name: str | None = None,
    source_dir: str | os.PathLike[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, str] | None = None,
    sizing: Sizing | None = None,
) -> Prepared:
    """Copy source and data into the workspace; parameters as for `train`."""
    if (script is None) == (algorithm is None):
        msg = (
            "Give either a script, ml.train('train.py'), or an algorithm, ml.train(algorithm=...)."
        )
        raise UsageError(msg)
    _require(script, algorithm, source_dir, inputs, hyperparameters, metrics, sizing)
    client = session.client()
    artifacts = session.workspace_of(client).artifacts
    given = {key: _text(key, value) for key, value in (hyperparameters or {}).items()}
    image: dict[str, Any] = {"TrainingImage": algorithm or IMAGE, "TrainingInputMode": "File"}
    if metrics:
        image["MetricDefinitions"] = [
            {"Name": key, "Regex": pattern} for key, pattern in metrics.items()
        ]
    base = checked(name or _named_after(str(algorithm or Path(str(script)).stem)))
    if script is not None:
        with tempfile.TemporaryDirectory() as scratch:
            source, program = _source(Path(scratch) / "source", Path(script), source_dir)
            given["sagemaker_program"] = program
            given["sagemaker_submit_directory"] = packed(artifacts, source)
    channels = {key: located(key, value, artifacts) for key, value in (inputs or {}).items()}
    request = request_of(artifacts, image, given, channels, sizing or Sizing())
    sent = f"sent {', '.join(channels)}" if channels else None
    return Prepared(client, base, request, words.joined([str(algorithm or script), sent]))


def _source(
    folder: Path, script: Path, source_dir: str | os.PathLike[str] | None
) -> tuple[Path, str]:
    """Copy what runs into a folder, with its provenance; return the folder and the program."""
    root = Path(source_dir).expanduser() if source_dir is not None else script.parent
    file = root / script if source_dir is not None else script
    if not file.is_file():
        msg = f"There is no script {str(file)!r}."
        raise UsageError(msg)
    if source_dir is None:
        folder.mkdir()
        shutil.copy(file, folder)
        program = file.name
    else:
        shutil.copytree(root, folder, ignore=LEFT_OUT)
        program = str(script)
    private = folder / PRIVATE
    private.mkdir(exist_ok=True)
    record = provenance(file.read_text(encoding="utf-8", errors="replace"))
    (private / "provenance.json").write_text(json.dumps(record), encoding="utf-8")
    return folder, program


def _named_after(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")[:50].strip("-") or "job"


def _require(
    script: Any,
    algorithm: Any,
    source_dir: Any,
    inputs: Any,
    hyperparameters: Any,
    metrics: Any,
    sizing: Any,
) -> None:
    """Refuse what is given and cannot be meant, before anything is copied."""
    call = "ml.train('train.py'"
    if script is not None:
        require_path(script, "A script", f"{call})")
    if algorithm is not None:
        require_text(algorithm, "An algorithm", "ml.train(algorithm='xgboost')")
    if source_dir is not None:
        require_path(source_dir, "A source folder", f"{call}, source_dir='src')")
    if inputs is not None:
        require_names(inputs, "Inputs", f"{call}, inputs={{'train': frame}})")
    if hyperparameters is not None:
        example = f"{call}, hyperparameters={{'depth': 3}})"
        require_names(hyperparameters, "Hyperparameters", example)
    if metrics is not None:
        example = f"{call}, metrics={{'auc': r'auc=(\\S+)'}})"
        require_names(metrics, "Metrics", example)
        for pattern in metrics.values():
            require_text(pattern, "The expression of a metric", example)
    if sizing is not None:
        require_kind(sizing, Sizing, "sizing is a Sizing", f"{call}, sizing=Sizing('ml.m5.large'))")


def _text(name: str, value: Any) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except (TypeError, ValueError) as error:
        msg = f"The hyperparameter {name!r} is nothing that JSON can hold ({error})."
        raise UsageError(msg) from None
