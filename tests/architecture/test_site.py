"""The pages that the site takes from outside docs/ read the same here and there."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def turned():
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.turned


def test_a_link_out_of_docs_leads_to_the_page_that_was_taken_in(turned):
    text = "[how](../../benchmarks/README.md)"
    assert turned(text, "understand/benchmarks.md") == "[how](measuring.md)"


def test_a_page_that_was_taken_in_links_to_where_the_others_are(turned):
    text = "[results](../docs/understand/benchmarks.md#serving)"
    assert turned(text, "understand/measuring.md") == "[results](benchmarks.md#serving)"


def test_links_within_docs_and_to_other_hosts_stay(turned):
    text = "[a](../do/audit.md) [b](https://example.org/x.md) [c](#here) ![d](../images/a.png)"
    assert turned(text, "understand/benchmarks.md") == text


def test_a_link_to_what_the_site_does_not_have_is_left_for_the_build_to_refuse(turned):
    assert turned("[x](../LICENSE)", "do/audit.md") == "[x](../LICENSE)"
    assert turned("[x](../../LICENSE)", "do/audit.md") == "[x](../../LICENSE)"
