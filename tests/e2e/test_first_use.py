"""What somebody meets who opens an empty workspace and presses what is offered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from .road import SLOW_MS, open_notebook, opened, row, run_all, show_sidebar

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Lab

LONGER_THAN_A_TOAST_WAITS = """%%ml train --name long
import time
for step in range(24):
    ml.progress(step + 1, 24)
    time.sleep(0.5)"""


def test_what_an_empty_workspace_offers_runs_as_it_is(lab: Lab, page: Page) -> None:
    show_sidebar(page)
    page.get_by_role("button", name="Insert example cells").click()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2, timeout=SLOW_MS)
    run_all(page)
    expect(row(page, "iris-1")).to_have_attribute("data-group", "completed", timeout=SLOW_MS)
    page.get_by_role("button", name="Insert example cell", exact=True).click()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    page.keyboard.press("Shift+Enter")
    card = page.locator(".jp-OutputArea-output [aria-label='Endpoint iris']")
    expect(card.get_by_text("In service")).to_be_visible(timeout=SLOW_MS)
    row(page, "iris").click()
    endpoint = opened(page, "Endpoint-iris")
    endpoint.get_by_role("button", name="Delete").click()
    endpoint.get_by_role("button", name="Confirm delete").click()
    expect(endpoint.get_by_text("Deleted", exact=True)).to_be_visible(timeout=SLOW_MS)
    expect(endpoint.get_by_role("button", name="Send")).to_have_count(0)


def test_a_toast_comes_when_a_long_job_has_ended_and_not_before(lab: Lab, page: Page) -> None:
    cells = ["import jupyter_ml as ml\n%load_ext jupyter_ml", LONGER_THAN_A_TOAST_WAITS]
    open_notebook(page, lab, "long.ipynb", cells)
    run_all(page)
    bell = page.get_by_title(re.compile("^1 notification"))
    expect(bell).to_be_visible(timeout=SLOW_MS)
    expect(row(page, "long-1")).to_have_attribute("data-group", "running")
    toast = page.locator(".Toastify__toast")
    expect(toast).to_have_count(0)
    expect(toast).to_contain_text("long-1 completed after 1", timeout=SLOW_MS)
    toast.get_by_role("button", name="Open").click()
    expect(opened(page, "TrainingJob-long-1")).to_be_visible()
