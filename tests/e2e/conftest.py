"""A real JupyterLab with the built extension, and a real Chromium to look at it.

Run these tests in a process of their own: Playwright's event loop and the one of the server
tests do not go together.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
LABEXTENSION = ROOT / "jupyter_ml" / "labextension"
CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
TOKEN = "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, saying why, where there is nothing to look at or to look with."""
    reason = None
    if CHROMIUM is None:
        reason = "Chromium is not installed"
    elif not (LABEXTENSION / "package.json").exists():
        reason = "the lab extension is not built: npm run build"
    if reason is not None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Lab:
    """A JupyterLab that runs in directories of its own."""

    root: Path
    port: int = field(default=0)
    process: subprocess.Popen[bytes] | None = None
    stops: int = 0

    @property
    def url(self) -> str:
        """Return the base URL; the server runs below one, as behind a hub."""
        return f"http://127.0.0.1:{self.port}/user/e2e"

    @property
    def environment(self) -> dict[str, str]:
        """Return an environment in which nothing of the user's is read or written."""
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTER_ML_WORKSPACE": "workspace",
            "IPYTHONDIR": "ipython",
        }
        kept = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        }
        own = {name: str(self.root / place) for name, place in places.items()}
        return {**kept, **own, "JUPYTER_ML_WARM_MEMORY_MB": "0"}

    def start(self) -> None:
        """Start the server, on the port that it had before if it had one."""
        files = self.root / "files"
        quiet = self.root / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True, exist_ok=True)
        asked = {"fetchNews": "false", "checkForUpdates": False}
        (quiet / "notification.jupyterlab-settings").write_text(json.dumps(asked))
        extensions = self.root / "labextensions"
        files.mkdir(exist_ok=True)
        if not extensions.exists():
            extensions.mkdir()
            shutil.copytree(LABEXTENSION, extensions / "jupyter-ml")
        self.port = self.port or _free_port()
        arguments = [
            f"--ServerApp.port={self.port}",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={files}",
            "--ServerApp.base_url=/user/e2e/",
            "--ServerApp.port_retries=0",
            f"--LabApp.extra_labextensions_path={extensions}",
            "--allow-root",
            "--no-browser",
        ]
        with (self.root / "lab.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, timeout_s=120)

    def stop(self) -> None:
        """End the server as Ctrl-C twice would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None
            self.stops += 1

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call an operation over HTTP, the way the extension does."""
        return json.loads(
            self._request(f"jupyter-ml/api/{operation}", json.dumps(request).encode())
        )

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError((self.root / "lab.log").read_text()[-4000:])
        try:
            self._request("api/status", None)
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _request(self, path: str, body: bytes | None) -> bytes:
        request = urllib.request.Request(
            f"{self.url}/{path}",
            data=body,
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start one JupyterLab for the tests of a file, with a workspace that is empty."""
    server = Lab(tmp_path_factory.mktemp("lab"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start one Chromium for all tests."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only where tests run)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """Open a page with a user's cookie, which fails the test when it reports an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    opened = context.new_page()
    problems: list[str] = []
    stops = lab.stops
    opened.on("pageerror", lambda error: problems.append(error.stack or str(error)))
    opened.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    opened.wait_for_selector("#jupyter-ml-sidebar", state="attached")
    yield opened
    context.close()
    if lab.stops > stops:
        problems = [problem for problem in problems if not _is_lab_without_server(problem)]
    assert problems == []


def _is_lab_without_server(stack: str) -> bool:
    """Return whether JupyterLab's own code, not the extension's, missed a server that a test ended.

    It saves its layout whenever that changes and catches no error of the network then.
    """
    return stack.startswith("TypeError: Failed to fetch") and "extensions/jupyter-ml" not in stack
