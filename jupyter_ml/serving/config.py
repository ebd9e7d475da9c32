"""What one serving process is told: `serve.json` of its attempt, parsed once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.logs import TEXT, log_to_stdout
from jupyter_ml.harness.archive import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY_BYTES = 6_291_456
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ServeConfig:
    """How to serve one variant of an endpoint.

    Parameters
    ----------
    attempt_dir
        Folder of this attempt; `ready.json`, `failure.json` and `metrics.json` are written there.
    endpoint, variant
        The names under which the model is served.
    model_dir
        Folder that holds the unpacked model, `model_fn`'s argument.
    model_data, source_data
        Archives (`model.tar.gz`, `sourcedir.tar.gz`) unpacked into `model_dir` and its `code`.
    model_place, source_place
        Where they are in an external bucket instead; see `brought`.
    program
        Inference script, relative to `code`; `None` looks for `inference.py`.
    workers
        How many processes hold the model.
    interpreter
        Python of the model's workers; `None` is the one that the model's manifest names, else
        this process's own.
    token
        What a caller must send as `Authorization: Bearer`; the file `token` holds it for them.
    memory_mb
        What all processes of the endpoint may hold together; `None` for no limit.
    compiles
        Whether the model is compiled once it serves.
    log_format
        How this process writes its own lines: `text` or `json`.
    tick
        Command to run once the endpoint is ready, so that it is noticed at once.
    """

    attempt_dir: Path
    endpoint: str
    variant: str
    model_dir: Path
    token: str = field(repr=False)
    model_data: Path | None = None
    source_data: Path | None = None
    model_place: dict[str, Any] | None = None
    source_place: dict[str, Any] | None = None
    free_floor_bytes: int = 0
    program: str | None = None
    workers: int = 1
    interpreter: str | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    timeout_s: float = TIMEOUT_S
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int | None = None
    compiles: bool = True
    log_format: str = TEXT
    tick: tuple[str, ...] = ()

    @classmethod
    def read(cls, attempt_dir: Path) -> ServeConfig:
        """Return the configuration in `attempt_dir`.

        Raises
        ------
        ValueError
            `serve.json` lacks the token: an endpoint without one would be open to other users.
        """
        values: dict[str, Any] = json.loads((attempt_dir / "serve.json").read_text())
        if not values.get("token"):
            msg = f"{attempt_dir / 'serve.json'} has no token; an endpoint is never served openly."
            raise ValueError(msg)
        work = _work(attempt_dir)
        return cls(
            attempt_dir=attempt_dir,
            endpoint=values["endpoint"],
            variant=values.get("variant", "AllTraffic"),
            model_dir=attempt_dir / values.get("model_dir", "model"),
            token=values["token"],
            model_data=_path(values.get("model_data")),
            source_data=_path(values.get("source_data")),
            model_place=values.get("model_place"),
            source_place=values.get("source_place"),
            free_floor_bytes=int(values.get("free_floor_bytes", 0)),
            program=values.get("program"),
            workers=int(values.get("workers", 1)),
            interpreter=values.get("interpreter"),
            max_body_bytes=int(values.get("max_body_bytes", MAX_BODY_BYTES)),
            timeout_s=float(values.get("timeout_s", TIMEOUT_S)),
            environment=values.get("environment", {}),
            compiles=bool(values.get("compiles", True)),
            log_format=values.get("log_format", TEXT),
            memory_mb=(work.get("work") or {}).get("memory_mb"),
            tick=tuple(values.get("tick") or _tick(work)),
        )

    @property
    def shares_process(self) -> bool:
        """Whether the front and the model live in this one process."""
        return self.workers == 1 and self.interpreter is None

    @property
    def compiled_dir(self) -> Path:
        """Folder of the compiled model, which outlives a restart of the process."""
        return self.attempt_dir / "compiled"

    def log(self) -> None:
        """Have this process write its own lines, and its server's, as the configuration says."""
        log_to_stdout(self.log_format, "jupyter_ml", "uvicorn", "asyncio")

    def brought(self) -> ServeConfig:
        """Return it with what is in external buckets brought here, once for each generation.

        Raises
        ------
        TransferFailed
            It could not be brought.
        """
        return replace(
            self,
            model_data=self.model_data or self._brought("model", self.model_place),
            source_data=self.source_data or self._brought("source", self.source_place),
        )

    def _brought(self, name: str, place: dict[str, Any] | None) -> Path | None:
        if place is None:
            return None
        from jupyter_ml.harness.external import bring  # noqa: PLC0415  (only for what is elsewhere)

        folder = self.attempt_dir / "brought" / name
        return bring(sys.executable, place, folder, self.free_floor_bytes)

    def unpack(self) -> None:
        """Put the model's files into `model_dir`, once, however often the process restarts."""
        if self.model_data is not None:
            _unpack(self.model_data, self.model_dir)
        if self.source_data is not None:
            _unpack(self.source_data, self.model_dir / "code")


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path`; see `write_text`."""
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Write a file for its owner alone, so that a reader sees all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _tick(work: dict[str, Any]) -> list[str]:
    """Return the command; none where what it starts would be cut off, too."""
    is_isolated = work.get("work", {}).get("isolated", False)
    return [] if is_isolated else list(work.get("tick") or ())


def _work(attempt_dir: Path) -> dict[str, Any]:
    """Return what the supervisor was told, {} where there is none."""
    try:
        work: dict[str, Any] = json.loads((attempt_dir / "work.json").read_text())
    except FileNotFoundError:
        return {}
    return work


def _unpack(source: Path, target: Path) -> None:
    if (target / ".unpacked").exists():
        return
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        unpack(source, target)
    (target / ".unpacked").touch()
