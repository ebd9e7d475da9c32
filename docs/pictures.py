"""Take the pictures of the documentation from the running product.

`make pictures` starts a JupyterLab in a temporary folder, runs the cells of the quickstart in
Chromium, and photographs what they show, in the light and the dark theme, into docs/images/.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.conftest import CHROMIUM, TOKEN, Lab  # noqa: E402  (found through the path above)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 200_000
PATIENCE_MS = 120_000
SIZE: Any = {"width": 1280, "height": 860}
FAILING = """%%ml train --name typo
features = train.drop(columns="target")
mean = features.mean()
print("columns", len(mean))
mean["mean radios"]"""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def quickstart() -> dict[str, Any]:
    """Return the quickstart without its prose, training longer so that it can be watched.

    Returns
    -------
    dict
        A notebook whose last cell, which deletes the endpoint, gave way to a cell that fails.
    """
    notebook = json.loads((ROOT / "examples" / "00-quickstart.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        source = "".join(cell["source"])
        cell["source"] = source.replace("trees = 60", "trees = 300")
        cell["outputs"], cell["execution_count"] = [], None
    cells[-1]["source"] = FAILING
    return {**notebook, "cells": cells}


class Photographer:
    """Opens what a user would open, and keeps what is seen then."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taken: list[Path] = []

    def row(self, name: str) -> Locator:
        """Return the row of a job or an endpoint in the side bar."""
        return self.page.locator(f"#jupyter-ml-sidebar [data-row='{name}']")

    def cell(self, number: int) -> Locator:
        """Return a cell of the notebook, counted from 0."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{number}']")

    def open(self, name: str) -> Locator:
        """Open the page of a job or an endpoint from its row."""
        self.row(name).click()
        opened = self.page.locator(f"[id^='jupyter-ml-page-'][id$='-{name}']:visible .jp-ml-page")
        expect(opened).to_be_visible()
        self.page.mouse.move(0, 0)
        return opened

    def show_notebook(self) -> None:
        """Bring the notebook to the front."""
        self.page.get_by_role("tab", name="quickstart.ipynb").click()

    def run(self, number: int) -> None:
        """Run one cell and move to the next."""
        self.cell(number).locator(".cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")

    def use_theme(self, name: str) -> None:
        """Choose a theme from the palette."""
        wanted = str(name == "light").lower()
        if self.page.locator("body").get_attribute("data-jp-theme-light") == wanted:
            return
        self.page.keyboard.press("Control+Shift+c")
        self.page.locator("#modal-command-palette input").fill(f"Use Theme: {THEMES[name]}")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", wanted)

    def take(self, name: str, of: Locator | None = None) -> None:
        """Keep a picture of an element, or of all that is seen.

        Parameters
        ----------
        name
            The name of the file without its ending.
        of
            The element; None takes the whole window.

        Raises
        ------
        ValueError
            If the picture is larger than a reader should have to fetch.
        """
        picture = (of or self.page).screenshot(animations="disabled", caret="hide")
        if len(picture) > LARGEST_BYTES:
            msg = f"{name} has {len(picture)} bytes, more than {LARGEST_BYTES}: take less of it"
            raise ValueError(msg)
        path = IMAGES / f"{name}.png"
        path.write_bytes(picture)
        self.taken.append(path)
        print(f"{path.relative_to(ROOT)}: {len(picture):,} bytes")


def open_lab(page: Page, lab: Lab) -> None:
    """Open the notebook beside the side bar, with a kernel that is ready."""
    content = json.dumps(quickstart())
    (lab.root / "files" / "quickstart.ipynb").write_text(content)
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.goto(f"{lab.url}/lab/tree/quickstart.ipynb?reset")
    page.locator("li.lm-TabBar-tab[data-id='jupyter-ml-sidebar']").click()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


def watch_a_job(camera: Photographer) -> None:
    """Train, and photograph the notebook while the job works and its page when it is done."""
    for number in range(3):
        camera.run(number)
    output = camera.cell(2).locator(".jp-OutputArea-output .jp-ml-page")
    expect(output.get_by_role("img", name=re.compile("^auc"))).to_be_visible()
    expect(camera.row("cancer-1").get_by_text(re.compile(r"[3-9]\d %"))).to_be_visible()
    camera.cell(2).locator(".cm-content").evaluate("e => e.scrollIntoView({block: 'start'})")
    camera.take("notebook-live-light")
    expect(camera.row("cancer-1")).to_have_attribute("data-group", "completed")
    for number in range(3, 8):
        camera.run(number)
    expect(camera.cell(6).locator(".jp-OutputArea-output").first).to_be_visible()
    expect(camera.row("cancer-2")).to_have_attribute("data-group", "completed")


def photograph(camera: Photographer) -> None:
    """Run the quickstart's cells and photograph what they show."""
    page = camera.page
    watch_a_job(camera)
    expect(camera.row("cancer")).to_be_visible()
    camera.run(8)
    camera.run(9)
    expect(camera.row("typo-1")).to_have_attribute("data-group", "failed")
    for theme in THEMES:
        camera.use_theme(theme)
        camera.open("cancer-2")
        expect(page.get_by_role("img", name=re.compile("^auc")).last).to_be_visible()
        camera.take(f"job-{theme}")
        failure = camera.open("typo-1").get_by_role("alert", name="Why it failed")
        expect(failure).to_be_visible()
        camera.take(f"failure-{theme}", failure)
        endpoint = camera.open("cancer")
        endpoint.get_by_role("button", name="Send").click()
        expect(endpoint.locator(".jp-ml-try-response pre")).to_contain_text("predictions")
        page.mouse.move(0, 0)
        camera.take(f"endpoint-{theme}")
        camera.show_notebook()
        compared = camera.cell(6).locator(".jp-OutputArea-output .jp-ml-page")
        compared.scroll_into_view_if_needed()
        camera.take(f"compare-{theme}", compared)
    delete_endpoint(camera)


def delete_endpoint(camera: Photographer) -> None:
    """Leave no process behind."""
    endpoint = camera.open("cancer")
    endpoint.get_by_role("button", name="Delete").click()
    endpoint.get_by_role("button", name="Confirm delete").click()
    expect(camera.row("cancer")).to_have_count(0)


def main() -> None:
    """Take all pictures anew."""
    if CHROMIUM is None:
        sys.exit("Chromium takes the pictures, and it is not on the PATH: install it")
    expect.set_options(timeout=PATIENCE_MS)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        lab.start()
        try:
            chromium = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            context = chromium.new_context(viewport=SIZE, reduced_motion="reduce")
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            open_lab(page, lab)
            photograph(Photographer(page))
            chromium.close()
        finally:
            lab.stop()


if __name__ == "__main__":
    main()
