"""How long it takes to be there: imports, `%load_ext jupyter_ml`, and the sidebar with its jobs.

`.venv/bin/python benchmarks/startup.py [--publish] [--rounds 10] [--jobs 1000 10000]`
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measure

from jupyter_ml.client import LocalClient
from jupyter_ml.core.rows import Rows
from jupyter_ml.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = secrets.token_hex(8)
IMPORTS = {
    "`import jupyter_ml`": "import jupyter_ml",
    "`import mlflow`": "import mlflow",
}
LOAD = (
    "import json, time\n"
    "from IPython.core.interactiveshell import InteractiveShell\n"
    "shell = InteractiveShell.instance()\n"
    "started = time.perf_counter()\n"
    "shell.run_line_magic('load_ext', 'jupyter_ml')\n"
    "print(json.dumps(time.perf_counter() - started))"
)
# When the answer with the jobs came, when a row was in the document and when it was painted.
WATCH = """
window.__seen = {};
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', event => {
      if (typeof event.data === 'string' && event.data.includes('"past-1')) {
        window.__seen.answered ??= performance.now();
      }
    });
  }
};
new MutationObserver(() => {
  if (!window.__seen.shown && document.querySelector('#jupyter-ml-sidebar [data-row]')) {
    window.__seen.shown = performance.now();
    requestAnimationFrame(() => setTimeout(() => { window.__seen.painted = performance.now(); }));
  }
}).observe(document, { childList: true, subtree: true });
"""
SCROLL = """async () => {
  let scroller = document.querySelector('#jupyter-ml-sidebar [data-row]');
  while (!/auto|scroll/.test(getComputedStyle(scroller).overflowY)) {
    scroller = scroller.parentElement;
  }
  const frames = [];
  let last = performance.now();
  while (frames.length < 180) {
    scroller.scrollTop += 120;
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)];
}"""


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--publish", action="store_true", help="write the tables into the docs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1000, 10_000])
    options = parser.parse_args()
    text = f"{imported(options.rounds)}\n\n{opened(options.jobs)}"
    print(text)
    if options.publish:
        measure.publish("startup", ".venv/bin/python benchmarks/startup.py --publish", text)


def imported(rounds: int) -> str:
    """Return the table of what Python waits for."""
    pythons: dict[str, Path | str] = {"`import jupyter_ml`": sys.executable}
    missing = []
    for name, peer, packages in (
        ("`import mlflow`", "mlflow", ("mlflow-skinny", "sqlalchemy", "alembic", "pandas")),
    ):
        try:
            pythons[name] = measure.virtual_environment(f"tracking-{peer}", *packages)
        except RuntimeError as error:
            missing.append(f"{name} was not measured: {error}")
    cases: dict[str, Any] = {
        name: lambda python=python, name=name: imported_in(python, IMPORTS[name])
        for name, python in pythons.items()
    }
    cases["`%load_ext jupyter_ml`"] = lambda: float(output_of(sys.executable, LOAD))
    figures = measure.interleaved(cases, rounds, warm_up=1)
    lines = [
        (name, f"{statistics.median(one) * 1000:.0f} ms", f"{max(one) * 1000:.0f} ms")
        for name, one in figures.items()
    ]
    return "\n\n".join([measure.table(("", "median", "longest"), lines), *missing])


def imported_in(python: Path | str, statement: str) -> float:
    """Return the seconds that a statement takes in a Python that has just started."""
    code = (
        f"import time; started = time.perf_counter(); {statement}; "
        "print(time.perf_counter() - started)"
    )
    return float(output_of(python, code))


def output_of(python: Path | str, code: str) -> str:
    """Return the last line that code prints."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", code],
            env=measure.environment(JUPYTER_ML_WORKSPACE=folder, IPYTHONDIR=folder),
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout.strip().rpartition("\n")[2]


def opened(counts: list[int]) -> str:
    """Return the table of the sidebar, or why there is none."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if chromium is None:
        return "The sidebar was not measured: Chromium is not installed."
    lines = []
    for count in counts:
        seen = sidebar(chromium, count)
        lines.append(
            (f"{count:,} jobs", f"{seen['painted']:.0f} ms", f"{seen['frame']:.0f} ms per frame")
        )
    columns = ("sidebar", "painted after the answer", "scrolling, 95 % of frames within")
    return measure.table(columns, lines)


def sidebar(chromium: str, count: int) -> dict[str, float]:
    """Return what one opening of the sidebar with so many jobs took, in milliseconds."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only where it is used)

    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "workspace", count)
        for url in served(Path(folder)):
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                page = browser.new_page(viewport={"width": 1280, "height": 860})
                page.set_default_timeout(120_000)
                page.add_init_script(WATCH)
                page.goto(f"{url}/lab?token={SECRET}&reset")
                page.locator("[data-id='jupyter-ml-sidebar']").first.click()
                page.wait_for_function("window.__seen.painted !== undefined")
                seen = page.evaluate("window.__seen")
                frame = page.evaluate(SCROLL)
                browser.close()
    return {"painted": seen["painted"] - seen["answered"], "frame": frame}


def served(folder: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab on the workspace in a folder, and end it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    extensions = folder / "labextensions"
    shutil.copytree(measure.ROOT / "jupyter_ml" / "labextension", extensions / "jupyter-ml")
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            f"--ServerApp.port={port}",
            f"--IdentityProvider.token={SECRET}",
            f"--ServerApp.root_dir={folder}",
            f"--LabApp.extra_labextensions_path={extensions}",
        ],
        env=measure.environment(
            JUPYTER_ML_WORKSPACE=str(folder / "workspace"),
            **{place: str(folder / place) for place in places},
        ),
        stdout=subprocess.DEVNULL,
        stderr=(folder / "lab.log").open("wb"),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not answers(f"{url}/api/status?token={SECRET}"):
            if time.monotonic() > deadline or server.poll() is not None:
                raise RuntimeError((folder / "lab.log").read_text()[-2000:])
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def answers(url: str) -> bool:
    """Return whether a server answers."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (of our own server)
            return True
    except OSError:
        return False


def fill(workspace: Path, count: int) -> None:
    """Give a workspace jobs that ended in the past: their records alone, as no job was run."""
    os.environ["JUPYTER_ML_WORKSPACE"] = str(workspace)
    store = LocalClient(Settings.from_environment()).runtime.workspace.store
    now = time.time()
    with store.write() as connection:
        Rows(connection).insert_all([past(number, now - 60 * number) for number in range(count)])


def past(number: int, created: float) -> dict[str, Any]:
    """Return the record of a job that has ended."""
    status = ("Completed", "Completed", "Failed", "Stopped")[number % 4]
    name = f"past-1{number:06d}"
    observed = {
        "TrainingJobStatus": status,
        "SecondaryStatusTransitions": [
            {"Status": status, "StartTime": created, "StatusMessage": "It ended."}
        ],
        "TrainingStartTime": created,
        "TrainingEndTime": created + 30 + number % 90,
        "Origin": {"Kind": "cell", "Notebook": "churn.ipynb", "CellId": "c1"},
        "Objective": {
            "Name": "validation:auc",
            "Value": 0.9 + number % 100 / 1000,
            "Sparkline": [0.5 + step % 7 / 30 for step in range(30)],
        },
        **({"FailureReason": "ValueError: no such column"} if status == "Failed" else {}),
    }
    return {
        "kind": "TrainingJob",
        "key": name,
        "arn": f"arn:aws:sagemaker:local:000000000000:training-job/{name}",
        "parent": None,
        "owner": "benchmark",
        "revision": 3,
        "status": status,
        "request": {"HyperParameters": {f"p{one}": str(one * number) for one in range(20)}},
        "desired": {},
        "observed": json.loads(json.dumps(observed)),
        "private": {"model_uri": f"s3://past/{name}/output/model.tar.gz"},
        "created_at": created,
        "modified_at": created + 40,
    }


if __name__ == "__main__":
    main()
