"""Training jobs as objects: wait, read metrics and results, run again, deploy."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import MLError, WaitTimeout
from jupyter_ml.core.values import values as carried
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.arguments import require_number, require_text, require_whole
from jupyter_ml.toolkit.display.bundle import Displayed, Shown, Slot
from jupyter_ml.toolkit.display.failure import Detached, Failure, TrainingFailed
from jupyter_ml.toolkit.display.job import shown_job, shown_jobs, status_line
from jupyter_ml.toolkit.exports import Exportable
from jupyter_ml.toolkit.logs import Log
from jupyter_ml.toolkit.notebook import in_kernel
from jupyter_ml.toolkit.submission import CHANNEL, unpacked
from jupyter_ml.toolkit.verbs.names import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from jupyter_ml.client import Client
    from jupyter_ml.toolkit.endpoints import Endpoint

_POLL_S = 0.1


class TrainingJob(Displayed, Exportable):
    """A training job, by name; everything else is asked when it is needed.

    Parameters
    ----------
    name
        Full name of the job, such as `cancer-1`.
    client
        Of the workspace that it belongs to; that of the environment by default.
    """

    def __init__(self, name: str, client: Client | None = None) -> None:
        super().__init__(client or session.client())
        self.name: str = name

    def __reduce__(self) -> tuple[type[TrainingJob], tuple[str]]:
        return type(self), (self.name,)

    def shown(self) -> Shown:
        """Return how the job looks now."""
        return shown_job(self._watch())

    def describe(self) -> dict[str, Any]:
        """Return the answer of `DescribeTrainingJob`."""
        return self._client.call("DescribeTrainingJob", {"TrainingJobName": self.name})

    @property
    def status(self) -> str:
        """`InProgress`, `Completed`, `Failed`, `Stopping` or `Stopped`."""
        return str(self.describe()["TrainingJobStatus"])

    def wait(self, timeout_s: float | None = None) -> TrainingJob:
        """Wait until the job has completed, with a line that says how far it is.

        Interrupting detaches: the job goes on.

        Parameters
        ----------
        timeout_s
            Give up waiting after so many seconds; by default never.

        Returns
        -------
        TrainingJob
            This one.

        Raises
        ------
        JobFailed
            The job failed or was stopped; the failure card is shown.
        WaitTimeout
            The time is over; the job goes on.
        """
        if timeout_s is not None:
            require_number(timeout_s, "A time limit", "job.wait(60)")
        self._completed(timeout_s, quiet=False)
        return self

    def metrics(self) -> pd.DataFrame:
        """Return what the job logged.

        Returns
        -------
        DataFrame
            One row per step, one column per metric; the last value where a step was logged twice.
        """
        from jupyter_ml.toolkit.tables import metric_frame  # noqa: PLC0415  (loads pandas)

        frame: pd.DataFrame = metric_frame(self._watch().get("Series") or [])
        return frame

    def result(self, name: str | None = None) -> Any:
        """Return a value that the cell brought back (`-o model`); waits for the job if it must.

        Parameters
        ----------
        name
            Which one; may be left out when there is only one.

        Raises
        ------
        JobFailed
            The job did not complete.
        MLError
            The job brought nothing back by that name; names what it did.
        """
        if name is not None:
            require_text(name, "The name of a value", "job.result('model')")
        self._completed()
        model = self.describe().get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
        archive = self._path(model.removesuffix("model.tar.gz") + "output.tar.gz")
        if not archive.exists():
            msg = f"{self.name} brought nothing back; name values with -o in the %%ml train line."
            raise MLError(msg)
        with unpacked(archive) as folder:
            results = folder / "results"
            known = [entry.name for entry in carried.entries(results) if not entry.implicit]
            if name is None and len(known) != 1:
                msg = f"{self.name} brought back {', '.join(known)}; say which: job.result(name)."
                raise MLError(msg)
            namespace: dict[str, Any] = {"__name__": "__main__"}
            wanted = name or known[0]
            carried.load(results, namespace, [wanted])
        return namespace[wanted]

    def inputs(self) -> dict[str, Any]:
        """Return the variables that the job got, loaded anew; `{}` for a script."""
        folder = self._sent()
        if folder is None:
            return {}
        namespace: dict[str, Any] = {"__name__": "__main__"}
        carried.load(folder, namespace)
        names = [entry.name for entry in carried.entries(folder) if not entry.implicit]
        return {name: namespace[name] for name in names}

    @property
    def source(self) -> str:
        """The text that the job runs: the cell or the script."""
        folder: Path
        with self.source_folder() as folder:
            program = self.describe()["HyperParameters"]["sagemaker_program"].strip('"')
            text: str = (folder / program).read_text(encoding="utf-8")
        return text

    def source_folder(self) -> Any:
        """Return a context manager that unpacks the job's source folder.

        Raises
        ------
        MLError
            The job runs a built-in algorithm and has no source.
        """
        location = self.describe().get("HyperParameters", {}).get("sagemaker_submit_directory")
        if not location:
            msg = f"{self.name} runs a built-in algorithm; there is no source of its own."
            raise MLError(msg)
        return unpacked(self._path(location.strip('"')))

    def rerun(self, *, here: bool = False, **changes: Any) -> Any:
        """Run the same cell or script again with changed variables: `job.rerun(depth=5)`.

        Parameters
        ----------
        here
            Run it in this kernel instead of a job, so that `%debug` can look into it.
        **changes
            New values of variables that were sent, or of hyperparameters of a script.

        Returns
        -------
        TrainingJob or dict
            The new job, or with `here` the variables after the run.

        Raises
        ------
        UsageError
            The job did not get a variable of that name.
        """
        from jupyter_ml.toolkit.reruns import run_again, run_here  # noqa: PLC0415  (rarely used)

        if here:
            return run_here(self, changes)
        return run_again(self, changes)

    def deploy(self, name: str | None = None, **options: Any) -> Endpoint:
        """Serve the job's model at an endpoint; waits for job and endpoint.

        Parameters
        ----------
        name
            Of the endpoint; by default the job's without its number.
        **options
            As for `jupyter_ml.toolkit.endpoints.deploy`: `instance_type`, `instance_count`,
            `compile`.

        Returns
        -------
        Endpoint
            In service.
        """
        from jupyter_ml.toolkit.endpoints import deploy  # noqa: PLC0415  (imports this module)

        if name is not None:
            require_text(name, "An endpoint's name", "job.deploy('cancer')")
        self._completed()
        return deploy(self, name, **options)

    def logs(self, lines: int | None = None) -> Log:
        """Return what the job wrote so far, or the last lines of it."""
        if lines is not None:
            require_whole(lines, "The number of lines", "job.logs(20)")
        return Log(self._client, self.name, lines)

    @property
    def failure(self) -> Failure | None:
        """Why the job failed: message, line of the cell, last log lines; None when it did not."""
        update = self._watch()
        return _failure(update) if update["Card"]["TrainingJobStatus"] == "Failed" else None

    def stop(self) -> None:
        """Ask the job to stop; what it saved so far stays."""
        self._client.call("StopTrainingJob", {"TrainingJobName": self.name})

    def announce(self, headline: str) -> None:
        """Say in a line what was sent, and show the job in this cell until it has ended."""
        print(headline)  # noqa: T201  (the line that says where the cell runs)
        if not in_kernel():
            return
        slot = Slot()
        slot.show(self.bundle(self.shown()))
        with _announcing:
            _announced[self.name] = (self, slot)
        threading.Thread(target=self._settle_when_ended, daemon=True).start()

    def _settle_when_ended(self) -> None:
        ended = threading.Event()

        def on_update(update: dict[str, Any]) -> None:
            if update["Ended"]:
                ended.set()

        following = self._client.subscribe(
            "WatchTrainingJob", {"TrainingJobName": self.name}, on_update, lambda _: ended.set()
        )
        ended.wait()
        following.close()
        _settle(self.name)

    def _watch(self) -> dict[str, Any]:
        return self._client.call("WatchTrainingJob", {"TrainingJobName": self.name})

    def _completed(self, timeout_s: float | None = None, *, quiet: bool = True) -> None:
        """Wait until the job has completed; say nothing where it had already, if `quiet`."""
        slot = Slot()
        card: dict[str, Any] = {}
        try:
            for card, ended in self._cards(timeout_s):
                if not (quiet and ended):
                    slot.progress(status_line(card), last=ended)
                    quiet = False
        except KeyboardInterrupt:
            raise Detached(self.name) from None
        _settle(self.name)
        status = card["TrainingJobStatus"]
        if status != "Completed":
            failure = _failure(self._watch())
            if in_kernel():
                html = failure._repr_html_()
                Slot().show({"text/plain": repr(failure), "text/html": html})
            raise TrainingFailed(failure, status, shown=in_kernel())

    def _cards(self, timeout_s: float | None) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the job's card, and whether the job has ended, until it has."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        request = {"TrainingJobName": self.name}
        card: dict[str, Any] = {}
        with self._client.waiting("TrainingJob", self.name) as pause:
            while True:
                update = self._client.call("WatchTrainingJob", request)
                request["Cursor"] = update["Cursor"]
                card = update.get("Card") or card
                yield card, update["Ended"]
                if update["Ended"]:
                    return
                if deadline is not None and time.monotonic() > deadline:
                    msg = f"{self.name} has not ended after {timeout_s:g} s; it goes on."
                    raise WaitTimeout(msg)
                pause(_POLL_S)

    def _path(self, location: str) -> Path:
        return session.workspace_of(self._client).artifacts.resolve(location)

    def _sent(self) -> Path | None:
        for channel in self.describe().get("InputDataConfig", ()):
            if channel["ChannelName"] == CHANNEL:
                return self._path(channel["DataSource"]["S3DataSource"]["S3Uri"])
        return None


_announced: dict[str, tuple[TrainingJob, Slot]] = {}
_announcing = threading.Lock()


def _settle(name: str) -> None:
    """Show an announced job for the last time, so that the saved output is final."""
    with _announcing:
        announced = _announced.pop(name, None)
    if announced is None:
        return
    one, slot = announced
    with contextlib.suppress(MLError):  # the workspace is gone, and with it what could be shown
        slot.show(one.bundle(one.shown()))


class TrainingJobs(Displayed):
    """The training jobs of the workspace, newest first; a sequence of `TrainingJob`."""

    def __init__(self, client: Client, contains: str | None = None) -> None:
        super().__init__(client)
        self._request = {"NameContains": contains} if contains else {}

    def shown(self) -> Shown:
        """Return how the list looks now."""
        return shown_jobs(self._client.call("WatchTrainingJobs", self._request))

    def _all(self) -> list[TrainingJob]:
        request = {**self._request, "MaxResults": 100}
        found = paginate(self._client, "ListTrainingJobs", request, "TrainingJobSummaries")
        return [TrainingJob(one["TrainingJobName"], self._client) for one in found]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[TrainingJob]:
        return iter(self._all())

    def __getitem__(self, index: int) -> TrainingJob:
        return self._all()[index]


def job(name: str) -> TrainingJob:
    """Return a training job: `ml.job("cancer-2")`, or the newest of a name: `ml.job("cancer")`.

    Raises
    ------
    UsageError
        There is none; names the one that it resembles.
    """
    client = session.client()
    return TrainingJob(find(client, name, ("TrainingJob",))[1], client)


def jobs(contains: str | None = None) -> TrainingJobs:
    """Return the training jobs whose name contains a text, or all of them; newest first."""
    if contains is not None:
        require_text(contains, "A part of the name", "ml.jobs('cancer')")
    return TrainingJobs(session.client(), contains)


def _failure(update: dict[str, Any]) -> Failure:
    card = update["Card"]
    facts = update.get("Failure") or {
        "Reason": card["TrainingJobStatus"],
        "Message": card.get("FailureReason") or f"it ended as {card['TrainingJobStatus']}",
    }
    return Failure(card["TrainingJobName"], facts)
