"""The processes that belong to a workspace, found by what the kernel shows of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.identity import is_alive, pid_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from house import House


_BY_COMMAND = {
    "jupyter_server": "server",
    "jupyter_ml.background tick": "tick",
    "jupyter_ml.background timekeeper": "timekeeper",
    "shim.py": "shim",
    "zygote.py": "zygote",
    "tests/soak actor": "submitter",
    "-m jupyter_ml.serving": "front",
}


class Found(NamedTuple):
    """A process: what it is, and the job or endpoint that it belongs to, if it does to one."""

    pid: int
    role: str
    name: str
    command: str


def find(house: House) -> list[Found]:
    """Return all processes of the workspace but this one, oldest first."""
    own = os.getpid()
    pids = sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [found for pid in pids if pid != own and (found := _look(pid, house)) is not None]


def known(found: Found, house: House) -> Found:
    """Return a process that looks like a zygote as what its supervisor says that it is.

    A fork shows the zygote's command and environment until it has put on its own.
    """
    ancestors = set(_ancestors(found.pid)) if found.role == "zygote" else set()
    for path in house.workspace.glob("work/*/*/*/s*.json") if ancestors else ():
        if path.name in {"shim.json", "spawned.json"} and ancestors & _pids(path):
            kind, name = path.parts[-4:-2]
            role = "job" if kind == "TrainingJob" else "worker"
            return found._replace(role=role, name=name)
    return found


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return


def _pids(path: Path) -> set[int]:
    """Return the processes of a supervisor that lives: its own and those of its members."""
    said = read_json(path) or {}
    identity = said.get("identity")
    if identity is None or not is_alive(identity):
        return set()
    return {pid_of(identity), *(pid for pid in said.get("members", []) if pid)}


def _look(pid: int, house: House) -> Found | None:
    try:
        command = (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
        is_dead = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return None
    workspace = str(house.workspace)
    if is_dead or (workspace not in command and workspace not in environment):
        return None
    place = _attempt(command, environment, workspace)
    kind, name = place or ("", "")
    return Found(pid, _role(command, kind), name, command[:300])


def _attempt(command: str, environment: str, workspace: str) -> tuple[str, str] | None:
    """Return kind and name of the attempt that a process is of."""
    work = f"{workspace}/work/"
    variables = dict(entry.partition("=")[::2] for entry in environment.split("\0"))
    place = variables.get("JUPYTER_ML_ATTEMPT_DIR", "")
    if work in command:
        place = command[command.index(work) :].split(" ", maxsplit=1)[0]
    parts = place.removeprefix(work).split("/")
    return (parts[0], parts[1]) if place.startswith(work) and len(parts) > 1 else None


def _role(command: str, kind: str) -> str:
    for part, role in _BY_COMMAND.items():
        if part in command:
            return f"endpoint {role}" if role == "shim" and kind == "Endpoint" else role
    if kind == "Endpoint":
        return "worker"
    return "job" if kind == "TrainingJob" else "other"
