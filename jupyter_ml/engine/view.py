"""What a member sees of the machine: its network, its files, and what is mounted for it.

Standard library only: the shim imports it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_ml.engine import callfilter, namespaces
from jupyter_ml.engine.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLE = "JUPYTER_ML_VIEW"
# Below these the programs of a system keep the sockets by which they are asked.
_OF_SERVICES = ("/run", "/var/run")
# Disks and programs are mounted there on some systems; nobody is asked by them.
_KEPT_OF_SERVICES = ("media", "current-system", "opengl-driver")
_CREDENTIALS = (
    *(".aws", ".azure", ".boto", ".config/gcloud", ".config/gh", ".config/rclone", ".docker"),
    *(".git-credentials", ".gnupg", ".huggingface", ".cache/huggingface/token", ".kaggle"),
    *(".config/kaggle", ".kube", ".netrc", ".password-store", ".pgpass", ".pypirc", ".ssh"),
    *(".local/share/jupyter/runtime", ".local/share/keyrings", ".oci", ".s3cfg", ".wandb"),
)
_UNIX_SOCKETS = "/proc/net/unix"
_PATH_FIELD = 7


class View:
    """The view of all members of an attempt, made by its supervisor and entered by each member.

    Parameters
    ----------
    spec
        What the supervisor was told; `directory` is that of the attempt.
    descriptors
        Those of the namespaces that it consists of.
    """

    def __init__(self, spec: Mapping[str, Any], descriptors: list[int]) -> None:
        self._spec, self._work = spec, spec["work"]
        self.descriptors = descriptors
        self.is_isolated: bool = self._work["isolated"]

    @classmethod
    def make(cls, spec: Mapping[str, Any]) -> View:
        """Return a new view.

        Raises
        ------
        StepError
            The system does not allow it.
        """
        isolated = spec["work"]["isolated"]
        # The superuser may mount as it is, and stays what it is.
        needs_none = os.geteuid() == 0 and not isolated
        made = cls(spec, [] if needs_none else namespaces.create(network=isolated))
        # Where something is covered or may be written, it has to be there before.
        for folder in (*spec["hidden"], *made._writable()) if isolated else ():
            os.makedirs(folder, mode=0o700, exist_ok=True)
        return made

    def to_environment(self) -> dict[str, str]:
        """Return the variable by which `handed_on` finds the namespaces that this process keeps."""
        kept = (f"/proc/{os.getpid()}/fd/{descriptor}" for descriptor in self.descriptors)
        return {VARIABLE: os.pathsep.join(kept)}

    def enter(
        self, directory: str, mounts: Iterable[tuple[str, str]] = (), *, listens: bool = False
    ) -> None:
        """See this from now on; for a process with one thread, after a fork.

        Parameters
        ----------
        directory
            Where to be then: from one that was covered, what covers it could be left again.
        mounts
            Pairs of a folder and the place at which it is to be found.
        listens
            Whether this process has inherited a socket from outside.

        Raises
        ------
        StepError
            The system does not allow it. This process is of no use any more.
        """
        sockets = _sockets() if self.is_isolated else []
        namespaces.enter(self.descriptors)
        namespaces.own_mounts()
        if self.is_isolated:
            self._hide(sockets)
        for folder, target in mounts:
            _make_room(target)
            namespaces.bind(folder, target)
        os.chdir(directory)
        if self.descriptors:
            namespaces.give_up_powers()
        if self.is_isolated:
            callfilter.restrict(connects=not listens)

    def _writable(self) -> list[str]:
        run = self._work["env"].get("JUPYTER_ML_RUN_DIR")
        return [self._spec["directory"], *filter(None, [run])]

    def _hide(self, sockets: list[str]) -> None:
        """Cover whom a program could ask to reach the network, and what it could tell there."""
        needed = [self._spec["workspace"], self._work["argv"][0], *self._writable()]
        for folder in dict.fromkeys(map(os.path.realpath, _OF_SERVICES)):
            if os.path.isdir(folder):
                kept = [os.path.join(folder, name) for name in _KEPT_OF_SERVICES]
                cover(folder, [*kept, *needed])
        for path in sockets:
            cover(path)
        self._protect_workspace()
        home = os.path.expanduser("~")
        runtime = filter(None, map(os.environ.get, ("XDG_RUNTIME_DIR", "JUPYTER_RUNTIME_DIR")))
        for path in (*runtime, *(os.path.join(home, name) for name in _CREDENTIALS)):
            cover(path, needed)

    def _protect_workspace(self) -> None:
        """Leave of the workspace what is the attempt's own; what others run comes from there."""
        workspace = self._spec["workspace"]
        own = [_Kept.of(path) for path in self._writable() if _is_below(path, workspace)]
        namespaces.bind(workspace, workspace)
        namespaces.make_read_only(workspace)
        for each in own:
            each.put_back()
        for folder in self._spec["hidden"]:
            cover(folder, self._writable())


def handed_on(directory: str) -> View | None:
    """Return the view that what this member of an attempt starts is to enter, if there is one."""
    told = os.environ.pop(VARIABLE, None)
    if told is None:
        return None
    spec = read_spec(directory)
    if spec is None:
        raise SystemExit(f"{directory} holds no work.json to enter the view of.")
    flags = os.O_RDONLY | os.O_CLOEXEC
    return View(spec, [os.open(path, flags) for path in told.split(os.pathsep) if path])


class _Kept(NamedTuple):
    """Something that is shown again after what it lies in was covered."""

    path: str
    descriptor: int

    @classmethod
    def of(cls, path: str) -> _Kept:
        return cls(path, os.open(path, os.O_PATH | os.O_CLOEXEC))

    def put_back(self) -> None:
        if not os.path.exists(self.path):
            _make_place(self.path, os.fstat(self.descriptor).st_mode)
        namespaces.bind(f"/proc/self/fd/{self.descriptor}", self.path)
        os.close(self.descriptor)


def cover(path: str, needed: Iterable[str] = ()) -> None:
    """Cover a folder or a file so that nothing of it is seen, but for what is needed below it."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # it is not there, or this user cannot reach it anyhow
    if not stat.S_ISDIR(mode):
        namespaces.bind(os.devnull, path)
        return
    below = [each for each in map(os.path.realpath, needed) if _is_below(each, path)]
    kept = [_Kept.of(each) for each in dict.fromkeys(below) if os.path.exists(each)]
    namespaces.cover(path)
    for each in kept:
        each.put_back()


def _make_room(target: str) -> None:
    """Have a place to mount something at, and beside it what the folder above it has."""
    if os.path.isdir(target):
        return
    above = os.path.dirname(target)
    with namespaces.step(f"Making {target}"):
        entries = list(os.scandir(above))
        links = {entry.path: os.readlink(entry) for entry in entries if entry.is_symlink()}
        kept = [_Kept.of(entry.path) for entry in entries if not entry.is_symlink()]
    namespaces.cover(above)
    with namespaces.step(f"Making {target}"):
        for path, leads_to in links.items():
            os.symlink(leads_to, path)
        for each in kept:
            each.put_back()
        os.mkdir(target)


def _make_place(path: str, mode: int) -> None:
    os.makedirs(path if stat.S_ISDIR(mode) else os.path.dirname(path), exist_ok=True)
    if not stat.S_ISDIR(mode):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _is_below(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(folder).rstrip("/") + "/")


def _sockets() -> list[str]:
    """Return the paths of all sockets of this machine's programs that have one."""
    paths = set()
    with (
        contextlib.suppress(OSError),
        open(_UNIX_SOCKETS, encoding="utf-8", errors="surrogateescape") as file,
    ):
        for line in file:
            fields = line.rstrip("\n").split(None, _PATH_FIELD)
            if len(fields) > _PATH_FIELD and fields[_PATH_FIELD].startswith("/"):
                paths.add(fields[_PATH_FIELD])
    return sorted(paths)
