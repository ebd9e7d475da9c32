"""Work that is cut off from the network, and work that finds its folder at /opt/ml.

All of it for the user who runs the tests and, where that is the superuser, for an ordinary one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import ordinary
import pytest

import jupyter_ml
from jupyter_ml.engine import isolation
from jupyter_ml.testing import eventually

HERE = Path(__file__).parent
USERS = ["the user of the tests", *(["an ordinary user"] if os.geteuid() == 0 else [])]
FORBIDDEN = ["unshare", "--user", "--map-root-user", "sh", "-c"]
NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" "$@"'
READY = "open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'started')\n"
OBEYS = f"import os, time\n{READY}time.sleep(600)"
TRY = """
import os, socket
def attempt(name, function):
    try:
        function()
        print(name, "worked", flush=True)
    except OSError as error:
        print(name, "failed:", type(error).__name__, error.errno, flush=True)
def connect(address, family=socket.AF_INET):
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)
"""


class User:
    """Runs work as one user, in a workspace and a home of its own."""

    def __init__(self, *, is_ordinary):
        self.folder = Path(tempfile.mkdtemp(dir="/tmp"))
        self.workspace, self.home = self.folder / "workspace", self.folder / "home"
        for path in (self.workspace, self.home):
            path.mkdir()
        self.before, self.number = [sys.executable], os.getuid()
        if is_ordinary:
            self.before += [ordinary.__file__, sys.executable]
            self.number = ordinary.NUMBER
            for path in (self.folder, self.workspace, self.home):
                os.chown(path, ordinary.NUMBER, ordinary.NUMBER)

    def run(self, code, *, before=(), **work):
        values = json.dumps({"code": TRY + code, **work})
        command = [*before, *self.before, str(HERE / "run_work.py"), str(self.workspace), values]
        env = {**os.environ, "HOME": str(self.home)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def log(self, code, **work):
        ended = self.run(code, **work)
        assert ended["verdict"]["state"] == "Completed", ended
        return ended["logs"][0]


@pytest.fixture(params=USERS)
def user(request):
    user = User(is_ordinary=request.param == "an ordinary user")
    yield user
    shutil.rmtree(user.folder, ignore_errors=True)


@pytest.fixture
def outside():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


def test_isolated_work_reaches_nobody_and_the_same_work_does_where_it_is_not(user, outside):
    code = f"""
attempt("the machine", lambda: connect({outside}))
attempt("another machine", lambda: connect(("192.0.2.1", 80)))
attempt("a name", lambda: socket.getaddrinfo("localhost.example", 80))
with socket.create_server(("127.0.0.1", 0)) as own:
    attempt("itself", lambda: connect(own.getsockname()))
"""
    told = user.log(code, isolated=True).splitlines()
    assert told == [
        "the machine failed: ConnectionRefusedError 111",
        "another machine failed: OSError 101",
        "a name failed: gaierror -3",
        "itself worked",
    ]
    shutil.rmtree(user.workspace / "work")
    assert "the machine worked" in user.log(f'attempt("the machine", lambda: connect({outside}))')


def test_the_verdict_says_by_which_means(user):
    ended = user.run("pass", isolated=True)
    assert ended["verdict"]["enforced"]["network"] == "network namespace"


def test_a_fork_of_a_warm_process_is_cut_off_too(bench, outside):
    ref = bench.start(f"{TRY}attempt('it', lambda: connect({outside}))", isolated=True)
    assert bench.verdict(ref).state == "Completed"
    assert bench.log(ref) == "it failed: ConnectionRefusedError 111\n"


def test_isolated_work_ends_with_its_supervisor(bench, is_running):
    ref = bench.start(OBEYS, isolated=True)
    pid = bench.started(ref)
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: not is_running(pid), 10)


def test_the_members_of_isolated_work_reach_each_other(user):
    code = """
import time
if os.environ["JUPYTER_ML_MEMBER"] == "0":
    with socket.create_server(("127.0.0.1", 29401)) as server:
        print(server.accept()[0].recv(5).decode())
else:
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 29401)) as client:
                client.sendall(b"hello")
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""
    assert user.log(code, isolated=True, members=2) == "hello\n"


def test_isolated_work_reaches_no_socket_that_is_a_file_or_a_name(user):
    path, name = str(user.folder / "socket"), f"\0{user.folder}"
    code = f"""
attempt("a file", lambda: connect({path!r}, socket.AF_UNIX))
attempt("a name", lambda: connect({name!r}, socket.AF_UNIX))
attempt("another kind", lambda: socket.socket(40, socket.SOCK_STREAM))
print(sorted(os.listdir("/run")), os.listdir({str(user.workspace / "warm")!r}))
"""
    with socket.socket(socket.AF_UNIX) as file, socket.socket(socket.AF_UNIX) as abstract:
        file.bind(path)
        Path(path).chmod(0o777)
        file.listen()
        abstract.bind(name)
        abstract.listen()
        told = user.log(code, isolated=True).splitlines()
    kept = [
        name for name in ("media", "current-system", "opengl-driver") if Path("/run", name).exists()
    ]
    assert told == [
        "a file failed: ConnectionRefusedError 111",
        "a name failed: ConnectionRefusedError 111",
        "another kind failed: OSError 97",
        f"{kept} []",
    ]


def test_isolated_work_sees_no_credentials_and_leaves_the_workspace_alone(user):
    for name in (".aws/credentials", ".ssh/id_ed25519", ".netrc", ".config/kept"):
        path = user.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
        path.chmod(0o644)
    (user.workspace / "data").write_text("1")
    code = f"""
home, workspace = {str(user.home)!r}, {str(user.workspace)!r}
print(os.listdir(f"{{home}}/.aws"), os.listdir(f"{{home}}/.ssh"), open(f"{{home}}/.netrc").read())
print(open(f"{{home}}/.config/kept").read(), open(f"{{workspace}}/data").read())
attempt("writing", lambda: open(f"{{workspace}}/data", "w"))
attempt("writing its own", lambda: open(f"{{workspace}}/runs/one/points", "w"))
"""
    run = str(user.workspace / "runs" / "one")
    told = user.log(code, isolated=True, env={"JUPYTER_ML_RUN_DIR": run}).splitlines()
    assert told == ["[] [] ", "secret 1", "writing failed: OSError 30", "writing its own worked"]


def test_isolated_work_cannot_undo_it(user):
    code = f"""
import ctypes
c = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(c, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)
attempt("the network of others", lambda: open("/proc/{os.getpid()}/ns/net"))
attempt("their environment", lambda: open("/proc/{os.getpid()}/environ").read())
attempt("uncovering", lambda: call("umount2", b"/run", 2))
attempt("uncovering inside", lambda: (call("unshare", 0x10020000), call("umount2", b"/run", 2)))
"""
    told = user.log(code, isolated=True)
    assert "worked" not in told
    assert told.count("PermissionError") >= 3


def test_an_isolated_service_answers_and_calls_nobody_by_the_socket_that_it_answers_at(
    bench, outside
):
    code = f"""{TRY}
import struct, ctypes
listener = socket.socket(fileno=int(os.environ["JUPYTER_ML_LISTEN_FD"]))
def turn_around():
    nobody = struct.pack("H14x", 0)
    if ctypes.CDLL(None, use_errno=True).connect(listener.fileno(), nobody, 16):
        raise OSError(ctypes.get_errno(), "connect")
    listener.connect({outside})
attempt("it", turn_around)
attempt("fast", lambda: socket.socket().sendto(b"x", 0x20000000, {outside}))
while True:
    listener.accept()[0].sendall(b"here")
"""
    ref = bench.start(code, isolated=True, restart="always", listen=True)
    bench.shim(ref)
    with socket.create_connection(bench.engine.observe(ref).address, 10) as client:
        assert client.recv(4) == b"here"
    bench.engine.stop(ref)
    bench.verdict(ref)
    told = "it failed: PermissionError 1\nfast failed: PermissionError 1\n"
    assert bench.log(ref) == told


def test_where_the_system_forbids_it_the_work_is_refused_with_the_cause_and_never_run(tmp_path):
    user = User(is_ordinary=False)
    ended = user.run("print('ran')", before=[*FORBIDDEN, NO_NAMESPACES], isolated=True)
    shutil.rmtree(user.folder, ignore_errors=True)
    (told,) = ended["obstacles"]
    assert "sysctl user.max_user_namespaces=" in told
    assert "EnableNetworkIsolation" in told
    assert (ended["verdict"]["state"], ended["verdict"]["started_at"]) == ("Failed", None)
    assert "Making a network namespace" in ended["verdict"]["message"]
    assert ended["logs"] == [""]


def test_what_a_member_starts_finds_its_folder_at_a_place_of_its_choice(user):
    beside = [path.name for path in Path("/opt").iterdir()]
    code = """
import sys
from jupyter_ml.engine.view import handed_on
rank, attempt = os.environ["JUPYTER_ML_MEMBER"], os.environ["JUPYTER_ML_ATTEMPT_DIR"]
for name in ("ml", "model"):
    os.makedirs(name, exist_ok=True)
if os.fork() == 0:
    handed_on(attempt).enter("/", [(os.path.abspath("ml"), "/opt/ml"), (attempt, "/opt/ml/all")])
    open("/opt/ml/mine", "w").write(rank)
    open(f"/opt/ml/all/from-{rank}", "w").write(rank)
    print(open("/opt/ml/mine").read(), sorted(os.listdir("/opt")), os.getuid(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.wait()[1]), os.path.exists("/opt/ml/mine"))
"""
    path = os.pathsep.join([str(Path(jupyter_ml.__file__).parents[1]), *sys.path])
    work = {"mounts": True, "hands_on": True, "env": {"PYTHONPATH": path}}
    ended = user.run(code, members=2, **work)
    assert ended["verdict"]["state"] == "Completed", ended
    seen = sorted({*beside, "ml"})
    assert ended["logs"] == [f"{rank} {seen} {user.number}\n0 False\n" for rank in (0, 1)]
    attempt = user.workspace / "work" / "Job" / "one" / "1"
    assert sorted(path.name for path in attempt.glob("from-*")) == ["from-0", "from-1"]


def test_what_works_here_is_found_by_trying():
    for probe, means in (
        (isolation.probe_network(), "network namespace"),
        (isolation.probe_mounts(), "mount namespace"),
    ):
        assert probe == (True, means, "", "")
