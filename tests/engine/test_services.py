"""Services: what is kept running, and answers at a socket of its supervisor's."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from jupyter_ml.engine import identity
from jupyter_ml.testing import eventually

SERVICE = """
import os, socket
listener = socket.socket(fileno=int(os.environ['JUPYTER_ML_LISTEN_FD']))
while True:
    connection, _ = listener.accept()
    connection.recv(1)
    connection.sendall(str(os.getpid()).encode())
    connection.close()
"""


def ask(address):
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"?")
        return int(connection.recv(100))


def test_a_service_that_dies_is_restarted_and_refuses_nobody(bench):
    ref = bench.start(SERVICE, restart="always", listen=True)
    address = eventually(lambda: bench.engine.observe(ref).address, 30)
    first = ask(address)
    who = identity.identify(first)
    os.kill(first, signal.SIGKILL)
    # A process that is being killed may still accept, and then resets.
    eventually(lambda: not identity.is_alive(who))
    second = ask(address)
    assert second != first
    eventually(lambda: bench.engine.observe(ref).restarts == 1)
    bench.engine.stop(ref)
    verdict = bench.verdict(ref)
    assert (verdict.state, verdict.restarts) == ("Stopped", 1)
    with pytest.raises(ConnectionRefusedError):
        ask(address)


def test_a_service_that_never_comes_up_is_given_up(bench):
    verdict = bench.run("raise SystemExit(5)", restart="always")
    assert verdict.state == "Failed"
    assert "5 times in a row" in verdict.message


def test_a_service_that_wrote_down_its_failure_is_given_up_at_once(bench):
    code = (
        "open('../../failure.json', 'w').write('{\"Message\": \"no model\"}'); raise SystemExit(1)"
    )
    verdict = bench.run(code, restart="always")
    assert (verdict.message, verdict.restarts) == ("no model", 0)


def test_a_killed_shim_takes_its_service_along(bench):
    ref = bench.start(SERVICE, restart="always", listen=True)
    address = eventually(lambda: bench.engine.observe(ref).address, 30)
    who = identity.identify(ask(address))
    os.kill(bench.shim(ref), signal.SIGKILL)
    eventually(lambda: not identity.is_alive(who))
    eventually(lambda: bench.state(ref) == "lost", 30)
    with pytest.raises(ConnectionRefusedError):
        ask(address)


def test_a_service_outlives_the_zygote_that_forked_it(warm):
    ref = warm.start(SERVICE, restart="always", listen=True)
    address = eventually(lambda: warm.engine.observe(ref).address, 30)
    first = ask(address)
    (zygote,) = warm.zygotes.living()
    os.kill(warm.zygote_pid(zygote.folder), signal.SIGKILL)
    eventually(lambda: not warm.zygotes.living())
    assert ask(address) == first
    os.kill(first, signal.SIGKILL)
    eventually(lambda: warm.engine.observe(ref).restarts == 1)
    assert ask(address) != first


def test_a_service_that_is_restarted_finds_packages_as_they_are_then(warm, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "tool.py").write_text("value = 1")
    code = "import tool, socket, os\nprint(tool.value, flush=True)\n" + SERVICE
    limits = {"env": {"PYTHONPATH": str(site)}, "preload": ("tool",)}
    ref = warm.start(code, restart="always", listen=True, **limits)
    address = eventually(lambda: warm.engine.observe(ref).address, 30)
    first = ask(address)
    (site / "tool.py").write_text("value = 22")
    os.kill(first, signal.SIGKILL)
    eventually(lambda: warm.engine.observe(ref).restarts == 1)
    ask(address)
    eventually(lambda: warm.log(ref) == "1\n22\n")


SOCKETS = """
import os
links = [f'/proc/self/fd/{name}' for name in os.listdir('/proc/self/fd')]
print(sum(os.path.exists(link) and os.readlink(link).startswith('socket:') for link in links))
"""


def test_a_service_may_hand_its_socket_on_and_does_not_by_itself(bench):
    code = (
        "import os, subprocess, sys\n"
        f"seen = subprocess.check_output([sys.executable, '-c', {SOCKETS!r}], text=True)\n"
        "handed = os.get_inheritable(int(os.environ['JUPYTER_ML_LISTEN_FD']))\n"
        "print(handed, seen.strip(), flush=True)\n"
    )
    ref = bench.start(code + SERVICE, restart="always", listen=True)
    ask(eventually(lambda: bench.engine.observe(ref).address, 30))
    eventually(lambda: bench.log(ref) == "True 0\n")


def test_a_service_that_has_ended_leaves_no_zygote(warm):
    ref = warm.ref()
    warm.engine.submit(ref, warm.work(SERVICE, restart="always", listen=True))
    eventually(lambda: warm.engine.observe(ref).address, 30)
    warm.engine.stop(ref)
    shim = warm.shim(ref)
    assert warm.verdict(ref).state == "Stopped"
    eventually(lambda: identity.start_time(shim) is None)
    assert list(warm.zygotes.living()) == []
