"""One soak: it starts the actors, kills by the schedule, waits until all is settled, and judges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calling import invoke
from deploying import deploy
from house import House, pause
from judging import judge
from processes import find, known
from schedule import schedule
from submitting import by_boto3, by_server, by_toolkit

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedule import Kill

ACTORS = {
    "toolkit": by_toolkit,
    "http": by_server,
    "boto3": by_boto3,
    "deployer": deploy,
    "caller": invoke,
}
# What submits may be killed: what it had not got an answer to is all that it may lose.
MORTAL = ("toolkit", "http", "boto3")
SETTLES_WITHIN_S = 240.0
LEAVES_WITHIN_S = 90.0
_POLL_S = 0.1


def act(role: str, who: str, house: House) -> None:
    """Be one actor, in a process of its own."""
    ACTORS[role](house, who)


class Soak:
    """A soak of so many seconds, all its choices drawn from a seed."""

    def __init__(
        self, folder: Path, seconds: float, seed: int, database: str, say: Callable[[str], None]
    ) -> None:
        self._began = time.monotonic()
        self._house = House(folder, seed, self._began + seconds, database)
        self._kills = schedule(seed, seconds)
        self._say = say
        self._actors: dict[str, subprocess.Popen[bytes]] = {}
        self._lives: dict[str, int] = {}
        self._server: Any = None
        self._starting: threading.Thread | None = None

    def run(self) -> list[str]:
        """Return all that is wrong at the end; nothing is left running."""
        try:
            self._house.set_up()
            self._house.local.call("ListTrainingJobs")
            self._server = self._house.start_server()
            for role in ACTORS:
                self._start(role)
            self._disturb()
            problems = self._settle()
            problems += judge(self._house)
        finally:
            left = self._end()
        return problems + left

    def _disturb(self) -> None:
        waiting = list(self._kills)
        while not self._house.is_over:
            now = time.monotonic() - self._began
            while waiting and waiting[0].at_s <= now:
                self._kill(waiting.pop(0))
            self._keep_alive()
            pause(_POLL_S)

    def _kill(self, kill: Kill) -> None:
        victims = [each for each in find(self._house) if each.role == kill.target]
        if kill.target == "submitter":
            mortal = {self._actors[role].pid for role in MORTAL}
            victims = [each for each in victims if each.pid in mortal]
        if kill.target == "server" and self._is_starting:
            return  # on a busy machine there would never be one
        if not victims:
            return
        victim = known(victims[int(kill.draw * len(victims))], self._house)
        self._house.ledger.note("killing", victim.name, role=victim.role, pid=victim.pid)
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._house.ledger.note("killed", victim.name, role=victim.role, pid=victim.pid)

    def _keep_alive(self) -> None:
        """Start again what was killed that nobody else starts: actors, and the server."""
        for role in MORTAL:
            if self._actors[role].poll() == -signal.SIGKILL:
                self._start(role)
        if not self._is_starting and self._server.process.poll() is not None:
            self._starting = threading.Thread(target=self._start_server)
            self._starting.start()

    @property
    def _is_starting(self) -> bool:
        return self._starting is not None and self._starting.is_alive()

    def _start_server(self) -> None:
        self._server = self._house.start_server()

    def _start(self, role: str) -> None:
        self._lives[role] = self._lives.get(role, 0) + 1
        who = f"{role}-{self._lives[role]}"
        command = [sys.executable, str(Path(__file__).parent), "actor", role, who]
        with (self._house.folder / f"{role}.log").open("ab") as log:
            self._actors[role] = subprocess.Popen(
                [*command, self._house.to_json()],
                env=self._house.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _settle(self) -> list[str]:
        """Wait until the actors have left and everything has ended; the server alone sees to it."""
        self._say("No more kills; waiting until everything has ended.")
        problems = []
        deadline = time.monotonic() + SETTLES_WITHIN_S
        if self._starting is not None:
            self._starting.join()
        self._keep_alive()
        if self._starting is not None:
            self._starting.join()
        for role, actor in self._actors.items():
            try:
                status = actor.wait(max(1.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                problems.append(f"The actor {role} did not come to its end.")
                continue
            if status not in (0, -signal.SIGKILL):
                log = (self._house.folder / f"{role}.log").read_text()[-1500:]
                problems.append(f"The actor {role} failed: {log}")
        while (live := self._live()) and time.monotonic() < deadline:
            pause(0.5)
        if live:
            problems.append(f"Not ended {SETTLES_WITHIN_S:g} s after the last kill: {live}")
        return problems

    def _live(self) -> list[str]:
        call = self._house.server.call
        jobs = call("ListTrainingJobs", {"StatusEquals": "InProgress"})["TrainingJobSummaries"]
        stopping = call("ListTrainingJobs", {"StatusEquals": "Stopping"})["TrainingJobSummaries"]
        endpoints = call("ListEndpoints")["Endpoints"]
        return [job["TrainingJobName"] for job in jobs + stopping] + [
            endpoint["EndpointName"] for endpoint in endpoints
        ]

    def _end(self) -> list[str]:
        """End the server; say what is left running, and end that, too."""
        for actor in self._actors.values():
            actor.kill()
            actor.wait()
        if self._server is not None and self._server.process.poll() is None:
            self._server.stop()
        deadline = time.monotonic() + LEAVES_WITHIN_S
        while (left := find(self._house)) and time.monotonic() < deadline:
            pause(0.5)
        for process in left:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return [f"Still running at the end: {process}" for process in left]
