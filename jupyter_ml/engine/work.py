"""What an engine is asked to run: one plain value that knows no service."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Work:
    """Processes to run, with their limits; everything that one attempt needs.

    Other versions of this program read it, too: a field that is added asks for nothing by default,
    which is empty, and is listed in `spec.WORK`.

    Parameters
    ----------
    argv
        Command of each member; the first element is the absolute path of the program.
    env
        Variables set for the work. They win over `inherited`, which has no credentials: those that
        the work needs must be given here.
    inherited
        The submitter's variables, as `environment.inheritable` leaves them; whoever comes to start
        the work has others. `None` for those of the process that starts it.
    instance_type
        Name of the size that the limits come from; only shown.
    cpus
        CPUs of each member; `None` for no limit.
    memory_mb
        Memory of each member and all of its children, in MiB; `None` for no limit.
    gpus
        GPUs of each member, leased exclusively.
    members
        Number of processes started from `argv`, each with its rank in `JUPYTER_ML_MEMBER`.
        One that fails ends the others.
    max_runtime_s
        Seconds from the start after which the work is stopped; `None` for no limit.
    grace_s
        Seconds between the SIGTERM of a stop and the SIGKILL.
    restart
        "never" for a job, which ends; "always" for a service, which is started again with
        growing pauses until it is stopped. A service that fails five times in a row within
        10 s of its start, and never stayed up longer, is given up, and so is one that wrote
        `failure.json` before it exited with an error.
    listen
        Whether the supervisor holds a listening socket that every member inherits as
        `JUPYTER_ML_LISTEN_FD`, so that a restart refuses no connection. Its address is in
        `address.json`: `{"host", "port"}`.
    port
        Port of that socket on 127.0.0.1; 0 for any free one.
    retries
        How often the work may be run again after the engine lost it; failures of the work
        itself are not retried.
    files
        Text files written into the attempt directory before the start: path to content.
    outputs
        What is published after the end, whatever the verdict, where it exists: pairs of a path
        relative to the attempt directory and the URI to publish it at.
    warm
        Whether `argv` is a Python program that may be run in a process which has imported
        already what earlier programs imported; see `jupyter_ml.engine.warm`. A service is run
        in one when it starts first, and from nothing when it is started again.
    preload
        Modules that such a process imports in any case.
    keep_alive_s
        Seconds that it stays after this work has started; `None` for the workspace's default.
    isolated
        Whether all members are in one network of their own, from which nothing else is reached:
        no other machine, no program of this one, and nobody by a socket that is a file. The
        workspace cannot be changed from there, and the user's credentials are not seen.
    mounts
        Whether what members start may find folders at places of its own choice.
    hands_on
        Whether a member itself stays as it is, and starts something that enters the view of the
        machine that `isolated` and `mounts` ask for; see `view.handed_on`.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = "ml.local"
    cpus: float | None = None
    memory_mb: int | None = None
    gpus: int = 0
    members: int = 1
    max_runtime_s: float | None = None
    grace_s: float = 120
    restart: Literal["never", "always"] = "never"
    listen: bool = False
    port: int = 0
    retries: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[tuple[str, str], ...] = ()
    warm: bool = False
    preload: tuple[str, ...] = ()
    keep_alive_s: float | None = None
    isolated: bool = False
    mounts: bool = False
    hands_on: bool = False
    inherited: Mapping[str, str] | None = None

    @property
    def is_service(self) -> bool:
        """Whether it is kept running until it is stopped."""
        return self.restart == "always"

    def to_json(self) -> dict[str, Any]:
        """Return the work as a dictionary that `json` can write."""
        values = {name.name: getattr(self, name.name) for name in fields(self)}
        return values | {
            "argv": list(self.argv),
            "env": dict(self.env),
            "files": dict(self.files),
            "outputs": [list(pair) for pair in self.outputs],
            "preload": list(self.preload),
            "inherited": None if self.inherited is None else dict(self.inherited),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Work:
        """Return the work that `to_json` wrote, as far as it is known here.

        Another version of this program may have written it. That is enough to say what the work
        holds and how it ended; `spec.unknown_wishes` tells whether it may be run.
        """
        names = {each.name for each in fields(cls)}
        return cls(
            **{
                **{name: value for name, value in values.items() if name in names},
                "argv": tuple(values["argv"]),
                "outputs": tuple((path, uri) for path, uri in values.get("outputs", ())),
                "preload": tuple(values.get("preload", ())),
            }
        )
