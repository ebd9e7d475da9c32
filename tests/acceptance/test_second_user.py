"""A second user of the machine gets nothing: no file, no socket, no process, no route, no word."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from desk import Desk
from jupyter_process import start

from jupyter_ml.client import LocalClient
from jupyter_ml.core.settings import Settings
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

BE_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
SECRET_OF_THE_JOB = "secret-of-the-job-0123456789"
SLEEPER = """
import json, sys, time
print("ready", flush=True)
time.sleep(600)
"""
# What the stranger does, in the standard library alone; what succeeds is printed.
STRANGER = """
import http.client, json, os, socket, sys, urllib.request, urllib.error
asked = json.load(sys.stdin)
got = {"files": [], "folders": [], "written": [], "sockets": [], "signalled": [], "environ": [],
       "cmdline": {}, "fds": [], "answers": {}}
for top in asked["folders"]:
    for folder, _, names in os.walk(top):
        try:
            if os.listdir(folder) and folder != asked["open"]:
                got["folders"].append(folder)
        except OSError:
            pass
        for name in names:
            try:
                open(os.path.join(folder, name), "rb").read(1)
                got["files"].append(os.path.join(folder, name))
            except OSError:
                pass
for path in asked["known"]:
    for how, kind in (("rb", "files"), ("ab", "written")):
        try:
            open(path, how).close()
            got[kind].append(path)
        except OSError:
            pass
for top in asked["folders"]:
    try:
        open(os.path.join(top, "planted"), "w").close()
        got["written"].append(top)
    except OSError:
        pass
for path in asked["sockets"]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as one:
            try:
                one.connect("\\0" + path[1:] if path.startswith("@") else path)
                got["sockets"].append(path)
            except OSError:
                pass
for pid in asked["pids"]:
    try:
        os.kill(pid, 0)
        got["signalled"].append(pid)
    except OSError:
        pass
    try:
        open(f"/proc/{pid}/environ", "rb").read()
        got["environ"].append(pid)
    except OSError:
        pass
    try:
        got["fds"] += os.listdir(f"/proc/{pid}/fd")
    except OSError:
        pass
    try:
        got["cmdline"][pid] = open(f"/proc/{pid}/cmdline", "rb").read().decode("latin-1")
    except OSError:
        pass
for method, url, headers in asked["urls"]:
    body = b"[1]" if method == "POST" else None
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            got["answers"][f"{method} {url} {sorted(headers)}"] = answer.status
    except urllib.error.HTTPError as refusal:
        got["answers"][f"{method} {url} {sorted(headers)}"] = refusal.code
print(json.dumps(got))
"""


@pytest.fixture(params=["made by us", "made by hand, and open"])
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that everybody may look into, so that nothing but our own modes protects."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs to become another user: run it as root, with setpriv")
    folder = Path(tempfile.mkdtemp(prefix="jupyter-ml-open-"))
    folder.chmod(0o755)
    if request.param != "made by us":
        (folder / "workspace").mkdir()
        (folder / "workspace").chmod(0o755)
    yield folder
    # The timekeeper and what is kept warm stay for a while, and would write meanwhile.
    eventually(lambda: not ended(folder))
    shutil.rmtree(folder)


def ended(home: Path) -> dict[int, str]:
    """End what runs for the workspace; return what did."""
    found = processes(home)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


@pytest.fixture
def desk(home: Path) -> Iterator[Desk]:
    """A workspace in use: warm, with a timekeeper, a job, an endpoint, keys and metrics."""
    settings = Settings(workspace=home / "workspace", free_floor_mb=0, user="tester")
    sources = home / "private"
    sources.mkdir(mode=0o700)
    desk = Desk(LocalClient(settings), sources)
    secret = {"API_KEY": SECRET_OF_THE_JOB}
    desk.run("warm", "import json\nprint('done')", Environment=secret)
    desk.train("sleeper", SLEEPER, Environment=secret)
    desk.deploy("doubling", API_KEY=SECRET_OF_THE_JOB)
    eventually(lambda: desk.client.attend() and "ready" in desk.log("sleeper"), 60)
    yield desk
    desk.close()


def processes(home: Path) -> dict[int, str]:
    """Return what runs for the workspace, by process id, with its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode("latin-1")
            environ = (folder / "environ").read_bytes().decode("latin-1")
        except OSError:
            continue
        if str(home) in line or f"{home}/" in environ:
            found[int(folder.name)] = line
    found.pop(os.getpid(), None)
    return found


def sockets(home: Path, pids: set[int]) -> list[str]:
    """Return the names of the Unix sockets that our processes listen on."""
    owned = set()
    for pid in pids:
        try:
            links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        owned |= {link[8:-1] for link in links if link.startswith("socket:[")}
    named = []
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if len(fields) == 8 and (fields[6] in owned or str(home) in fields[7]):
            named.append(fields[7])
    on_disk = [str(path) for path in home.rglob("*") if path.is_socket()]
    return sorted({*named, *on_disk})


def listening(pids: set[int]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses that our processes listen on."""
    return [
        ipaddress.ip_address(connection.laddr.ip)
        for pid in pids & set(psutil.pids())
        for connection in psutil.Process(pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def secrets(home: Path) -> set[str]:
    """Return every token and key that the workspace holds."""
    root = home / "workspace"
    found = {path.read_text().strip() for path in root.glob("work/*/*/*/token")}
    for name in ("work.json", "serve.json"):
        documents = (json.loads(path.read_text()) for path in root.glob(f"work/*/*/*/{name}"))
        found |= {document["token"] for document in documents if "token" in document}
    for path in (root / "keys").iterdir():
        found |= {text for text in path.read_text().split('"') if len(text) > 12}
    return found | {SECRET_OF_THE_JOB}


def python_of_everybody() -> str:
    """Return a Python that another user can run: ours may be in somebody's home."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        command = [*BE_NOBODY, python, "-S", "-E", "-c", "import http.client, json, socket"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, check=False, cwd="/", capture_output=True).returncode == 0:
                return python
    pytest.skip("needs a Python that another user can run, such as /usr/bin/python3")


def stranger(**asked: Any) -> dict[str, Any]:
    """Be another user, and return what that one got."""
    done = subprocess.run(
        [*BE_NOBODY, python_of_everybody(), "-S", "-E", "-c", STRANGER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    got: dict[str, Any] = json.loads(done.stdout)
    return got


def test_a_second_user_gets_nothing(home: Path, desk: Desk) -> None:
    workspace = home / "workspace"
    server = start(home / "server", JUPYTER_ML_WORKSPACE=str(workspace))
    try:
        base = server.url
        routes = [
            *("jupyter-ml/api", "jupyter-ml/credentials", "jupyter-ml/api/stream"),
            *("jupyter-ml/api/GetWorkspace", "jupyter-ml/aws/", "jupyter-ml/aws/bucket/key"),
            *("jupyter-ml/endpoints/doubling/invocations", "api/contents", "api/kernels"),
        ]
        direct = desk.card("doubling")["Url"]
        ping = direct.replace("/invocations", "/ping")
        forged = {"Authorization": "Bearer guessed"}
        urls = [
            *((method, f"{base}{route}", {}) for route in routes for method in ("GET", "POST")),
            *(("POST", direct, headers) for headers in ({}, forged)),
            *(("GET", ping, headers) for headers in ({}, forged)),
        ]
        pids = {*processes(home), server.process.pid}
        known = [str(path) for path in workspace.rglob("*") if path.is_file()]
        got = stranger(
            folders=[str(workspace)],
            open=str(workspace) if workspace.stat().st_mode & 0o005 else "",
            known=known,
            sockets=sockets(home, pids),
            pids=sorted(pids),
            urls=urls,
        )
        held = secrets(home)
        addresses = listening(pids)
    finally:
        server.stop()

    assert len(addresses) >= 2, "the server and the endpoint, at least"
    assert [each for each in addresses if not each.is_loopback] == []
    assert len(pids) >= 5, "a shim and its member twice, and the server, at least"
    assert len(known) > 20
    assert len(held) >= 5
    assert got["files"] == []
    assert got["folders"] == []
    assert got["written"] == []
    assert got["sockets"] == []
    assert got["signalled"] == []
    assert got["environ"] == []
    assert got["fds"] == []
    assert len(got["answers"]) == len(urls)
    refused = {401, 403, 404, 405}
    assert {url: code for url, code in got["answers"].items() if code not in refused} == {}
    told = {(line, secret) for line in got["cmdline"].values() for secret in held if secret in line}
    assert told == set()


def test_everything_in_a_workspace_is_for_its_owner_alone(home: Path, desk: Desk) -> None:
    root = desk.client.runtime.workspace.root
    open_to_others = [
        f"{path} {path.stat().st_mode & 0o777:o}"
        for path in root.iterdir()
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
