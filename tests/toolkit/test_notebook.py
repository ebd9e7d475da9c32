"""The toolkit in a real kernel: what papermill keeps, what a live frontend gets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from jupyter_client.manager import KernelManager

from jupyter_ml.testing import eventually
from jupyter_ml.toolkit.display.bundle import PANEL
from jupyter_ml.toolkit.widgets import panel_class

QUICKSTART = Path(__file__).parents[2] / "examples" / "00-quickstart.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"
WAIT_S = 120
# The kernel is a program of others; its warnings are not what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore")


class Kernel:
    """A kernel with a client that says, as JupyterLab does, which cell it runs."""

    def __init__(self):
        self.seen = []
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, "JPY_SESSION_NAME": "/somewhere/study.ipynb"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WAIT_S)

    def start(self, source, cell_id=None):
        """Send a cell; return the id of the request."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        message["metadata"] = {"cellId": cell_id} if cell_id else {}
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def outputs(self, request):
        """Return the messages of a cell's output until the cell is done."""
        found = []
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            self.seen.append((message["msg_type"], message["content"]))
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    return found
            else:
                found.append((message["msg_type"], message["content"]))

    def run(self, source, cell_id=None):
        return self.outputs(self.start(source, cell_id))

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(workspace):
    one = Kernel()
    yield one
    one.stop()


def text_of(outputs):
    return "".join(
        content.get("text", "")
        + content.get("data", {}).get("text/plain", "")
        + "\n".join(content.get("traceback", []))
        for _, content in outputs
    )


def bundles(outputs, kind="display_data"):
    return [content["data"] for message, content in outputs if message == kind]


def test_a_live_frontend_gets_a_widget_and_a_saved_notebook_does_not(kernel, workspace):
    kernel.run("import jupyter_ml as ml\n%load_ext jupyter_ml")
    live = kernel.run("%%ml train --name live\nml.log(auc=0.5)", cell_id="cell-7")
    (shown,) = bundles(live)
    assert shown[PANEL]["panel"] == "TrainingJob"
    assert shown[PANEL]["input"] == {"TrainingJobName": "live-1"}
    assert text_of(live).startswith("live-1 · this kernel's Python · sent nothing · detached\n")
    assert shown["text/plain"].startswith("live-1 · ")
    assert (WIDGET in shown) == (panel_class() is not None)
    saved = kernel.run("job = ml.job('live').wait()\njob")
    (result,) = bundles(saved, "execute_result")
    assert WIDGET not in result
    assert result[PANEL]["snapshot"]["Card"]["TrainingJobStatus"] == "Completed"
    # the output of the first cell is final now, without anybody running it again
    updates = bundles(kernel.seen, "update_display_data")
    assert any("✓ Completed" in data.get("text/html", "") for data in updates)
    got = workspace.call("GetRun", {"RunName": "live-1"})
    assert (got["Notebook"], got["CellId"]) == ("/somewhere/study.ipynb", "cell-7")


def test_interrupting_the_cell_detaches_with_a_sentence(kernel, workspace):
    kernel.run("import jupyter_ml as ml\n%load_ext jupyter_ml")
    request = kernel.start("%%ml train --name long --wait\nimport time; time.sleep(600)")
    running = {"TrainingJobName": "long-1"}
    eventually(
        lambda: (
            workspace.call("WatchTrainingJobs", {})["Jobs"]
            and workspace.call("DescribeTrainingJob", running)["SecondaryStatus"] == "Training"
        ),
        timeout_s=WAIT_S,
    )
    kernel.manager.interrupt_kernel()
    outputs = kernel.outputs(request)
    assert "Detached: long-1 goes on in the background" in text_of(outputs)
    assert "File " not in text_of(outputs)
    assert workspace.call("DescribeTrainingJob", running)["TrainingJobStatus"] == "InProgress"
    kernel.run("ml.job('long').stop()")


def test_a_failed_wait_shows_the_line_of_the_cell(kernel):
    kernel.run("import jupyter_ml as ml\n%load_ext jupyter_ml")
    outputs = kernel.run("%%ml train --name bad --wait\nx = 1\nx / 0")
    assert "bad-1 failed in line 2: ZeroDivisionError" in text_of(outputs)
    assert "job.rerun(here=True)" in text_of(outputs)


@pytest.mark.slow
def test_the_quickstart_runs_from_top_to_bottom(workspace, tmp_path):
    executed = tmp_path / "executed.ipynb"
    papermill.execute_notebook(
        QUICKSTART, executed, kernel_name="python3", cwd=tmp_path, progress_bar=False
    )
    cells = [cell for cell in nbformat.read(executed, 4).cells if cell.cell_type == "code"]
    shown = [
        "".join(
            output.get("text", "") + output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        )
        for cell in cells
    ]
    assert "ready" in shown[0]
    assert "cancer-1 · this kernel's Python · sent train " in shown[2]
    assert "detached" in shown[2]
    assert "auc" in shown[3]
    assert "GradientBoostingClassifier" in shown[4]
    assert "vs cancer-1" in shown[5]
    assert "depth" in shown[6]
    assert "InService in " in shown[7]
    assert "self-test passed" in shown[7]
    assert "curl" in shown[7]
    assert "prediction" in shown[8]
    assert "nothing running" in shown[9]
    assert sys.modules["jupyter_ml"].__version__ in shown[0]
