"""Whether work can be cut off from the network here, and see folders at places of its choice.

Found by doing it: a process enters such a view and must fail to reach a socket that listens
outside. Where the system forbids it, the answer says what forbids it and what can be done.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from jupyter_ml.engine.namespaces import StepError
from jupyter_ml.engine.view import View

if TYPE_CHECKING:
    from jupyter_ml.engine.work import Work

MOUNT_POINT = "/opt/ml"
_PATIENCE_S = 30
# In a process of its own, as namespaces are for processes with one thread.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); import shim; shim.name_packages(); "
    "from jupyter_ml.engine import isolation; isolation.try_out(sys.argv[2])"
)
_NETWORK, _MOUNTS = "network", "mounts"
_MEANS = {_NETWORK: "network namespace", _MOUNTS: "mount namespace"}
_WAY_OUT = {
    _NETWORK: "leave EnableNetworkIsolation out if the program may use the network",
    _MOUNTS: "have the program take its paths from SM_MODEL_DIR, SM_CHANNEL_... and the like",
}
_found: dict[str, Probe] = {}


class Probe(NamedTuple):
    """What came of trying.

    Attributes
    ----------
    works
        Whether it can be had.
    means
        By which means, or would be.
    cause, advice
        Why it cannot be had, and what can be done about it; empty where it works.
    """

    works: bool
    means: str
    cause: str = ""
    advice: str = ""


def probe_network() -> Probe:
    """Return whether work can be cut off from the network, found by trying."""
    return _probe(_NETWORK)


def probe_mounts() -> Probe:
    """Return whether work can find its folder at /opt/ml, found by trying."""
    return _probe(_MOUNTS)


def obstacles(work: Work) -> list[str]:
    """Return why the work cannot have the view of the machine that it needs; empty if it can."""
    found = []
    if work.isolated and not (network := probe_network()).works:
        found.append(f"The network cannot be kept away from work here: {_sentences(network)}")
    if work.mounts and not (mounts := probe_mounts()).works:
        found.append(f"Folders cannot be mounted for work here: {_sentences(mounts)}")
    return found


def try_out(kind: str) -> None:
    """Try it in this process, and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        spec = {
            "directory": os.path.realpath(folder),
            "workspace": os.path.realpath(folder),
            "hidden": [],
            "work": {
                "argv": [sys.executable],
                "env": {},
                "isolated": kind == _NETWORK,
            },
        }
        try:
            _enter(spec, kind)
            cause = advice = ""
        except StepError as error:
            cause, advice = _why(error)
            advice = f"{advice} Or {_WAY_OUT[kind]}."
    sys.stdout.write(json.dumps([not cause, _MEANS[kind], cause, advice]))


def _probe(kind: str) -> Probe:
    # A refusal may be put right at any moment, so only success is remembered.
    if kind not in _found:
        probe = _asked(kind)
        if not probe.works:
            return probe
        _found[kind] = probe
    return _found[kind]


def _asked(kind: str) -> Probe:
    if sys.platform != "linux":
        cause = f"{sys.platform} has no namespaces, only Linux has."
        return Probe(
            works=False, means=_MEANS[kind], cause=cause, advice=f"{_WAY_OUT[kind].capitalize()}."
        )
    folder = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, "-S", "-E", "-c", _PROGRAM, folder, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    try:
        return Probe(*json.loads(done.stdout))
    except (ValueError, TypeError):
        told = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        cause = f"Trying it failed: {told}."
        return Probe(works=False, means=_MEANS[kind], cause=cause, advice="Try it again.")


def _enter(spec: dict[str, Any], kind: str) -> None:
    """Enter a view in a child; raise what it met."""
    view = View.make(spec)
    reader, writer = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as outside:
        pid = os.fork()
        if pid == 0:
            mounts = [(spec["directory"], MOUNT_POINT)] if kind == _MOUNTS else []
            _be_inside(view, mounts, writer, outside.getsockname())
        os.close(writer)
        with open(reader, encoding="utf-8") as file:
            told = file.read()
        os.waitpid(pid, 0)
    if told != "fine":
        number, _, name = told.partition(" ")
        raise StepError(name or "Entering the view", int(number or 0))


def _be_inside(
    view: View, mounts: list[tuple[str, str]], writer: int, outside: tuple[str, int]
) -> NoReturn:
    told = "fine"
    try:
        view.enter("/", mounts)
        if view.is_isolated:
            with contextlib.suppress(OSError):
                socket.create_connection(outside, 1)
                told = f"{errno.EHOSTUNREACH} Leaving the network, which was still reached"
    except StepError as error:
        told = f"{error.errno} {error.step}"
    finally:
        os.write(writer, told.encode())
        os._exit(0)


def _why(error: StepError) -> tuple[str, str]:
    """Return what forbade a step, as far as this system tells, and who can allow it."""
    ordinary = os.geteuid() != 0
    for name, value, better, concerns in (
        ("user.max_user_namespaces", "0", "10000", True),
        ("kernel.unprivileged_userns_clone", "0", "1", ordinary),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0", ordinary),
    ):
        if concerns and _setting(name) == value:
            cause = f"{error}. The setting {name} is {value}."
            return cause, f"An administrator can allow it with `sysctl {name}={better}`."
    if _has_filter():
        return (
            f"{error}. This container filters calls of the kernel (seccomp).",
            "Whoever starts it can allow unshare, setns and mount (--security-opt seccomp=...).",
        )
    return f"{error}.", "An administrator of this machine would have to allow user namespaces."


def _sentences(probe: Probe) -> str:
    return f"{probe.cause} {probe.advice}"


def _setting(name: str) -> str:
    path = f"/proc/sys/{name.replace('.', '/')}"
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        return file.read().strip()
    return ""


def _has_filter() -> bool:
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as file:
        return any(line.split() == ["Seccomp:", "2"] for line in file)
    return False
