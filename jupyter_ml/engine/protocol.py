"""What an engine can be asked, and what it answers.

Every call may be repeated: asking twice does nothing twice. Work is named by an `AttemptRef`;
its directory is the only thing that the caller and the engine share.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_ml.core.attempts import AttemptRef
    from jupyter_ml.engine.marks import Mark
    from jupyter_ml.engine.work import Work

State = Literal["absent", "starting", "running", "stalled", "ended", "lost"]
LostReason = Literal["SupervisorLost", "HostRestarted", "FolderUnreadable", "FolderDeleted"]
Outcome = Literal["Completed", "Failed", "Stopped", "Interrupted"]


@dataclass(frozen=True)
class MemberResult:
    """How one member ended; `None` stands for what could not be read."""

    exit_code: int | None = None
    signal: str | None = None
    peak_memory_mb: float | None = None
    cpu_s: float | None = None


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended, in the words of the process that saw it.

    Attributes
    ----------
    token
        Token of the attempt.
    state
        "Interrupted" when the supervisor itself was told to end, such as by a shutdown.
    reason
        `None` for completed work, else one of AlgorithmError, OutOfMemory, Killed,
        MaxRuntimeExceeded, Stopped, Interrupted, ClientError, or what the work wrote into
        `failure.json`.
    message
        What happened: exit code, name of the signal, peak and limit. Never a guess.
    members
        One result per member, by rank.
    started_at, ended_at
        Epoch seconds; `started_at` is `None` when nothing was started.
    enforced
        How each limit was held: `{"memory": "cgroup" | "rlimit" | "watchdog" | "advisory" |
        "none", "cpu": "affinity" | "advisory" | "none"}`; "none" where no limit was asked for. And
        `"network": "network namespace"` where the work was cut off.
    dropped_log_bytes
        Bytes of output that are not in the log: rotated away, or the disk was full.
    restarts
        How often a member of a service was started again.
    ran_s
        Seconds from the start of the members to the end, by a clock that is never set; `None` when
        nothing was started.
    """

    token: str
    state: Outcome
    reason: str | None
    message: str
    members: tuple[MemberResult, ...]
    started_at: float | None
    ended_at: float
    enforced: Mapping[str, str] = field(default_factory=dict)
    dropped_log_bytes: int = 0
    restarts: int = 0
    ran_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a dictionary that `json` can write."""
        return {**asdict(self), "members": [asdict(member) for member in self.members]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Verdict:
        """Return the verdict that `to_json` wrote, as far as it is known here.

        Its supervisor may have been started by another version of this program.
        """
        members = tuple(MemberResult(**_known(MemberResult, one)) for one in values["members"])
        return cls(**{**_known(cls, values), "members": members})


def _known(kind: type[Verdict | MemberResult], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


@dataclass(frozen=True)
class Sample:
    """What all members together used at one moment; 100 % is one whole CPU."""

    time: float
    cpu_percent: float
    memory_mb: float


@dataclass(frozen=True)
class Observation:
    """What can be seen of an attempt from outside.

    Attributes
    ----------
    state
        "absent": nothing runs and nothing did, submit (again). "stalled": the supervisor
        lives but its heartbeat is old (it was suspended); leave it alone. "lost": it is gone
        without a verdict; `sweep` before trying again.
    verdict
        Present when `state` is "ended".
    started_at, heartbeat_at
        Epoch seconds of the start of the work and of the last sign of life.
    lost_reason
        Why, when `state` is "lost"; an engine says the first three, `tick` the last, when what
        ran is "absent" all at once.
    resources
        The newest sample.
    peak_memory_mb
        Highest memory seen so far, in MiB.
    enforced
        As in `Verdict`.
    restarts
        How often a member of a service was started again.
    address
        Host and port of the socket that a listening service answers on.
    ran_s
        Seconds that the work runs, by a clock that is never set; `None` where that is not known.
    trouble
        Why its folder cannot be read, when it cannot: then "stalled" says that something of it
        runs, and "lost" that nothing does.
    """

    state: State
    verdict: Verdict | None = None
    started_at: float | None = None
    heartbeat_at: float | None = None
    lost_reason: LostReason | None = None
    resources: Sample | None = None
    peak_memory_mb: float | None = None
    enforced: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0
    address: tuple[str, int] | None = None
    ran_s: float | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class LogChunk:
    """A piece of one member's log.

    Attributes
    ----------
    data
        The bytes; output that is not text is kept as it is.
    offset
        Position of the first byte. Larger than what was asked for where the log before it was
        rotated away, smaller where the log has become shorter than the caller believed.
    next_offset
        Where to read on.
    first_line
        Number of the line that `offset` is in, counted from 1.
    end
        Position after the newest byte that is there.
    dropped_bytes
        Bytes of the whole log that are not there any more, or never were.
    """

    data: bytes
    offset: int
    next_offset: int
    first_line: int
    end: int
    dropped_bytes: int


@dataclass(frozen=True)
class Capabilities:
    """What an engine offers.

    Attributes
    ----------
    memory, cpu
        The strongest way in which limits are held here; words as in `Verdict.enforced`.
    survives_server_stop
        Whether work goes on when the Jupyter server that submitted it ends.
    survival
        Why, in a sentence.
    """

    memory: str
    cpu: str
    survives_server_stop: bool
    survival: str


@dataclass(frozen=True)
class ZygoteState:
    """A process that keeps what jobs imported, to start the next ones warm.

    Attributes
    ----------
    folder
        Where it has its socket and its log.
    interpreter
        Path of the Python that it is.
    state
        "importing" or "ready".
    packages
        What it has imported, or will.
    memory_mb
        What it holds; `None` before it is ready.
    served
        How many jobs it has started.
    until
        When it leaves if no other job comes, in epoch seconds.
    """

    folder: str
    interpreter: str
    state: str
    packages: tuple[str, ...]
    memory_mb: int | None
    served: int
    until: float


class Engine(Protocol):
    """Runs work; small, synchronous, and every call may be repeated."""

    def capabilities(self) -> Capabilities:
        """Return what this engine offers."""
        ...

    def validate(self, work: Work) -> list[str]:
        """Return why the work can never run here, as sentences; empty when it can."""
        ...

    def describe(self, work: Work) -> dict[str, Any]:
        """Return the work as JSON, with what it inherits from this process, the submitter's.

        Another process may start it, now or after a restart of the machine.
        """
        ...

    def submit(
        self, ref: AttemptRef, work: Work, gpu_ids: Sequence[int] = (), tick: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Start the work; return a handle that `json` can write.

        `gpu_ids` are the GPUs leased to it; `tick` is a command that is run when it has ended.
        Work that already runs or has ended is left as it is.
        """
        ...

    def observe(self, ref: AttemptRef) -> Observation:
        """Return what can be seen of the attempt; changes nothing."""
        ...

    def stop(self, ref: AttemptRef, reason: str = "Stopped", grace_s: float | None = None) -> None:
        """Ask the attempt to end; also one that was not submitted yet.

        `reason` becomes the verdict's reason; `grace_s` overrides the grace of the work.
        """
        ...

    def logs(
        self, ref: AttemptRef, member: int = 0, offset: int = 0, limit: int = 262_144
    ) -> LogChunk:
        """Return at most `limit` bytes of a member's log from `offset` on.

        A negative `offset` counts from the end and begins at the start of a line.
        """
        ...

    def marks(self, ref: AttemptRef, member: int = 0) -> list[Mark]:
        """Return when the pieces of a member's log were written, in order."""
        ...

    def usage(self, ref: AttemptRef, since: float = 0) -> list[Sample]:
        """Return the samples newer than `since` (epoch seconds), oldest first."""
        ...

    def sweep(self, ref: AttemptRef) -> int:
        """End every process that a lost attempt left behind; return how many there were."""
        ...

    def zygotes(self) -> list[ZygoteState]:
        """Return what is kept in memory for the next jobs."""

    def reconcile(self, known: Iterable[AttemptRef]) -> list[AttemptRef]:
        """Return attempts that run here though their owner does not know them."""
        ...
