"""The local engine: every attempt in processes of this machine, owned by a shim of its own.

The engine itself keeps nothing: all it knows it reads from the attempt's directory and from the
kernel. Any process may hold one, many at once.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml import __version__
from jupyter_ml.contract.errors import ServiceUnavailable
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.core.detach import detach
from jupyter_ml.engine import identity, isolation, limits, machine, tree
from jupyter_ml.engine.admission import obstacles
from jupyter_ml.engine.durable import read_json, release, remove_drafts, write_json
from jupyter_ml.engine.environment import MARKER, inheritable
from jupyter_ml.engine.logs import SEGMENT_BYTES, SEGMENTS, read_log
from jupyter_ml.engine.marks import Mark, read_marks
from jupyter_ml.engine.protocol import (
    Capabilities,
    LogChunk,
    Observation,
    Sample,
    Verdict,
)
from jupyter_ml.engine.usage import newest_usage, read_usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_ml.engine.protocol import ZygoteState
    from jupyter_ml.engine.warm.zygotes import Zygotes
    from jupyter_ml.engine.work import Work

STALE_AFTER_S = 10.0
# What isolated work must not see of the workspace: keys, and whom it could ask to run a program.
_HIDDEN = ("keys", "warm")
_SHIM = Path(__file__).with_name("shim.py")


class LocalEngine:
    """Runs work on this machine.

    Parameters
    ----------
    root
        The workspace; attempt directories lie in `work/<kind>/<key>/<number>` below it.
    oversize
        Whether work larger than the machine is run on what is there.
    host
        What this machine is called in the attempts that it runs, where several share a workspace.
    locks
        Folder of the locks between the processes of this machine.
    log_segment_bytes, log_segments
        Size and number of the pieces that are kept of each member's log.
    control_groups
        Whether memory limits may be held by control groups where they can be had.
    zygotes
        What may start work warm; `None` to start everything from nothing.
    """

    def __init__(
        self,
        root: Path,
        *,
        oversize: bool = False,
        host: str = "",
        locks: Path | None = None,
        log_segment_bytes: int = SEGMENT_BYTES,
        log_segments: int = SEGMENTS,
        control_groups: bool = True,
        zygotes: Zygotes | None = None,
    ) -> None:
        self._root = Path(root)
        self._oversize = oversize
        self._host = host
        self._locks = self._root / "locks" if locks is None else locks
        self._log = {"segment_bytes": log_segment_bytes, "segments": log_segments}
        self._control_groups = control_groups
        self._zygotes = zygotes

    @property
    def machine(self) -> machine.Machine:
        """What there is to share."""
        return machine.here()

    def capabilities(self) -> Capabilities:
        """Return how limits are held here, and whether work outlives the server."""
        survives, why = machine.survival()
        return Capabilities(
            memory=_memory_means(self._control_groups),
            cpu="affinity" if hasattr(os, "sched_setaffinity") else "advisory",
            survives_server_stop=survives,
            survival=why,
        )

    def validate(self, work: Work) -> list[str]:
        """Return why the work can never run here; see `Engine.validate`."""
        found = obstacles(work, self.machine, oversize=self._oversize)
        program = work.argv[0] if work.argv else ""
        if not os.path.isabs(program) or not os.access(program, os.X_OK):
            found.append(f"{program!r} is not the absolute path of a program that can be run.")
        return found + isolation.obstacles(work)

    def describe(self, work: Work) -> dict[str, Any]:
        """Return the work as JSON, with what it inherits from here; see `Engine.describe`."""
        inherited = {
            name: value for name, value in inheritable(os.environ).items() if _is_text(name + value)
        }
        return replace(work, inherited=inherited).to_json()

    def submit(
        self, ref: AttemptRef, work: Work, gpu_ids: Sequence[int] = (), tick: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Start the work, unless it runs or has ended already; see `Engine.submit`."""
        ref.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(ref.directory / "submit.lock"):
            if self.observe(ref).state == "absent":
                warm = self._warm_spec(work, gpu_ids)
                self._prepare(ref, work, gpu_ids, tick, warm)
                self._spawn(ref, work, warm)
        return {
            "directory": str(ref.directory),
            **(read_json(ref.directory / "spawned.json") or {}),
        }

    def observe(self, ref: AttemptRef) -> Observation:
        """Return what can be seen of the attempt; see `Engine.observe`."""
        try:
            return self._observe(ref)
        except OSError as error:
            # Its processes carry its token, wherever what they write down is; where that cannot be
            # seen, nothing says that they are gone.
            can_see = tree.IS_LINUX and ref.host == self._host
            runs = not can_see or bool(tree.marked(ref.token))
            trouble = f"its folder {ref.directory} cannot be read ({error})"
            if runs:
                return Observation("stalled", trouble=trouble)
            return Observation("lost", lost_reason="FolderUnreadable", trouble=trouble)

    def _observe(self, ref: AttemptRef) -> Observation:
        if (verdict := _verdict(ref)) is not None:
            return verdict
        shim = read_json(ref.directory / "shim.json")
        who = (shim or read_json(ref.directory / "spawned.json") or {}).get("identity")
        if who is None:
            return Observation("absent")
        if ref.host != self._host:
            # Its processes cannot be seen from here, so their absence says nothing.
            return Observation("starting") if shim is None else _living(ref, shim, is_here=False)
        if identity.is_alive(who):
            return Observation("starting") if shim is None else _living(ref, shim, is_here=True)
        # It may have come further, up to its verdict, between the two looks.
        return _verdict(ref) or _gone(ref, who)

    def stop(self, ref: AttemptRef, reason: str = "Stopped", grace_s: float | None = None) -> None:
        """Ask the attempt to end, now or as soon as it is submitted; see `Engine.stop`."""
        ref.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (ref.directory / "verdict.json").exists():
            return
        wish = {"reason": reason, "grace_s": grace_s, "requested_at": time.time()}
        write_json(ref.directory / "stop.json", wish, sync=False)
        shim = read_json(ref.directory / "shim.json")
        if shim is not None:
            # Only a nudge, it looks every quarter of a second; SIGCONT in case it is suspended.
            identity.send(shim["identity"], (signal.SIGUSR1, signal.SIGCONT))

    def logs(
        self, ref: AttemptRef, member: int = 0, offset: int = 0, limit: int = 262_144
    ) -> LogChunk:
        """Return a piece of a member's log; see `Engine.logs`."""
        try:
            text = read_log(str(ref.directory / "members" / str(member)), offset, limit)
            dropped = (read_json(ref.directory / "shim.json") or {}).get("dropped", [])
        except OSError as error:
            msg = f"The log of {ref.key} cannot be read now: {error}."
            raise ServiceUnavailable(msg) from error
        lost = dropped[member] if member < len(dropped) else 0
        return LogChunk(
            text.data,
            text.offset,
            text.offset + len(text.data),
            text.first_line,
            text.end,
            max(lost, text.missing),
        )

    def marks(self, ref: AttemptRef, member: int = 0) -> list[Mark]:
        """Return when a member's log was written; see `Engine.marks`."""
        return read_marks(str(ref.directory / "members" / str(member)))

    def usage(self, ref: AttemptRef, since: float = 0) -> list[Sample]:
        """Return the samples newer than `since`; see `Engine.usage`."""
        try:
            return [_sample(values) for values in read_usage(str(ref.directory), since)]
        except OSError:
            return []

    def sweep(self, ref: AttemptRef) -> int:
        """End what a lost attempt left behind; see `Engine.sweep`."""
        if self.observe(ref).state not in ("lost", "ended", "absent"):
            return 0
        ended = tree.end_all(ref.token)
        shim: dict[str, Any] = {}
        with suppress(OSError):
            shim = read_json(ref.directory / "shim.json") or {}
        ended += sum(identity.send(who, (signal.SIGKILL,)) for who in shim.get("unmarked", []))
        for group in shim.get("groups", []):
            limits.remove_group(group)
        release(ref.directory)
        remove_drafts(ref.directory)
        return ended

    def zygotes(self) -> list[ZygoteState]:
        """Return what is kept in memory for the next jobs."""
        return [] if self._zygotes is None else self._zygotes.living()

    def reconcile(self, known: Iterable[AttemptRef]) -> list[AttemptRef]:
        """Return attempts that run here though their owner does not know them."""
        tokens = {ref.token for ref in known}
        return [
            ref
            for path in sorted((self._root / "work").glob("*/*/*/work.json"))
            if (ref := _ref(path)) is not None
            and ref.token not in tokens
            and self.observe(ref).state in ("starting", "running", "stalled")
        ]

    def _prepare(
        self,
        ref: AttemptRef,
        work: Work,
        gpu_ids: Sequence[int],
        tick: Sequence[str],
        warm: dict[str, Any] | None,
    ) -> None:
        for name, content in work.files.items():
            path = ref.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        here = self.machine
        spec = {
            "version": __version__,
            "kind": ref.kind,
            "key": ref.key,
            "number": ref.number,
            "host": ref.host,
            "token": ref.token,
            # The supervisor has what is inherited as its own environment.
            "work": {**work.to_json(), "files": {}, "inherited": None},
            "gpu_ids": list(gpu_ids),
            "has_gpus": bool(here.gpus),
            "cpus": list(here.cpu_ids),
            "cpu_locks": str(self._locks / "cpus"),
            "machine": here.to_json(),
            "log": self._log,
            "control_groups": self._control_groups,
            "workspace": str(self._root),
            "hidden": [str(self._root / name) for name in _HIDDEN],
            "tick": list(tick),
            "warm": warm,
        }
        write_json(ref.directory / "work.json", spec, sync=False)

    def _warm_spec(self, work: Work, gpu_ids: Sequence[int]) -> dict[str, Any] | None:
        if self._zygotes is None:
            return None
        return self._zygotes.spec(work, self.machine, gpu_ids, _environment(work))

    def _spawn(self, ref: AttemptRef, work: Work, warm: dict[str, Any] | None) -> None:
        env = _environment(work) | {MARKER: ref.token}
        process = None
        if self._zygotes is not None and warm is not None:
            process = self._zygotes.ask(warm, work, str(ref.directory), env)
        is_warm = process is not None
        if process is None:
            command = [sys.executable, "-S", "-E", str(_SHIM), str(ref.directory)]
            process = detach(command, ref.directory / "shim.log", env)
        # A shim that has ended already left its own traces.
        if (who := identity.identify(process)) is not None:
            values = {"identity": who, "warm": is_warm}
            write_json(ref.directory / "spawned.json", values, sync=False)


def _environment(work: Work) -> dict[str, str]:
    return inheritable(os.environ if work.inherited is None else work.inherited)


def _is_text(text: str) -> bool:
    """Return whether a store can keep this; of variables that are no text, it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _memory_means(control_groups: bool) -> str:  # noqa: FBT001  (cached by its value)
    if control_groups and limits.can_use_groups():
        return "cgroup"
    return "rlimit" if tree.IS_LINUX else "advisory"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _verdict(ref: AttemptRef) -> Observation | None:
    values = read_json(ref.directory / "verdict.json")
    if values is None:
        return None
    try:
        verdict = Verdict.from_json(values)
    except (KeyError, TypeError, AttributeError):
        return None  # not one of any version
    peaks = [each.peak_memory_mb for each in verdict.members if each.peak_memory_mb is not None]
    return Observation(
        "ended",
        verdict,
        verdict.started_at,
        verdict.ended_at,
        peak_memory_mb=max(peaks, default=None),
        enforced=verdict.enforced,
        restarts=verdict.restarts,
    )


def _gone(ref: AttemptRef, who: str) -> Observation:
    if not (ref.directory / "shim.json").exists():
        return Observation("absent")
    rebooted = not identity.is_of_this_boot(who)
    return Observation("lost", lost_reason="HostRestarted" if rebooted else "SupervisorLost")


def _living(ref: AttemptRef, shim: dict[str, Any], *, is_here: bool) -> Observation:
    beat = 0.0
    with suppress(FileNotFoundError):
        beat = (ref.directory / "heartbeat").stat().st_mtime
    is_stale = time.time() - beat > STALE_AFTER_S
    usage = newest_usage(str(ref.directory))
    address = read_json(ref.directory / "address.json")
    return Observation(
        "stalled" if is_stale else "starting" if shim.get("state") == "starting" else "running",
        started_at=shim.get("started_at"),
        heartbeat_at=beat,
        resources=None if usage is None else _sample(usage),
        peak_memory_mb=None if usage is None else usage["peak_mb"],
        enforced=shim.get("enforced", {}),
        restarts=shim.get("restarts", 0),
        address=None if address is None else (address["host"], address["port"]),
        # The clock that a supervisor reads is that of the machine, since its boot.
        ran_s=time.monotonic() - shim["started"] if is_here and shim.get("started") else None,
    )


def _sample(values: dict[str, Any]) -> Sample:
    return Sample(values["time"], values["cpu_percent"], values["memory_mb"])


def _ref(path: Path) -> AttemptRef | None:
    spec = read_json(path)
    if spec is None:
        return None
    return AttemptRef(spec["kind"], spec["key"], spec["number"], spec["token"], path.parent)
