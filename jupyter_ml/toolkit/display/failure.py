"""The failure card: what went wrong, where in the cell, and what the job wrote last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_ml.contract.errors import JobFailed
from jupyter_ml.toolkit.display import words

_AROUND = 3
_LOG_LINES = 30
_TEXT_LOG_LINES = 8


@dataclass(frozen=True)
class Failure:
    """Why a job failed.

    Attributes
    ----------
    job
        Name of the job.
    facts
        `Failure` of a `WatchTrainingJob` answer: Reason, Message, Frames, Source, LogTail ...
    """

    job: str
    facts: dict[str, Any]

    @property
    def reason(self) -> str:
        """What kind of failure it is: `AlgorithmError`, `OutOfMemory`, `Killed` ..."""
        return str(self.facts.get("Reason", "AlgorithmError"))

    @property
    def message(self) -> str:
        """What happened, in a sentence."""
        return str(self.facts.get("Message", ""))

    @property
    def line(self) -> int | None:
        """Line of the cell or script that failed, counted from 1."""
        frames = [frame for frame in self.facts.get("Frames", ()) if frame.get("InCell")]
        return int(frames[-1]["Line"]) if frames else None

    @property
    def log_tail(self) -> list[str]:
        """The last lines that the job wrote."""
        return list(self.facts.get("LogTail", ()))

    def __repr__(self) -> str:
        parts = [self.headline, self._memory(), self._listing(), self._path()]
        tail = self.log_tail[-_TEXT_LOG_LINES:]
        if tail:
            parts.append("Last lines of the log:\n" + "\n".join(f"  {line}" for line in tail))
        parts.append(self._advice())
        return "\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return words.card(
            '<div role="alert">' + words.heading("✗ " + self.headline, "") + "</div>",
            words.quiet(self._memory()),
            words.preformatted(self._listing()) if self._listing() else "",
            words.quiet(self._path()),
            words.folded(
                "Last lines of the log",
                words.preformatted("\n".join(self.log_tail[-_LOG_LINES:])) if self.log_tail else "",
            ),
            words.quiet(self._advice()),
        )

    @property
    def headline(self) -> str:
        """The job, the line and the message in one sentence."""
        where = f" in line {self.line}" if self.line else ""
        return f"{self.job} failed{where}: {self.message}"

    def _memory(self) -> str:
        peak, limit = self.facts.get("PeakMemoryMb"), self.facts.get("MemoryLimitMb")
        ended = self.facts.get("Signal") or ""
        code = self.facts.get("ExitCode")
        if not ended and code is not None:
            ended = f"exit code {code}"
        memory = f"peak memory {words.megabytes(peak)}" if peak is not None else ""
        if memory and limit is not None:
            memory += f" of {words.megabytes(limit)}"
        return words.joined([self.reason, ended, memory])

    def _listing(self) -> str:
        """Return the lines around the one that failed, with an arrow."""
        source = self.facts.get("Source") or []
        failed = self.line
        near = [
            line for line in source if failed is None or abs(line["Number"] - failed) <= _AROUND
        ]
        return "\n".join(
            f"{'→' if line['Number'] == failed else ' '} {line['Number']:>3}  {line['Text']}"
            for line in near
        )

    def _path(self) -> str:
        """Return where the error came from when that is below the cell."""
        frames = self.facts.get("Frames") or []
        if not frames or frames[-1].get("InCell"):
            return ""
        last = frames[-1]
        return f"raised in {last.get('Function')}() at {last.get('File')}:{last.get('Line')}"

    def _advice(self) -> str:
        own = self.facts.get("Advice") or ""
        debug = (
            f"job = ml.job({self.job!r}): job.logs() shows all of the log, job.inputs() what it "
            "got, job.rerun(here=True) runs it here for %debug."
        )
        return f"{own}\n{debug}" if own else debug


class TrainingFailed(JobFailed):
    """A job that was waited for did not complete; shown as its failure card."""

    def __init__(self, failure: Failure, status: str, *, shown: bool = False) -> None:
        super().__init__(failure.headline, name=failure.job, status=status)
        self.failure = failure
        self._shown = shown

    def _render_traceback_(self) -> list[str]:
        """Show the card instead of the frames of `wait`, or its first line where it is shown."""
        return [self.failure.headline] if self._shown else repr(self.failure).splitlines()


class Detached(KeyboardInterrupt):
    """A wait was interrupted; what was waited for goes on."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Detached: {name} goes on in the background. "
            f"ml.job({name!r}).wait() waits again, .stop() ends it."
        )

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
