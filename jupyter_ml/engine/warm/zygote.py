"""The program that imports once and forks often: `python zygote.py FOLDER ORDER`.

FOLDER is its own; see `folder`. ORDER is a JSON object: `imports` (a file in which a job wrote down
what it had imported), `preload` (modules to import besides) and `memory_mb` (what all
zygotes of the workspace may hold together).

It only ever imports. What it forks reads the request itself, so that nothing of one job is in
its memory when it forks the next. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if __name__ == "__main__":
    # The modules beside this file have names that others have, too.
    del sys.path[0]

from jupyter_ml.engine import awaiting, durable, identity, machine, shim, supervisor, tree
from jupyter_ml.engine.warm import folder as folders
from jupyter_ml.engine.warm import forked, imports, pages, pools, standby

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a supervisor needs is imported here rather than by each of them.
_SUPERVISOR = (awaiting, supervisor)
_HOUSEKEEPING_S = 1.0
# Forks are made in advance when no job has come for so long: they would take time from one.
_QUIET_S = 0.1
_REQUEST_S = 5.0
_PATIENCE_S = 5.0
_BACKLOG = 128
_UNFIT = "unfit.json"
# The first to go when the kernel runs out of memory.
_OOM_SCORE = "900"
_OOM_FILE = "/proc/self/oom_score_adj"
_LARGEST_FLOOR_MB = 1024


class Retired(BaseException):
    """The zygote was told to end, or has reason to; the text says which."""


class Zygote:
    """One zygote, from its election to its end.

    Parameters
    ----------
    folder
        Its own.
    order
        See the module.
    """

    def __init__(self, folder: str, order: dict[str, Any]) -> None:
        self._folder, self._order = folder, order
        self._facts: dict[str, Any] = {
            "identity": identity.identify(os.getpid()),
            "interpreter": sys.executable,
        }
        self._seen: list[tuple[str, int]] = []
        self._served = 0
        self._oom_score = _OOM_SCORE
        self._standby: standby.Standby | None = None

    def run(self) -> None:
        """Import, then fork until there is reason to end."""
        signal.signal(signal.SIGTERM, _retire)
        wanted = self._wanted()
        self._facts.update(preload=wanted, started_at=time.time())
        lock = os.open(self._path(folders.LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        serves = _locked(lock)
        if not serves and self._is_covered(wanted):
            return
        try:
            if serves:
                self._announce("importing")
            self._require_memory()
            self._go_first()
            # One that is here already, and has imported less, goes on to serve meanwhile.
            self._import(wanted, {lock})
            serves = serves or self._replaces(lock, wanted)
            if serves:
                self._serve()
        except Retired as reason:
            if serves:
                self._announce("ended", reason=str(reason))
        finally:
            if serves:
                with contextlib.suppress(OSError):
                    os.unlink(self._path(folders.SOCKET))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _announce(self, state: str, **facts: Any) -> None:
        self._facts.update(facts, state=state)
        with contextlib.suppress(OSError):
            durable.write_json(self._path(folders.STATE), self._facts, sync=False)

    def _wanted(self) -> list[str]:
        """Return what to import, with what a zygote that is here already has imported."""
        unfit = _list(self._path(_UNFIT))
        before = (durable.read_json(self._path(folders.STATE)) or {}).get("preload", [])
        told = filter(imports.is_worthwhile, _list(self._order.get("imports", "")))
        names = dict.fromkeys([*self._order.get("preload", []), *before, *told])
        return [name for name in names if name.partition(".")[0] not in unfit]

    def _is_covered(self, wanted: list[str]) -> bool:
        """Return whether the zygote that is here has imported all of this, or will."""
        state = durable.read_json(self._path(folders.STATE)) or {}
        return set(wanted) <= set(state.get("preload", []))

    def _replaces(self, lock: int, wanted: list[str]) -> bool:
        """End the zygote that is here; return whether this one is in its place now."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and not self._is_covered(wanted):
            folders.end(self._folder)
            if _locked(lock):
                return True
            time.sleep(0.02)
        return False

    def _go_first(self) -> None:
        """Be the first to go when the kernel runs out of memory; jobs get the usual place back."""
        with contextlib.suppress(OSError), open(_OOM_FILE, "r+", encoding="ascii") as file:
            self._oom_score = file.read()
            file.seek(0)
            file.write(_OOM_SCORE)

    def _import(self, wanted: list[str], own: set[int]) -> None:
        given = dict(os.environ)
        for name in wanted:
            try:
                importlib.import_module(name)
            except (Exception, SystemExit):  # noqa: BLE001  (a job that needs it will say so)
                traceback.print_exc()
            if pools.count() > 1:
                self._begin_without(name.partition(".")[0])
        changed = {key: value for key, value in os.environ.items() if given.get(key) != value}
        forked.become_origin(changed, own)
        gc.collect()
        gc.freeze()
        pages.join()

    def _begin_without(self, package: str) -> NoReturn:
        """Begin anew without a package that starts threads when it is imported."""
        sys.stderr.write(f"{package} starts threads when it is imported; it is left out.\n")
        path = self._path(_UNFIT)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(sorted({*_list(path), package}), file)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606

    def _serve(self) -> None:
        self._seen = [(path, _changed_at(path)) for path in _files()]
        size = _held_mb()
        self._make_room(size)
        folders.clean(os.path.dirname(self._folder))
        with socket.socket(socket.AF_UNIX) as listener:
            self._listen(listener)
            self._announce("ready", memory_mb=size, ready_at=time.time())
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            while True:
                pause = _HOUSEKEEPING_S if self._standby else _QUIET_S
                if poll.poll(1000 * pause):
                    self._accept(listener)
                elif self._standby is None:
                    self._standby = standby.prepare(self._wait_for_request, tied=False)
                else:
                    self._keep_house()
                self._reap()

    def _listen(self, listener: socket.socket) -> None:
        # The path of a socket has at most 107 bytes; relative to its folder it is short.
        os.chdir(self._folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folders.SOCKET)
        listener.bind(folders.SOCKET)
        os.chdir("/")
        listener.listen(_BACKLOG)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            self._require_fit()
            pid = self._fork_supervisor(connection)
            self._served += 1
            with contextlib.suppress(OSError):
                connection.sendall(f"{pid}\n".encode())

    def _fork_supervisor(self, connection: socket.socket) -> int:
        one, self._standby = self._standby, None
        if one is not None and one.send(b"", [connection.fileno()]):
            return one.pid
        pid = os.fork()
        if pid == 0:
            _supervise(connection, self._oom_score)
        return pid

    def _wait_for_request(self, channel: socket.socket) -> NoReturn:
        """Be the supervisor of the next job, with the processes that it will need."""
        standby.prepare_program(below=1)
        forked.rehearse(standby.descriptors_of(channel))
        _, (descriptor,) = standby.received(channel)
        _supervise(socket.socket(fileno=descriptor), self._oom_score)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if self._standby is not None and self._standby.pid == pid:
                    self._standby.channel.close()
                    self._standby = None

    def _require_fit(self) -> None:
        if pools.count() > 1:
            raise Retired("It has threads, which a fork would not survive.")
        if any(_changed_at(path) != time_ns for path, time_ns in self._seen):
            raise Retired("Packages were changed.")

    def _keep_house(self) -> None:
        self._require_fit()
        self._require_memory()
        try:
            until = os.stat(self._path(folders.UNTIL)).st_mtime
            os.stat(self._path(folders.SOCKET))
        except OSError:
            raise Retired("Its folder was removed, or what it is asked by.") from None
        if time.time() > until:
            raise Retired("It was not used any more.")
        if self._facts.get("served") != self._served:
            self._announce("ready", served=self._served)

    def _require_memory(self) -> None:
        total_mb = (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20
        floor_mb = min(_LARGEST_FLOOR_MB, total_mb // 10)
        free_mb = machine.available_memory_mb()
        if free_mb < floor_mb:
            raise Retired(f"Memory is short: {free_mb} MiB are free.")

    def _make_room(self, size: int) -> None:
        """End the zygotes that were used longest ago, as far as all together are too large."""
        most = self._order["memory_mb"]
        if size > most:
            raise Retired(f"It would hold {size} MiB; allowed are {most}.")
        others = [
            (os.stat(os.path.join(folder, folders.UNTIL)).st_mtime, folder, state)
            for folder, state in folders.states(os.path.dirname(self._folder))
            if folder != self._folder and state.get("memory_mb")
        ]
        total = size + sum(state["memory_mb"] for _, _, state in others)
        for _, folder, state in sorted(others, key=lambda other: other[0]):
            if total <= most:
                return
            folders.end(folder)
            total -= state["memory_mb"]


def _supervise(connection: socket.socket, oom_score: str) -> NoReturn:
    """Be the supervisor that the request asks for."""
    code = 1
    try:
        os.setsid()
        connection.settimeout(_REQUEST_S)
        request = bytearray()
        while block := connection.recv(1 << 16):
            request += block
        values = json.loads(bytes(request))
        directory = values["directory"]
        _redirect(os.path.join(directory, "shim.log"))
        with contextlib.suppress(OSError), open(_OOM_FILE, "w", encoding="ascii") as file:
            file.write(oom_score)
        argv = [sys.executable, shim.__file__, directory]
        forked.renew(values["environment"], argv, standby.descriptors_of())
        shim.main(directory)
        code = 0
    except BaseException:  # noqa: BLE001  (it ends here; what happened is in shim.log)
        traceback.print_exc()
    finally:
        os._exit(code)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _redirect(errors: str) -> None:
    """Have the standard streams of a supervisor."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)


def _files() -> Iterator[str]:
    """Yield what changes when packages are installed, and the files of those not installed."""
    folders_of = [
        path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")
    ]
    yield from folders_of
    installed = (os.path.dirname(os.__file__) + os.sep, *(path + os.sep for path in folders_of))
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(installed):
            yield file


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _held_mb() -> int:
    """Return the memory of this process in MiB; what it shares with jobs is counted in parts."""
    held = tree.proportional(os.getpid())
    return held >> 20


def _list(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            names = json.load(file)
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _retire(*_: object) -> None:
    raise Retired("It was told to end.")


if __name__ == "__main__":
    Zygote(sys.argv[1], json.loads(sys.argv[2])).run()
