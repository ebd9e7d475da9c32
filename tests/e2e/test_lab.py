"""The main road, by a user's eyes and hands: train, watch, fail, reload, deploy, ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .road import SLOW_MS, brightness, open_notebook, opened, row, run_all, show_sidebar, use_theme

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Response

    from .conftest import Lab

FOLDED = re.compile(r'endpoints[^,{}]*":\s*false', re.IGNORECASE)
TRAINING = """%%ml train --name cancer -o model
import time
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
frame = load_breast_cancer(as_frame=True).frame
X, y = frame.drop(columns="target"), frame["target"]
for step in range(40):
    ml.log(loss=1 / (step + 1), step=step)
    ml.progress(step + 1, 40)
    print("step", step)
    time.sleep(0.25)
model = LogisticRegression(max_iter=5000).fit(X, y)
ml.log(auc=0.99)"""
FAILING = """%%ml train --name broken
values = {"depth": 3}
values["dept"]"""


@pytest.fixture(scope="module")
def trained(browser, lab: Lab) -> Lab:
    """Return the Lab after a job was trained and one failed, both from a notebook."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{lab.url}/lab?token=e2e&reset")
    open_notebook(
        page,
        lab,
        "train.ipynb",
        ["import jupyter_ml as ml\n%load_ext jupyter_ml", TRAINING, FAILING],
    )
    expect(page.get_by_text("No training jobs yet")).to_be_visible()
    run_all(page)
    expect(row(page, "cancer-1")).to_contain_text("Training", timeout=SLOW_MS)
    row(page, "cancer-1").click()
    job = opened(page, "TrainingJob-cancer-1")
    chart = job.get_by_role("img", name=re.compile("^loss"))
    expect(chart).to_be_visible(timeout=SLOW_MS)
    drawn = chart.get_attribute("aria-label")
    expect(job.locator(".jp-ml-log-tail")).to_contain_text("step")
    expect(chart).not_to_have_attribute("aria-label", drawn or "")
    expect(page.locator(".jp-ml-status-bar")).to_contain_text("running")
    expect(job.locator(".jp-ml-badge")).to_contain_text("Completed", timeout=SLOW_MS)
    expect(row(page, "broken-1")).to_contain_text("KeyError", timeout=SLOW_MS)
    context.close()
    return lab


def test_a_job_shows_live_in_the_sidebar_on_its_page_and_in_the_status_bar(
    trained: Lab, page: Page
) -> None:
    show_sidebar(page)
    expect(row(page, "cancer-1")).to_be_visible()
    expect(page.get_by_role("group", name="Show")).to_contain_text(re.compile(r"Completed\s*1"))


def test_the_log_is_searched_and_jumps_to_the_first_error(trained: Lab, page: Page) -> None:
    show_sidebar(page)
    row(page, "broken-1").click()
    job = opened(page, "TrainingJob-broken-1")
    job.get_by_role("tab", name="Log").click()
    job.get_by_role("button", name="First error").click()
    expect(job.locator(".jp-ml-log-line[data-current]")).to_contain_text("Traceback")
    job.get_by_label("Search the log").fill("keyerror")
    expect(job.get_by_text(re.compile(r"\d+ match"))).to_be_visible()


def test_a_failed_job_names_the_exception_and_the_line_of_the_cell(
    trained: Lab, page: Page
) -> None:
    show_sidebar(page)
    row(page, "broken-1").click()
    card = opened(page, "TrainingJob-broken-1").get_by_role("alert", name="Why it failed")
    expect(card).to_contain_text("KeyError in line 2 of the cell")
    expect(card.locator("[data-current]")).to_contain_text('values["dept"]')


def is_saved_with_endpoints_folded(response: Response) -> bool:
    saved = response.request.post_data or ""
    return "/lab/api/workspaces/" in response.url and bool(FOLDED.search(saved))


def test_a_reload_brings_everything_back_where_it_was(trained: Lab, page: Page) -> None:
    show_sidebar(page)
    row(page, "cancer-1").click()
    opened(page, "TrainingJob-cancer-1").get_by_role("tab", name="Resources").click()
    endpoints = page.get_by_role("button", name="Endpoints", exact=True)
    # JupyterLab saves its state a second after it last changed, all of it at once.
    with page.expect_response(is_saved_with_endpoints_folded):
        endpoints.click()
    page.goto(f"{trained.url}/lab")
    job = opened(page, "TrainingJob-cancer-1")
    expect(job.get_by_role("tab", name="Resources")).to_have_attribute(
        "aria-selected", "true", timeout=SLOW_MS
    )
    expect(job.get_by_text("Peak memory")).to_be_visible()
    expect(page.get_by_role("button", name="Endpoints", exact=True)).to_have_attribute(
        "aria-expanded", "false"
    )


def test_the_output_of_a_cell_outlives_its_kernel(trained: Lab, page: Page) -> None:
    cells = ["import jupyter_ml as ml", "ml.job('cancer')"]
    open_notebook(page, trained, "outlives.ipynb", cells)
    run_all(page)
    output = page.locator(".jp-OutputArea-output .jp-ml-page")
    expect(output.get_by_role("heading", name="cancer-1")).to_be_visible(timeout=SLOW_MS)
    page.keyboard.press("Control+s")
    page.get_by_role("menuitem", name="Kernel").click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    output.get_by_role("tab", name="Log").click()
    expect(output.get_by_role("log")).to_contain_text("step 39")


def test_the_widget_talks_to_the_kernel_where_the_extension_is_missing(
    trained: Lab, page: Page
) -> None:
    cells = [
        "import jupyter_ml as ml\njob = ml.job('cancer')",
        "from jupyter_ml.toolkit.widgets import panel_class",
        "panel_class()(job._client, panel='TrainingJob', input={'TrainingJobName': 'cancer-1'})",
    ]
    open_notebook(page, trained, "widget.ipynb", cells)
    run_all(page)
    output = page.locator(".jp-OutputArea-output .jp-ml-page")
    expect(output.get_by_role("img", name=re.compile("^loss"))).to_be_visible(timeout=SLOW_MS)
    output.get_by_role("tab", name="Log").click()
    expect(output.get_by_role("log")).to_contain_text("step 39")
    output.get_by_role("button", name="open page").click()
    expect(opened(page, "TrainingJob-cancer-1")).to_be_visible()


def test_an_endpoint_is_tried_from_its_page(trained: Lab, page: Page) -> None:
    cells = ["import jupyter_ml as ml", "endpoint = ml.job('cancer').deploy('cancer')"]
    open_notebook(page, trained, "deploy.ipynb", cells)
    run_all(page)
    row(page, "cancer").click(timeout=SLOW_MS)
    endpoint = opened(page, "Endpoint-cancer")
    expect(endpoint.locator(".jp-ml-badge").first).to_contain_text("In service", timeout=SLOW_MS)
    endpoint.get_by_label("mean radius", exact=True).fill("12.5")
    endpoint.get_by_role("button", name="Send").click()
    expect(endpoint.locator(".jp-ml-try-response pre")).to_contain_text("predictions")
    endpoint.get_by_role("button", name="Raw").click()
    endpoint.get_by_label("Request body").fill('{"columns": ["mean radios"], "data": [[1]]}')
    endpoint.get_by_role("button", name="Send").click()
    expect(endpoint.get_by_role("alert")).to_contain_text("mean radios")
    endpoint.get_by_role("button", name="Delete").click()
    endpoint.get_by_role("button", name="Confirm delete").click()
    expect(row(page, "cancer")).to_have_count(0, timeout=SLOW_MS)


def test_two_jobs_are_compared_by_keyboard(trained: Lab, page: Page) -> None:
    show_sidebar(page)
    row(page, "broken-1").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("c")
    compared = page.get_by_role("article", name=re.compile("^Comparison of"))
    expect(compared.get_by_role("heading", name="2 runs compared")).to_be_visible()
    expect(compared.locator(".jp-ml-diff")).to_contain_text('values["dept"]')


def test_panels_follow_the_dark_theme(trained: Lab, page: Page) -> None:
    show_sidebar(page)
    row(page, "cancer-1").click()
    job = opened(page, "TrainingJob-cancer-1").locator(".jp-ml-page")
    expect(job).to_be_visible()
    use_theme(page, "Dark")
    background, color = job.evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    assert brightness(background) < 80 < brightness(color)


def test_a_server_that_goes_and_comes_back_is_noticed(trained: Lab, page: Page) -> None:
    show_sidebar(page)
    expect(row(page, "cancer-1")).to_be_visible()
    trained.stop()
    expect(page.locator("#jupyter-ml-sidebar").get_by_text("Reconnecting").first).to_be_visible(
        timeout=SLOW_MS
    )
    trained.start()
    expect(page.locator("#jupyter-ml-sidebar .jp-ml-connection[data-shown]")).to_have_count(
        0, timeout=SLOW_MS
    )


def test_nothing_is_fetched_from_elsewhere(trained: Lab, page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.reload()
    show_sidebar(page)
    row(page, "cancer-1").click()
    expect(
        opened(page, "TrainingJob-cancer-1").get_by_role("img", name=re.compile("^loss"))
    ).to_be_visible()
    ours = (trained.url, "data:", "blob:")
    assert [url for url in requested if not url.startswith(ours)] == []


def test_zooming_into_a_chart_shows_the_points_that_the_whole_has_no_room_for(
    lab: Lab, page: Page
) -> None:
    long = """%%ml train --name long
for step in range(50_000):
    ml.log(loss=step % 97, step=step)"""
    open_notebook(page, lab, "long.ipynb", ["import jupyter_ml as ml\n%load_ext jupyter_ml", long])
    run_all(page)
    expect(row(page, "long-1")).to_have_attribute(
        "aria-label", re.compile("Completed"), timeout=SLOW_MS
    )
    row(page, "long-1").click()
    job = opened(page, "TrainingJob-long-1")
    chart = job.get_by_role("img", name=re.compile("^loss"))
    expect(chart).to_be_visible(timeout=SLOW_MS)
    whole = points_in(chart)
    for _ in range(2):
        drag_over_a_tenth(page, chart)
        expect(job.locator("figure[aria-busy=false]")).to_be_visible()
    shown = points_in(chart)
    # a hundredth of the steps, each of them, where the whole page had a twenty-fifth of them
    assert 300 < shown < 800
    assert shown > 5 * whole / 100
    job.get_by_role("button", name="Reset zoom").click()
    expect(chart).to_have_attribute("aria-label", re.compile(f" {whole} points"))


def points_in(chart: Locator) -> int:
    """Return how many points a chart says that it shows."""
    found = re.search(r"(\d+) points", chart.get_attribute("aria-label") or "")
    assert found
    return int(found[1])


def drag_over_a_tenth(page: Page, chart: Locator) -> None:
    """Select a tenth of what a chart shows, in its middle."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    axes = chart.locator(".jp-ml-axes line").first.bounding_box()
    assert box
    assert axes
    middle = axes["x"] + axes["width"] / 2
    page.mouse.move(middle - axes["width"] / 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] / 2)
    expect(chart.locator(".jp-ml-chart-band")).to_be_visible()
    page.mouse.move(middle + axes["width"] / 20, box["y"] + box["height"] / 2)
    page.mouse.up()
