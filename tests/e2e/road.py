"""The steps that a user takes in JupyterLab, by the names that the tests call them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from .conftest import Lab

SLOW_MS = 90_000


def open_notebook(page: Page, lab: Lab, name: str, cells: list[str]) -> None:
    """Write a notebook and open it beside the side bar."""
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (lab.root / "files" / name).write_text(json.dumps(content))
    page.goto(f"{lab.url}/lab/tree/{name}?reset")
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=SLOW_MS)
    show_sidebar(page)


def show_sidebar(page: Page) -> None:
    """Show the ML side bar."""
    tab = page.locator("li.lm-TabBar-tab[data-id='jupyter-ml-sidebar']")
    if tab.get_attribute("aria-selected") != "true":
        tab.click()


def run_all(page: Page) -> None:
    """Run every cell, once the kernel is there to run them."""
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("menuitem", name="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def use_theme(page: Page, name: str) -> None:
    """Choose the light or the dark theme from the palette."""
    page.keyboard.press("Control+Shift+c")
    page.locator("#modal-command-palette input").fill(f"Use Theme: JupyterLab {name}")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute(
        "data-jp-theme-light", str(name == "Light").lower()
    )


def row(page: Page, name: str) -> Locator:
    """Return the row of a job or an endpoint in the side bar."""
    return page.locator(f"#jupyter-ml-sidebar [data-row='{name}']")


def opened(page: Page, name: str) -> Locator:
    """Return the page of a job or an endpoint in the main area."""
    return page.locator(f"#jupyter-ml-page-{name}")


def brightness(color: str) -> float:
    """Return the mean of the channels of an `rgb(...)` or `color(srgb ...)` text, 0 to 255."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", color)[:3]]
    scale = 255 if "srgb" in color else 1
    return scale * sum(numbers) / 3
