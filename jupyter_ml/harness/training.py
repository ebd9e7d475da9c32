"""The harness of a training job: what runs around the program of each member.

It lays out `/opt/ml` below the attempt's folder, copies the channels, runs the user's program
as a child, reads metrics and progress from what that prints, and packs model and output. The
standard library is all it needs, so that it runs in the interpreter that the job was given.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.metrics.metrics import Writer
from jupyter_ml.engine.environment import MARKER
from jupyter_ml.engine.view import handed_on
from jupyter_ml.harness import archive, channels, environment, external, records, requirements
from jupyter_ml.harness.bootstrap import FOLDER_VARIABLE
from jupyter_ml.harness.child import Child
from jupyter_ml.harness.layout import Layout, resource_config
from jupyter_ml.harness.model import trained_by
from jupyter_ml.harness.program import (
    CONTAINER,
    Refused,
    command_of,
    mounts_of,
    search_path,
)
from jupyter_ml.harness.pump import Progress, Pump

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = "training.json"
_DONE = "done.json"
_POLL_S = 0.05
_FAILURE_CHARACTERS = 1024
_NOT_STARTED = 127
# What the description of a job that an older program queued does not have.
_NEW = {"command": [], "isolated": False, "literal": False, "source_place": None}


class Stopping(BaseException):
    """The job was told to stop before its program was started."""


_REFUSALS = (
    *(Refused, channels.NoData, archive.BadArchive),
    *(external.TransferFailed, OSError),
)


class Harness:
    """One member of a training job.

    Parameters
    ----------
    attempt
        The attempt's folder; holds `training.json`.
    rank, members
        Which member this is, of how many.
    runners
        Folder of `script.py` and `cell.py`, which run what is written in Python.
    """

    def __init__(self, attempt: Path, rank: int, members: int, runners: Path) -> None:
        self.attempt, self.rank, self.members = attempt, rank, members
        self.runners = runners
        self.job: dict[str, Any] = {**_NEW, **records.read_json(attempt / JOB)}
        self.own = attempt / "members" / str(rank)
        self.own.mkdir(parents=True, exist_ok=True)
        first = attempt / "ml"
        self.layout = Layout(first) if rank == 0 else Layout(self.own / "ml", shared=first)
        self.seen = Layout(CONTAINER) if self.job["literal"] else self.layout
        self.view = handed_on(str(attempt))
        self.channels = [channels.Channel.from_json(value) for value in self.job["channels"]]
        self.child: Child | None = None
        self.stopped = self.uploading = False

    def run(self) -> int:
        """Do the member's work; return its exit code."""
        signal.signal(signal.SIGTERM, self._on_stop)
        try:
            self._prepare()
            self._download()
            code = self._train()
        except Stopping:
            code = 128 + signal.SIGTERM
        except _REFUSALS as error:
            self._refuse(str(error))
            code = 1
        self.uploading = True
        try:
            self._upload(code)
        except external.TransferFailed as error:
            self._refuse(str(error))
            code = code or 1
        except OSError as error:
            self._refuse(self._why_not_packed(error))
            code = code or 1
        return code

    def _on_stop(self, *_: object) -> None:
        if self.uploading or self.stopped:
            return
        self.stopped = True
        self._phase("Stopping", "Stopping the training job")
        if self.child is None:
            raise Stopping
        self.child.terminate(self.job["grace_s"])

    def _phase(self, status: str, message: str) -> None:
        if self.rank == 0:
            records.add_phase(self.attempt, status, message)

    def _prepare(self) -> None:
        self._phase("Starting", "Preparing the instances for training")
        self.layout.make()
        if self.job["source"]:
            archive.unpack(Path(self.job["source"]), self.layout.code)
        elif self.job["source_place"]:
            archive.unpack(self._brought_source(), self.layout.code)
        lacking = requirements.missing(self.layout.code / "requirements.txt")
        if lacking:
            msg = (
                f"requirements.txt is not fulfilled by {sys.executable}: {' '.join(lacking)} "
                "Install what is missing there, or choose another interpreter."
            )
            raise Refused(msg)

    def _brought_source(self) -> Path:
        place, floor_bytes = self.job["source_place"], self.job["free_floor_bytes"]
        folder = self.own / "source"
        source = external.bring(self.job["python"], place, folder, floor_bytes)
        if not source.is_file():
            msg = f"{self.job['source_uri']} is a folder; put a sourcedir.tar.gz there."
            raise Refused(msg)
        return source

    def _download(self) -> None:
        if self.channels:
            self._phase("Downloading", "Downloading input data")
        buckets = Path(self.job["buckets"])
        found = {
            channel.name: channels.items_of(channel, buckets, self.rank, self.members)
            for channel in self.channels
            if channel.external is None
        }
        channels.require_space(
            [item for items in found.values() for item in items],
            self.layout.data,
            self.job["free_floor_bytes"],
        )
        for name, items in found.items():
            channels.fetch(items, self.layout.data / name)
        for channel in self.channels:
            if channel.external is not None:
                self._fetch(channel)
        if self.rank == 0:
            self._note_inputs(buckets)

    def _fetch(self, channel: channels.Channel) -> None:
        order = {
            "do": "fetch",
            "place": channel.external,
            "folder": str(self.layout.data / channel.name),
            "share": [self.rank, self.members] if channel.sharded else [0, 1],
            "floor_bytes": self.job["free_floor_bytes"],
        }
        external.transfer(self.job["python"], order)

    def _note_inputs(self, buckets: Path) -> None:
        digests = {
            channel.name: channels.digest(channel, buckets)
            for channel in self.channels
            if channel.external is None
        }
        folder = Path(self.job["run_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        records.write_json(folder / records.INPUTS, digests)

    def _train(self) -> int:
        resources = resource_config(self.rank, self.members, self.job["instance_type"])
        inputs = {channel.name: channel.config() for channel in self.channels}
        self.layout.write_config("hyperparameters.json", self.job["hyperparameters"])
        self.layout.write_config("resourceconfig.json", resources)
        self.layout.write_config("inputdataconfig.json", inputs)
        path = search_path(self.job, self.seen, self.own / "bin")
        command = command_of(self.job, self.layout, self.seen, path, self.runners)
        variables = environment.variables(self.seen, self._facts(resources, inputs))
        variables.update(PATH=path, PYTHONUNBUFFERED="1", **{FOLDER_VARIABLE: str(self.own)})
        self._phase("Training", "Training in progress")
        metrics = Writer(self.job["run_dir"]) if self.rank == 0 else None
        pump = self._pump(metrics)
        given = {**os.environ, **variables}
        fork = not _hides_modules(self.layout.code)
        self.child = Child(command, given, self.layout.code, pump, fork=fork, enter=self._entry())
        code = self.child.wait()
        if self.job["isolated"]:
            self._remove_links()
        if metrics:
            metrics.close()
        if code:
            self._record_failure(code)
        records.write_at_end(self.own / _DONE, {"code": code})
        if code == 0 and self.rank == 0:
            self._await_members()
        return code if code >= 0 else 128 - code

    def _facts(self, resources: dict[str, Any], inputs: dict[str, Any]) -> environment.Facts:
        return environment.Facts(
            job_name=self.job["name"],
            arn=self.job["arn"],
            region=self.job["region"],
            hyperparameters=self.job["hyperparameters"],
            resource_config=resources,
            input_data_config=inputs,
            cpus=self.job["cpus"],
            gpus=self.job["gpus"],
            main_port=environment.main_port(os.environ.get(MARKER, "")),
            program=self.job["program"],
            source_uri=self.job["source_uri"],
            extra=self.job["environment"],
        )

    def _entry(self) -> Callable[[], None] | None:
        """Return what the program's process does to see what it is to see of the machine."""
        view = self.view
        if view is None:
            if self.job["isolated"] or self.job["literal"]:
                raise Refused("The supervisor left no view of the machine; start the job again.")
            return None
        mounts = mounts_of(self.layout) if self.job["literal"] else ()

        def enter() -> None:
            try:
                view.enter(str(self.seen.code), mounts)
            except OSError as error:
                failure = {"Reason": "ClientError", "Message": f"Could not be started: {error}."}
                records.write_at_end(self.own / records.FAILURE, failure)
                os._exit(_NOT_STARTED)

        return enter

    def _pump(self, metrics: Writer | None) -> Pump:
        definitions = [(item["Name"], item["Regex"]) for item in self.job["metric_definitions"]]
        return Pump(
            _write_out,
            definitions if metrics else (),
            metrics.log if metrics else _ignore,
            self._progress,
        )

    def _progress(self, progress: Progress) -> None:
        if self.rank == 0:
            records.write_progress(self.attempt, *progress)

    def _record_failure(self, code: int) -> None:
        """Complete what the program's bootstrap wrote with the exit code or the signal."""
        failure = records.read_json(self.own / records.FAILURE)
        if failure is None:
            failure = {"Reason": "AlgorithmError", "Frames": [], "Source": []}
            failure["Message"] = f"The program ended with exit code {code}."
        if code < 0:
            name = signal.Signals(-code).name
            failure.update(Signal=name, Message=f"The program was ended by {name}.")
            failure["Reason"] = "Killed" if name == "SIGKILL" else "AlgorithmError"
        else:
            failure["ExitCode"] = code
        told = self.layout.output / "failure"
        if told.is_file():
            text = told.read_text(encoding="utf-8", errors="replace")[:_FAILURE_CHARACTERS]
            if text.strip():
                failure.update(Message=text.strip(), Place=None)
        self._publish_failure(failure)

    def _remove_links(self) -> None:
        """Undo links where outputs are looked for: what is published is not what they lead to."""
        output, out = self.layout.output, self.attempt / "out"
        places = [self.attempt / "members", self.own, self.attempt / "ml", self.layout.base]
        places += [self.layout.model, output, output / "data", output / "failure"]
        places += [out, *(out / name for name in ("model.tar.gz", "output.tar.gz"))]
        for path in places:
            if path.is_symlink():
                path.unlink()
                _write_out(f"{path} was a link and was removed: it could lead anywhere.\n".encode())

    def _refuse(self, message: str) -> None:
        _write_out(f"{message}\n".encode())
        failure = {"Reason": "ClientError", "Message": message, "Frames": [], "Source": []}
        self._publish_failure(failure)

    def _why_not_packed(self, error: OSError) -> str:
        made = [self.layout.model, self.layout.output / "data"]
        size = sum(path.lstat().st_size for root in made for path in root.rglob("*"))
        free = shutil.disk_usage(self.attempt).free
        return (
            f"What the program made could not be packed: {error.strerror or error}. It has "
            f"{size:,} bytes, and {free:,} are free at {self.attempt}. Free space with "
            "`jupyter ml gc`."
        )

    def _publish_failure(self, failure: dict[str, Any]) -> None:
        if self.stopped:
            return  # how a program ends that was told to end is no failure
        failure = {**failure, "Member": self.rank, "Time": time.time()}
        records.write_at_end(self.own / records.FAILURE, failure)
        if not (self.attempt / records.FAILURE).exists():
            records.write_at_end(self.attempt / records.FAILURE, failure)

    def _await_members(self) -> None:
        """Wait for the others: the archives hold what all of them wrote."""
        others = [self.attempt / "members" / str(rank) / _DONE for rank in range(1, self.members)]
        while not self.stopped and not all(path.exists() for path in others):
            time.sleep(_POLL_S)

    def _upload(self, code: int) -> None:
        if self.rank:
            return
        model, data = self.layout.model, self.layout.output / "data"
        done = code == 0 or self.stopped
        if not done and not _has_files(model) and not _has_files(data):
            return
        self._phase("Uploading", "Uploading generated training model")
        if done or _has_files(model):
            archive.pack(model, self.attempt / "out" / "model.tar.gz", trained_by())
        if _has_files(data):
            archive.pack(data, self.attempt / "out" / "output.tar.gz")
        self._send()

    def _send(self) -> None:
        """Bring what belongs into an external bucket there, and note what has arrived."""
        sent = {}
        for upload in self.job.get("uploads", ()):  # queued by an older program, it has none
            path = self.attempt / upload["path"]
            if not path.is_file():
                continue
            order = {"do": "send", "place": upload["place"], "path": str(path)}
            try:
                sent[upload["uri"]] = external.transfer(self.job["python"], order)["bytes"]
            except external.TransferFailed as error:
                msg = f"{error} It is kept as {path}."
                raise external.TransferFailed(msg) from error
            path.unlink()
            records.write_json(self.attempt / records.UPLOADED, sent)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _hides_modules(folder: Path) -> bool:
    """Return whether a module of the program has the name of one that is imported already."""
    return any(path.stem in sys.modules for path in folder.iterdir())


def _ignore(*_: object) -> None:
    """Members other than the first print the same metrics again."""


def _write_out(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main(runners: Path) -> int:
    """Run the member that the environment names; see `Harness`."""
    attempt = Path(os.environ["JUPYTER_ML_ATTEMPT_DIR"])
    rank = int(os.environ.get("JUPYTER_ML_MEMBER", "0"))
    members = int(os.environ.get("JUPYTER_ML_MEMBERS", "1"))
    try:
        return Harness(attempt, rank, members, runners).run()
    except Exception:  # noqa: BLE001  (the last line of defence: the job must say what happened)
        trace = traceback.format_exc()
        _write_out(trace.encode())
        failure = {"Reason": "InternalServerError", "Message": trace.splitlines()[-1]}
        records.write_json(attempt / records.FAILURE, {**failure, "Frames": [], "Source": []})
        return 1
