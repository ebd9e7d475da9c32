"""What axe-core, which knows the rules of WCAG, has against the pages that a user meets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .conftest import ROOT
from .road import SLOW_MS, brightness, open_notebook, opened, row, run_all, show_sidebar, use_theme

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from .conftest import Lab

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """
scope => axe.run(scope, {resultTypes: ['violations']}).then(found => found.violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 160)).join(' | ')}`))
"""
CELLS = [
    "import jupyter_ml as ml\n%load_ext jupyter_ml",
    """%%ml train --name good -o model
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit([[0], [1]], [0, 1])
for step in range(5):
    ml.log(loss=1 / (step + 1), step=step)""",
    '%%ml train --name bad\nvalues = {"depth": 3}\nvalues["dept"]',
    "endpoint = ml.job('good').deploy('asked')",
]
pytestmark = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")


def test_no_page_shuts_anybody_out_in_either_theme(lab: Lab, page: Page) -> None:
    open_notebook(page, lab, "accessible.ipynb", CELLS)
    run_all(page)
    expect(row(page, "asked")).to_have_attribute("aria-label", "asked, In service", timeout=SLOW_MS)
    page.add_script_tag(path=AXE)
    found = violations(page)
    use_theme(page, "Dark")
    found |= violations(page)
    lab.call("DeleteEndpoint", {"EndpointName": "asked"})
    assert found == set()


def violations(page: Page) -> set[str]:
    """Return the serious and critical violations on every page, opened one after the other."""
    found = against(page, "#jupyter-ml-sidebar")
    row(page, "good-1").click()
    job = opened(page, "TrainingJob-good-1")
    for tab in ("Log", "Resources", re.compile("^Inputs"), "Overview"):
        job.get_by_role("tab", name=tab).click()
        found |= against(page, "#jupyter-ml-page-TrainingJob-good-1")
    expect(job.get_by_role("img", name=re.compile("^loss"))).to_be_visible()
    found |= against(page, "#jupyter-ml-page-TrainingJob-good-1")
    row(page, "bad-1").click()
    failed = opened(page, "TrainingJob-bad-1").get_by_role("alert", name="Why it failed")
    expect(failed).to_be_visible(timeout=SLOW_MS)
    found |= against(page, "#jupyter-ml-page-TrainingJob-bad-1")
    row(page, "asked").click()
    endpoint = opened(page, "Endpoint-asked")
    expect(endpoint.get_by_role("button", name="Send")).to_be_visible()
    found |= against(page, "#jupyter-ml-page-Endpoint-asked")
    require_readable_under_the_pointer(endpoint)
    compare(page)
    return found | against(page, ".jp-ml-page[aria-label^='Comparison of']")


def require_readable_under_the_pointer(endpoint: Locator) -> None:
    """Ask to delete, as a mouse does that then stays where it is."""
    endpoint.get_by_role("button", name="Delete").click()
    asking = endpoint.get_by_role("button", name="Confirm delete")
    colours = asking.evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    background, text = map(brightness, colours)
    assert abs(background - text) > 100
    asking.press("Escape")


def against(page: Page, scope: str) -> set[str]:
    """Return the serious and critical violations within a part of the page."""
    return {f"{scope} {violation}" for violation in page.evaluate(VIOLATIONS, scope)}


def compare(page: Page) -> None:
    """Open the comparison of both jobs."""
    show_sidebar(page)
    row(page, "bad-1").focus()
    for name in ("bad-1", "good-1"):
        box = row(page, name).get_by_role("checkbox")
        if not box.is_checked():
            row(page, name).focus()
            page.keyboard.press("Space")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="2 runs compared")).to_be_visible()
