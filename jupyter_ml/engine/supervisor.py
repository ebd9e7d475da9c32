"""The process that owns one attempt: it starts the members, holds their limits, outlives them.

It reads `work.json` and `stop.json` in the attempt directory and writes `shim.json` (who it is),
`heartbeat` (touched every second), `usage.jsonl`, the members' logs and, last, `verdict.json`.
Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.engine import identity, tree
from jupyter_ml.engine.durable import read_json, release, reserve, write_json
from jupyter_ml.engine.environment import background
from jupyter_ml.engine.gauge import Gauge
from jupyter_ml.engine.member import Member
from jupyter_ml.engine.outcome import Cause, decide, signal_name
from jupyter_ml.engine.provision import Provision, claim_machine, listen, possible_groups
from jupyter_ml.engine.spec import read_spec, refusal
from jupyter_ml.engine.usage import UsageLog
from jupyter_ml.engine.warm import standby

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

_WATCH_S = 0.25
_HEARTBEAT_S = 1.0
_FIRST_SAMPLE_S = 0.5
_RETRY_S = 0.5
_PATIENCE_S = 10.0
_GANG_GRACE_S = 10.0
_STABLE_S = 10.0
_QUICK_FAILURES = 5
_LONGEST_PAUSE_S = 30.0
_ASKED_TO_END = ("stop", "max_runtime", "interrupted")
_MIB = 1 << 20


class Supervisor:
    """One attempt, from its lock to its verdict.

    Parameters
    ----------
    directory
        The attempt directory; it holds `work.json`.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        spec = read_spec(directory)
        if spec is None:
            raise SystemExit(f"{directory} holds no work.json to run.")
        self._spec: dict[str, Any] = spec
        self._work: dict[str, Any] = spec["work"]
        self._members: list[Member] = []
        self._gauge = Gauge(spec["token"], self._members)
        self._usage = UsageLog(directory)
        self._provision: Provision | None = None
        self._listener: socket.socket | None = None
        self._cause: Cause | None = None
        self._kill_at: float | None = None
        self._deadline: float | None = None
        self._started_at: float | None = None
        self._started = 0.0
        self._restarts = 0
        self._stop_seen = 0
        self._signal = 0
        self._told_ready = False
        self._announced: dict[str, Any] = {}
        self._wake = self._wake_on_signals()

    def run(self) -> None:
        """Run the attempt to its end, unless somebody else does or did."""
        if not self._lock():
            return
        reserve(self._directory)
        self._beat()
        while not self._announce("starting"):
            time.sleep(_RETRY_S)
            self._beat()
        self._check_stop()
        try:
            if self._cause is None:
                self._start()
            standby.dismiss()
            self._loop()
        finally:
            self._kill_tree()
        self._reap()
        for member in self._members:
            member.close_output()
            member.log.close()
        self._give_verdict()

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _lock(self) -> bool:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock_file = os.open(self._path("lock"), flags, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        # A supervisor that was here before and left no verdict was lost: the attempt is over.
        return not any(os.path.exists(self._path(name)) for name in ("verdict.json", "shim.json"))

    def _is_deleted(self) -> bool:
        # By the open file: a folder that cannot be reached may come back.
        return os.fstat(self._lock_file).st_nlink == 0

    def _wake_on_signals(self) -> int:
        wake, writer = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return wake

    def _note_signal(self, number: int, _frame: object) -> None:
        self._signal = number

    def _start(self) -> None:
        if (why := refusal(self._spec)) is not None:
            self._end(Cause("not_started", 0, why))
            return
        tree.adopt_orphans()
        claim_machine(self._spec["cpus"])
        if self._work["listen"]:
            try:
                self._listener = listen(self._work["port"])
            except OSError as error:
                self._end(Cause("not_started", 0, f"port {self._work['port']}: {error.strerror}"))
                return
            host, port = self._listener.getsockname()
            write_json(self._path("address.json"), {"host": host, "port": port}, sync=False)
        try:
            self._provision = Provision(self._spec)
        except OSError as error:
            self._end(Cause("not_started", 0, error))
            return
        self._announce("starting")
        self._members += [
            Member(self._spec, rank, held) for rank, held in enumerate(self._provision.limits)
        ]
        self._started_at, self._started = time.time(), time.monotonic()
        if self._work["max_runtime_s"] is not None:
            self._deadline = time.monotonic() + self._work["max_runtime_s"]
        if all(map(self._start_member, self._members)):
            self._announce("running")

    def _start_member(self, member: Member) -> bool:
        listener = None if self._listener is None else self._listener.fileno()
        if member.start(listener):
            return True
        self._end(Cause("not_started", member.rank, member.start_error))
        return False

    def _loop(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        watch_at = beat_at = 0.0
        sample_at = time.monotonic() + _FIRST_SAMPLE_S
        while not self._is_over():
            self._wait(poll)
            self._reap()
            now = time.monotonic()
            if now >= watch_at:
                watch_at = now + _WATCH_S
                self._check_memory()
                self._check_ready()
            self._check_stop()
            self._check_deadlines(now)
            if now >= beat_at:
                beat_at = now + _HEARTBEAT_S
                self._beat()
                self._announce("running")
                if self._is_deleted():
                    self._end(Cause("interrupted", 0, "its folder was deleted"))
            if now >= sample_at:
                sample_at = now + self._usage.period_s
                self._usage.add(self._gauge.sample())

    def _wait(self, poll: select.poll) -> None:
        readers = [member.reader for member in self._members if member.reader is not None]
        for reader in readers:
            poll.register(reader, select.POLLIN)
        due = [self._kill_at, self._deadline, *(member.restart_at for member in self._members)]
        now = time.monotonic()
        pause = min([_WATCH_S, *(max(0.0, at - now) for at in due if at is not None)])
        poll.poll(1000 * pause + 1)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        for member in self._members:
            member.pump()
        for reader in readers:
            poll.unregister(reader)

    def _is_over(self) -> bool:
        if any(each.pid is not None or each.restart_at is not None for each in self._members):
            return False
        if self._cause is None or self._cause.kind not in _ASKED_TO_END:
            return True
        # What an obedient process leaves behind gets the rest of the grace, too.
        return self._kill_at is None or not self._gauge.processes()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._gauge.reaped(pid, used)
            for member in self._members:
                if member.pid == pid:
                    member.ended(status)
                    self._member_ended(member)

    def _member_ended(self, member: Member) -> None:
        if self._cause is not None:
            if not any(each.pid for each in self._members):
                for process in self._gauge.processes():
                    tree.kill(process.pid, signal.SIGTERM)
        elif self._work["restart"] == "always":
            self._plan_restart(member)
        elif member.status != 0:
            self._end(Cause("failed", member.rank))

    def _plan_restart(self, member: Member) -> None:
        self._kill_tree([member.rank])
        now = time.monotonic()
        is_stable = now - member.started >= _STABLE_S
        member.was_stable |= is_stable
        member.quick_failures = 0 if is_stable else member.quick_failures + 1
        if member.status != 0 and os.path.exists(self._path("failure.json")):
            self._end(Cause("failed", member.rank))
        elif member.quick_failures >= _QUICK_FAILURES and not member.was_stable:
            self._end(Cause("failed", member.rank, member.quick_failures))
        else:
            steps = member.quick_failures - 2
            member.restart_at = now + (min(0.5 * 2**steps, _LONGEST_PAUSE_S) if steps >= 0 else 0)

    def _end(self, cause: Cause, grace_s: float | None = None) -> None:
        if self._cause is not None:
            return
        self._cause = cause
        for member in self._members:
            member.restart_at = None
            member.signal(signal.SIGTERM)
        if self._listener is not None:
            # Whoever connects now must be refused, not kept waiting for nobody.
            self._listener.close()
        if grace_s is None:
            grace_s = self._work["grace_s"]
        if cause.kind not in _ASKED_TO_END:
            grace_s = min(grace_s, _GANG_GRACE_S)
        self._kill_at = time.monotonic() + grace_s

    def _check_stop(self) -> None:
        if self._signal:
            self._end(Cause("interrupted", 0, signal_name(self._signal)))
        try:
            seen = os.stat(self._path("stop.json")).st_mtime_ns
        except OSError:
            return
        if seen == self._stop_seen:
            return
        self._stop_seen = seen
        wish = read_json(self._path("stop.json")) or {}
        grace_s = wish.get("grace_s")
        self._end(Cause("stop", 0, wish.get("reason")), grace_s)
        if self._kill_at is not None and grace_s is not None:
            self._kill_at = min(self._kill_at, time.monotonic() + grace_s)

    def _check_deadlines(self, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._end(Cause("max_runtime"))
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            for member in self._members:
                member.ignored_sigterm = member.pid is not None
            self._kill_tree()
        for member in self._members:
            if member.restart_at is not None and now >= member.restart_at:
                self._restarts += 1
                self._start_member(member)

    def _check_memory(self) -> None:
        limit_mb = self._work["memory_mb"]
        if self._provision is None or limit_mb is None or self._provision.groups:
            return
        for rank, size in self._gauge.memory(at_least=limit_mb * _MIB).items():
            if size >= limit_mb * _MIB:
                self._members[rank].watchdog_bytes = size
                self._kill_tree([rank])

    def _check_ready(self) -> None:
        """Have note taken that the work is ready, where it cannot do that itself."""
        if self._told_ready or not (self._work["isolated"] and self._spec["tick"]):
            return
        if os.path.exists(self._path("ready.json")):
            self._told_ready = True
            tick = self._spec["tick"]
            os.posix_spawnp(tick[0], tick, background(os.environ), setpgroup=0)

    def _kill_tree(self, ranks: Sequence[int] | None = None) -> None:
        """Kill until nothing is left; what forks meanwhile is found in the next round."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while (found := self._gauge.processes(ranks)) and time.monotonic() < give_up_at:
            for process in found:
                tree.kill(process.pid, signal.SIGKILL)
            time.sleep(0.002)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._path("heartbeat"), flags, 0o600)
            os.utime(descriptor)
            os.close(descriptor)

    def _announce(self, state: str) -> bool:
        values = {
            "identity": identity.identify(os.getpid()),
            "state": state,
            "started_at": self._started_at,
            "started": self._started,
            "members": [member.pid for member in self._members],
            "enforced": self._provision.enforced if self._provision else {},
            # Before they are made: if this process dies meanwhile, they are found and removed.
            "groups": self._provision.groups if self._provision else possible_groups(self._spec),
            "unmarked": self._gauge.unmarked,
            "restarts": self._restarts,
            "dropped": [member.log.dropped for member in self._members],
        }
        if values == self._announced:
            return True
        try:
            write_json(self._path("shim.json"), values, sync=False)
        except OSError:
            return False
        self._announced = values
        return True

    def _give_verdict(self) -> None:
        outcome = decide(self._cause, self._members, self._work, self._directory)
        verdict = {
            "token": self._spec["token"],
            **outcome._asdict(),
            "members": [member.result() for member in self._members],
            "started_at": self._started_at,
            # The clock may have been set back meanwhile.
            "ended_at": max(time.time(), self._started_at or 0.0),
            "ran_s": None if self._started_at is None else time.monotonic() - self._started,
            "enforced": self._provision.enforced if self._provision else {},
            "dropped_log_bytes": sum(member.log.dropped for member in self._members),
            "restarts": self._restarts,
        }
        if self._provision is not None:
            self._provision.release()
        release(self._directory)
        while True:
            try:
                write_json(self._path("verdict.json"), verdict, sync=True)
            except OSError:
                if self._is_deleted():
                    return  # nobody asks for the verdict any more
                # A full disk must not lose the verdict: it is kept here until there is space.
                self._beat()
                time.sleep(_RETRY_S)
            else:
                return
